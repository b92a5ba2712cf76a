// Sixteen floats at a time: the unit in which points are stored and compared.
#ifndef BAN_TF_OPS_CLUSTERING_LANES_H_
#define BAN_TF_OPS_CLUSTERING_LANES_H_

#include <cstdint>

#include "tf_ops/core/simd.h"
#include "tf_ops/core/simd_masks.h"

namespace ban {

// Points in a block, and boxes in a group.
constexpr int kBlock = 16;

// A block takes this many vectors; `part` below counts them.
constexpr int kParts = kBlock / simd::kWidth;

// One coordinate of every point of a block.
struct alignas(64) Sixteen {
  float lane[kBlock];
};

BAN_INLINE simd::Floats LoadPart(const Sixteen& values, int part) {
  return simd::Load(values.lane + part * simd::kWidth);
}

BAN_INLINE void StorePart(simd::Floats lanes, int part, Sixteen* values) {
  simd::Store(values->lane + part * simd::kWidth, lanes);
}

// The bits of a part that are <= `limit`, at their place among the sixteen.
BAN_INLINE uint32_t BitsWithin(simd::Floats values, float limit, int part) {
  return simd::BitsLessEqual(values, simd::Broadcast(limit))
         << (part * simd::kWidth);
}

// Squared distances of a part of the block `points` [E] to `query` [E], in
// float32 and therefore off by a few units in the last place.
BAN_INLINE simd::Floats SquaredDistances(const Sixteen* points,
                                         const float* query, int width,
                                         int part) {
  simd::Floats sum = {};
  for (int e = 0; e < width; ++e) {
    const simd::Floats difference = LoadPart(points[e], part) - query[e];
    sum += difference * difference;
  }
  return sum;
}

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_LANES_H_
