#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "tf_ops/sampling/sampling.h"

namespace ban {
namespace {

void SampleCloud(const float* cloud, int64_t num_points, int64_t num_samples,
                 float* nearest, int32_t* picked) {
  int32_t last = -1;
  for (int64_t n = num_points - 1; n >= 0; --n) {
    const float* p = cloud + n * 3;
    const bool finite =
        std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2]);
    nearest[n] = finite ? std::numeric_limits<float>::infinity() : -1.0f;
    if (finite) last = static_cast<int32_t>(n);
  }
  if (last < 0) {
    std::fill_n(picked, num_samples, 0);
    return;
  }
  picked[0] = last;
  for (int64_t m = 1; m < num_samples; ++m) {
    const float* from = cloud + static_cast<int64_t>(picked[m - 1]) * 3;
    float farthest = -1.0f;
    int32_t where = 0;
    for (int64_t n = 0; n < num_points; ++n) {
      const float dx = cloud[n * 3] - from[0];
      const float dy = cloud[n * 3 + 1] - from[1];
      const float dz = cloud[n * 3 + 2] - from[2];
      const float d = dx * dx + dy * dy + dz * dz;
      if (d < nearest[n]) nearest[n] = d;
      if (nearest[n] > farthest) {
        farthest = nearest[n];
        where = static_cast<int32_t>(n);
      }
    }
    picked[m] = where;
  }
}

}  // namespace

void FarthestPointSampleCpu(Workers* workers, const float* xyz, int64_t batch,
                            int64_t num_points, int64_t num_samples,
                            int32_t* index) {
  const double ns_per_cloud = 0.5 * num_points * num_samples;
  ParallelFor(workers, batch, ns_per_cloud, [&](int64_t begin, int64_t end) {
    std::unique_ptr<float[]> nearest(new float[num_points]);
    for (int64_t b = begin; b < end; ++b) {
      SampleCloud(xyz + b * num_points * 3, num_points, num_samples,
                  nearest.get(), index + b * num_samples);
    }
  });
}

}  // namespace ban
