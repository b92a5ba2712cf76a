// Points in blocks of sixteen, one array per coordinate, each block in its box.
#ifndef BAN_TF_OPS_CLUSTERING_POINT_BLOCKS_H_
#define BAN_TF_OPS_CLUSTERING_POINT_BLOCKS_H_

#include <cstdint>
#include <vector>

#include "tf_ops/clustering/lanes.h"

namespace ban {

class PointBlocks {
 public:
  // Position p holds the point `order[p]` of `points` [N, E].  The last block
  // is filled up with points at infinity.
  PointBlocks(const float* points, const std::vector<int32_t>& order,
              int width);

  int64_t num_blocks() const { return num_blocks_; }
  int64_t num_groups() const { return (num_blocks_ + kBlock - 1) / kBlock; }

  // The block's coordinates [E].
  const Sixteen* block(int64_t b) const { return &coordinates_[b * width_]; }
  // The boxes of sixteen blocks [E].
  const Sixteen* low(int64_t group) const { return &low_[group * width_]; }
  const Sixteen* high(int64_t group) const { return &high_[group * width_]; }

  // Bit i is set unless box 16 * group + i is farther than `limit` (squared,
  // in float32) from `query`.
  uint32_t BoxesWithin(int64_t group, const float* query, float limit) const {
    const Sixteen* low = &low_[group * width_];
    const Sixteen* high = &high_[group * width_];
    uint32_t mask = 0;
    for (int part = 0; part < kParts; ++part) {
      simd::Floats sum = {};
      for (int e = 0; e < width_; ++e) {
        const simd::Floats at = simd::Broadcast(query[e]);
        const simd::Floats gap =
            simd::Gap(LoadPart(low[e], part), LoadPart(high[e], part), at, at);
        sum += gap * gap;
      }
      mask |= BitsWithin(sum, limit, part);
    }
    return mask;
  }

 private:
  int width_;
  int64_t num_blocks_;
  std::vector<Sixteen> coordinates_;  // [num_blocks, E]
  std::vector<Sixteen> low_, high_;   // [num_groups, E]
};

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_POINT_BLOCKS_H_
