#include <algorithm>
#include <limits>
#include <vector>

#include "tf_ops/core/denormals.h"
#include "tf_ops/core/morton.h"
#include "tf_ops/core/simd_masks.h"
#include "tf_ops/sampling/point_buckets.h"
#include "tf_ops/sampling/sampling.h"

namespace ban {
namespace {

using simd::Floats;
using simd::Ints;
using simd::kWidth;

// Up to this many points, visiting them all costs less than sorting them.
constexpr int64_t kMaxPointsToVisit = 1024;

// Every point at every step, a vector of points at a time.
class AllPoints {
 public:
  AllPoints(const float* cloud, int64_t num_points)
      : size_((num_points + kWidth - 1) / kWidth * kWidth),
        x_(4 * size_, 0.0f),
        nearest_(x_.data() + 3 * size_) {
    std::fill_n(nearest_, size_, -1.0f);
    for (int64_t n = 0; n < num_points; ++n) {
      const float* point = cloud + n * 3;
      for (int axis = 0; axis < 3; ++axis) {
        x_[axis * size_ + n] = point[axis];
      }
      if (IsFinite(point)) nearest_[n] = std::numeric_limits<float>::infinity();
    }
  }

  // Takes `point` into account and returns the point farthest from all so far.
  int32_t Farthest(const float* point) {
    const Floats px = simd::Broadcast(point[0]);
    const Floats py = simd::Broadcast(point[1]);
    const Floats pz = simd::Broadcast(point[2]);
    const float* x = x_.data();
    Floats best = simd::Broadcast(-2.0f);
    Ints where{};
    Ints number = simd::Iota();
    for (int64_t n = 0; n < size_; n += kWidth) {
      const Floats distance = simd::SquaredLength(
          simd::Load(x + n) - px, simd::Load(x + size_ + n) - py,
          simd::Load(x + 2 * size_ + n) - pz);
      const Floats nearest = simd::Least(distance, simd::Load(nearest_ + n));
      simd::Store(nearest_ + n, nearest);
      where = simd::Select(simd::Less(best, nearest), number, where);
      best = simd::Greatest(nearest, best);
      number += kWidth;
    }
    const uint32_t tied =
        simd::BitsEqual(best, simd::Broadcast(simd::LargestLane(best)));
    return simd::SmallestLane(where, tied, std::numeric_limits<int32_t>::max());
  }

 private:
  int64_t size_;
  std::vector<float> x_;  // x, y, z and the nearest distance, one after another
  float* nearest_;
};

int32_t FirstFinite(const float* cloud, int64_t num_points) {
  for (int64_t n = 0; n < num_points; ++n) {
    if (IsFinite(cloud + n * 3)) return static_cast<int32_t>(n);
  }
  return -1;
}

template <typename Points>
void PickFrom(const float* cloud, Points* points, int64_t num_samples,
              int32_t* picked) {
  for (int64_t m = 1; m < num_samples; ++m) {
    const int64_t last = picked[m - 1];
    picked[m] = points->Farthest(cloud + last * 3);
  }
}

void SampleCloud(const float* cloud, int64_t num_points, int64_t num_samples,
                 int32_t* picked) {
  picked[0] = FirstFinite(cloud, num_points);
  if (picked[0] < 0) {
    std::fill_n(picked, num_samples, 0);
  } else if (num_points <= kMaxPointsToVisit) {
    AllPoints points(cloud, num_points);
    PickFrom(cloud, &points, num_samples, picked);
  } else {
    PointBuckets points(cloud, num_points);
    PickFrom(cloud, &points, num_samples, picked);
  }
}

}  // namespace

void FarthestPointSampleCpu(Workers* workers, const float* xyz, int64_t batch,
                            int64_t num_points, int64_t num_samples,
                            int32_t* index) {
  // Measured: up to 0.1 ns a point and step, or 20 ns a point to sort them and
  // 150 ns a step after that.
  const double ns_per_cloud = num_points <= kMaxPointsToVisit
                                  ? 0.1 * num_points * num_samples
                                  : 20.0 * num_points + 150.0 * num_samples;
  ParallelFor(workers, batch, ns_per_cloud, [&](int64_t begin, int64_t end) {
    const KeepDenormals scope;
    for (int64_t b = begin; b < end; ++b) {
      SampleCloud(xyz + b * num_points * 3, num_points, num_samples,
                  index + b * num_samples);
    }
  });
}

}  // namespace ban
