#include <cmath>

#include "tf_ops/clustering/bin_seeds.h"
#include "tf_ops/clustering/row_table.h"

namespace ban {

std::vector<float> BinSeeds(const float* points, int64_t num_points, int width,
                            double bandwidth) {
  const float cell = static_cast<float>(bandwidth);
  RowTable cells(width);
  float rounded[16];
  for (int64_t n = 0; n < num_points; ++n) {
    for (int e = 0; e < width; ++e) {
      // Half to even, in the default rounding mode; -0 becomes +0.
      rounded[e] = std::nearbyint(points[n * width + e] / cell) + 0.0f;
    }
    cells.Insert(rounded);
  }
  if (cells.size() == num_points) {
    return std::vector<float>(points, points + num_points * width);
  }
  std::vector<float> seeds = cells.rows();
  for (float& value : seeds) value *= cell;
  return seeds;
}

}  // namespace ban
