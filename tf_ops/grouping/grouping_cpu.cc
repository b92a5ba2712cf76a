#include <algorithm>

#include "tf_ops/grouping/grouping.h"

namespace ban {

void BallQueryCpu(Workers* workers, const float* xyz, const float* centres,
                  int64_t batch, int64_t num_points, int64_t num_centres,
                  float radius, int64_t num_neighbours, int32_t* index,
                  int32_t* count) {
  const float radius2 = radius * radius;
  ParallelFor(
      workers, batch * num_centres, 0.5 * num_points,
      [&](int64_t begin, int64_t end) {
        for (int64_t q = begin; q < end; ++q) {
          const float* cloud = xyz + q / num_centres * num_points * 3;
          const float* centre = centres + q * 3;
          int32_t* hits = index + q * num_neighbours;
          int64_t found = 0;
          for (int64_t n = 0; n < num_points && found < num_neighbours; ++n) {
            const float dx = cloud[n * 3] - centre[0];
            const float dy = cloud[n * 3 + 1] - centre[1];
            const float dz = cloud[n * 3 + 2] - centre[2];
            if (dx * dx + dy * dy + dz * dz < radius2) {
              hits[found++] = static_cast<int32_t>(n);
            }
          }
          count[q] = static_cast<int32_t>(found);
          std::fill(hits + found, hits + num_neighbours, found ? hits[0] : 0);
        }
      });
}

}  // namespace ban
