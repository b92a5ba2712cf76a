#include <algorithm>

#include "tf_ops/core/morton.h"
#include "tf_ops/interpolation/neighbour_search.h"

namespace ban {
namespace {

using simd::Floats;
using simd::kWidth;

constexpr int64_t kBoxSize = 8;  // references
constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

ThreeNearest::ThreeNearest(const float* queries, const int32_t* rows,
                           int64_t count) {
  float lanes[3][kWidth];
  for (int i = 0; i < kWidth; ++i) {
    // Lanes that are left over repeat the last query.
    const int64_t row = rows[std::min<int64_t>(i, count - 1)];
    for (int axis = 0; axis < 3; ++axis) {
      lanes[axis][i] = queries[row * 3 + axis];
    }
  }
  x_ = simd::Load(lanes[0]);
  y_ = simd::Load(lanes[1]);
  z_ = simd::Load(lanes[2]);
  for (int slot = 0; slot < 3; ++slot) {
    distance_[slot] = simd::Broadcast(kInfinity);
    // No index is below it, so that a distance of +inf is never taken.
    index_[slot] = simd::BroadcastInt(-1);
  }
}

uint32_t ThreeNearest::Write(const int32_t* rows, int64_t count,
                             float* squared_distance, int32_t* index) const {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = rows[i];
    for (int slot = 0; slot < 3; ++slot) {
      squared_distance[row * 3 + slot] = distance_[slot][i];
      index[row * 3 + slot] = index_[slot][i];
    }
  }
  return simd::BitsEqual(distance_[2], simd::Broadcast(kInfinity)) &
         simd::FirstLanes(count);
}

NeighbourSearch::NeighbourSearch(const float* query, int64_t num_queries,
                                 const float* reference, int64_t num_references)
    : query_order_(
          MortonOrder(query, num_queries, FindBounds(query, num_queries))),
      order_(MortonOrder(reference, num_references,
                         FindBounds(reference, num_references))),
      points_(order_.size() * 3) {
  const int64_t num_finite = order_.size();
  num_boxes_ = (num_finite + kBoxSize - 1) / kBoxSize;
  num_boxes_ = (num_boxes_ + kWidth - 1) / kWidth * kWidth;
  // Boxes that are left over lie infinitely far away.
  sides_.assign(6 * num_boxes_, kInfinity);
  for (int64_t n = 0; n < num_finite; ++n) {
    const int64_t box = n / kBoxSize;
    for (int axis = 0; axis < 3; ++axis) {
      const float at = reference[static_cast<int64_t>(order_[n]) * 3 + axis];
      points_[n * 3 + axis] = at;
      float& low = sides_[2 * axis * num_boxes_ + box];
      float& high = sides_[(2 * axis + 1) * num_boxes_ + box];
      low = std::min(low, at);
      high = n % kBoxSize == 0 ? at : std::max(high, at);
    }
  }
}

BAN_INLINE void NeighbourSearch::OfferBox(int64_t box,
                                          ThreeNearest* nearest) const {
  const int64_t begin = box * kBoxSize;
  const int64_t end = std::min<int64_t>(begin + kBoxSize, order_.size());
  for (int64_t n = begin; n < end; ++n) {
    nearest->Offer<false>(points_.data() + n * 3, order_[n]);
  }
}

// The distance between two boxes is computed in the same steps as that of two
// points, and each step rounds monotonically: so it is never larger than that
// of a query and a reference inside, to the last bit.
void NeighbourSearch::BoundBoxes(const ThreeNearest& nearest,
                                 float* bound) const {
  const float* side = sides_.data();
  float low[3], high[3];
  nearest.FindBox(low, high);
  for (int64_t b = 0; b < num_boxes_; b += kWidth) {
    Floats gap[3];
    for (int axis = 0; axis < 3; ++axis) {
      gap[axis] =
          simd::Gap(simd::Load(side + 2 * axis * num_boxes_ + b),
                    simd::Load(side + (2 * axis + 1) * num_boxes_ + b),
                    simd::Broadcast(low[axis]), simd::Broadcast(high[axis]));
    }
    simd::Store(bound + b, simd::SquaredLength(gap[0], gap[1], gap[2]));
  }
}

// Offers the boxes whose bound is at most `limit`, or at most what can still be
// taken, and gives them a bound of +inf, so that they are offered once.
void NeighbourSearch::OfferBoxes(float limit, ThreeNearest* nearest,
                                 float* bound) const {
  limit = std::min(limit, nearest->Worst());
  for (int64_t b = 0; b < num_boxes_; b += kWidth) {
    const Floats here = simd::Load(bound + b);
    uint32_t near = simd::BitsLessEqual(here, simd::Broadcast(limit)) &
                    simd::BitsLess(here, simd::Broadcast(kInfinity));
    for (; near != 0; near &= near - 1) {
      const int64_t box = b + __builtin_ctz(near);
      if (bound[box] > limit) continue;
      OfferBox(box, nearest);
      bound[box] = kInfinity;
      limit = std::min(limit, nearest->Worst());
    }
  }
}

void NeighbourSearch::Search(ThreeNearest* nearest,
                             std::vector<float>* bounds) const {
  bounds->resize(num_boxes_);
  float* bound = bounds->data();
  BoundBoxes(*nearest, bound);
  // The nearest boxes first: then most of the others are too far.
  Floats least = simd::Broadcast(kInfinity);
  for (int64_t b = 0; b < num_boxes_; b += kWidth) {
    least = simd::Least(simd::Load(bound + b), least);
  }
  OfferBoxes(-simd::LargestLane(-least), nearest, bound);
  OfferBoxes(kInfinity, nearest, bound);
}

}  // namespace ban
