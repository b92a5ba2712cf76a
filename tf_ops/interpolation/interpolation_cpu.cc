#include <algorithm>
#include <cmath>
#include <limits>

#include "tf_ops/interpolation/interpolation.h"

namespace ban {

void ThreeNearestCpu(Workers* workers, const float* query,
                     const float* reference, int64_t batch, int64_t num_queries,
                     int64_t num_references, float* squared_distance,
                     int32_t* index) {
  ParallelFor(workers, batch * num_queries, 1.0 * num_references,
              [&](int64_t begin, int64_t end) {
                for (int64_t q = begin; q < end; ++q) {
                  const float* cloud =
                      reference + q / num_queries * num_references * 3;
                  const float* at = query + q * 3;
                  float* d = squared_distance + q * 3;
                  int32_t* where = index + q * 3;
                  int64_t found = 0;
                  for (int64_t m = 0; m < num_references; ++m) {
                    const float dx = cloud[m * 3] - at[0];
                    const float dy = cloud[m * 3 + 1] - at[1];
                    const float dz = cloud[m * 3 + 2] - at[2];
                    float distance = dx * dx + dy * dy + dz * dz;
                    if (std::isnan(distance)) {
                      distance = std::numeric_limits<float>::infinity();
                    }
                    int64_t slot = found;
                    while (slot > 0 && distance < d[slot - 1]) --slot;
                    if (slot == 3) continue;
                    found = std::min<int64_t>(found + 1, 3);
                    for (int64_t s = found - 1; s > slot; --s) {
                      d[s] = d[s - 1];
                      where[s] = where[s - 1];
                    }
                    d[slot] = distance;
                    where[slot] = static_cast<int32_t>(m);
                  }
                }
              });
}

void InterpolateCpu(Workers* workers, const float* points, const int32_t* index,
                    const float* weights, int64_t batch, int64_t num_points,
                    int64_t num_queries, int64_t num_channels, float* output) {
  ParallelFor(workers, batch * num_queries, 0.3 * num_channels,
              [&](int64_t begin, int64_t end) {
                for (int64_t q = begin; q < end; ++q) {
                  const float* rows =
                      points + q / num_queries * num_points * num_channels;
                  const float* p0 = rows + index[q * 3] * num_channels;
                  const float* p1 = rows + index[q * 3 + 1] * num_channels;
                  const float* p2 = rows + index[q * 3 + 2] * num_channels;
                  const float w0 = weights[q * 3];
                  const float w1 = weights[q * 3 + 1];
                  const float w2 = weights[q * 3 + 2];
                  float* row = output + q * num_channels;
                  for (int64_t c = 0; c < num_channels; ++c) {
                    row[c] = p0[c] * w0 + p1[c] * w1 + p2[c] * w2;
                  }
                }
              });
}

void InterpolateGradCpu(Workers* workers, const float* output_grad,
                        const int32_t* index, const float* weights,
                        int64_t batch, int64_t num_points, int64_t num_queries,
                        int64_t num_channels, float* points_grad) {
  ParallelFor(workers, batch, 0.5 * num_queries * num_channels,
              [&](int64_t begin, int64_t end) {
                for (int64_t b = begin; b < end; ++b) {
                  float* rows = points_grad + b * num_points * num_channels;
                  std::fill_n(rows, num_points * num_channels, 0.0f);
                  for (int64_t t = 0; t < num_queries * 3; ++t) {
                    const int64_t entry = b * num_queries * 3 + t;
                    const float* grad = output_grad + entry / 3 * num_channels;
                    float* row = rows + index[entry] * num_channels;
                    const float w = weights[entry];
                    for (int64_t c = 0; c < num_channels; ++c) {
                      row[c] += w * grad[c];
                    }
                  }
                }
              });
}

}  // namespace ban
