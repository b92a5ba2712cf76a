#include <algorithm>
#include <limits>

#include "tf_ops/clustering/point_blocks.h"

namespace ban {

PointBlocks::PointBlocks(const float* points, const std::vector<int32_t>& order,
                         int width)
    : width_(width),
      num_blocks_((static_cast<int64_t>(order.size()) + kBlock - 1) / kBlock),
      coordinates_(num_blocks_ * width),
      low_(num_groups() * width),
      high_(num_groups() * width) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const int64_t num_points = order.size();
  for (int64_t b = 0; b < num_groups() * kBlock; ++b) {
    const int64_t begin = b * kBlock;
    const int64_t end = std::min(num_points, begin + kBlock);
    for (int e = 0; e < width; ++e) {
      float low = kInfinity;
      float high = -kInfinity;
      for (int64_t p = begin; p < end; ++p) {
        const float value = points[order[p] * int64_t{width} + e];
        coordinates_[b * width + e].lane[p - begin] = value;
        low = std::min(low, value);
        high = std::max(high, value);
      }
      for (int64_t p = std::max(begin, end);
           b < num_blocks_ && p < begin + kBlock; ++p) {
        coordinates_[b * width + e].lane[p - begin] = kInfinity;
      }
      low_[b / kBlock * width + e].lane[b % kBlock] = low;
      high_[b / kBlock * width + e].lane[b % kBlock] = high;
    }
  }
}

}  // namespace ban
