// Three nearest references for a vector of queries at a time.  No TensorFlow
// header is included here.
#ifndef BAN_TF_OPS_INTERPOLATION_NEIGHBOUR_SEARCH_H_
#define BAN_TF_OPS_INTERPOLATION_NEIGHBOUR_SEARCH_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "tf_ops/core/simd_masks.h"

namespace ban {

// The three nearest so far of kWidth queries, by (distance, index).
class ThreeNearest {
 public:
  ThreeNearest(const float* queries, const int32_t* rows, int64_t count);

  // Offers reference `index` at `point` to every query.  A distance that is
  // not below +inf is never taken.  When references are offered in ascending
  // order (kAscending), one that ties with an earlier one is never taken.
  template <bool kAscending>
  BAN_INLINE void Offer(const float* point, int32_t index) {
    const simd::Floats d = simd::SquaredLength(simd::Broadcast(point[0]) - x_,
                                               simd::Broadcast(point[1]) - y_,
                                               simd::Broadcast(point[2]) - z_);
    const simd::Ints k = simd::BroadcastInt(index);
    const simd::Mask below2 = Below<kAscending>(d, k, 2);
    if (simd::NoLane(below2)) return;
    const simd::Mask below1 = Below<kAscending>(d, k, 1);
    const simd::Mask below0 = Below<kAscending>(d, k, 0);
    Put(2, below2, below1, d, k);
    Put(1, below1, below0, d, k);
    distance_[0] = simd::Select(below0, d, distance_[0]);
    index_[0] = simd::Select(below0, k, index_[0]);
  }

  // The largest distance that can still be taken by one of the queries.
  float Worst() const { return simd::LargestLane(distance_[2]); }

  // Writes the results of the queries; returns the bits of those that have not
  // found three references at a finite distance.
  uint32_t Write(const int32_t* rows, int64_t count, float* squared_distance,
                 int32_t* index) const;

  // The box around the queries.
  BAN_INLINE void FindBox(float* low, float* high) const {
    low[0] = -simd::LargestLane(-x_);
    low[1] = -simd::LargestLane(-y_);
    low[2] = -simd::LargestLane(-z_);
    high[0] = simd::LargestLane(x_);
    high[1] = simd::LargestLane(y_);
    high[2] = simd::LargestLane(z_);
  }

 private:
  template <bool kAscending>
  BAN_INLINE simd::Mask Below(simd::Floats d, simd::Ints k, int slot) const {
    const simd::Mask less = simd::Less(d, distance_[slot]);
    if (kAscending) return less;
    return less |
           (simd::Equal(d, distance_[slot]) & simd::LessInts(k, index_[slot]));
  }

  // Fills a slot with what moves down from the slot before, or with (d, k).
  BAN_INLINE void Put(int slot, simd::Mask below, simd::Mask below_before,
                      simd::Floats d, simd::Ints k) {
    distance_[slot] = simd::Select(below_before, distance_[slot - 1],
                                   simd::Select(below, d, distance_[slot]));
    index_[slot] = simd::Select(below_before, index_[slot - 1],
                                simd::Select(below, k, index_[slot]));
  }

  simd::Floats x_, y_, z_;
  simd::Floats distance_[3];
  simd::Ints index_[3];
};

// The finite references of a cloud in boxes of neighbours, and its finite
// queries in an order in which those of one vector are neighbours too.
class NeighbourSearch {
 public:
  // True if boxes are expected to be faster than offering every reference.
  static bool Helps(int64_t num_references) { return num_references > 128; }

  NeighbourSearch(const float* query, int64_t num_queries,
                  const float* reference, int64_t num_references);

  // The rows of the finite queries, in the order to search them.
  const std::vector<int32_t>& query_order() const { return query_order_; }

  // Offers to `nearest` every reference that can be among the three of one of
  // its queries.  `bounds` is scratch.
  void Search(ThreeNearest* nearest, std::vector<float>* bounds) const;

 private:
  void BoundBoxes(const ThreeNearest& nearest, float* bound) const;
  void OfferBoxes(float limit, ThreeNearest* nearest, float* bound) const;
  void OfferBox(int64_t box, ThreeNearest* nearest) const;

  std::vector<int32_t> query_order_;
  std::vector<int32_t> order_;  // of the references
  std::vector<float> points_;   // [order, 3]
  int64_t num_boxes_;           // in whole vectors
  std::vector<float> sides_;    // low x, high x, low y ... of every box
};

}  // namespace ban

#endif  // BAN_TF_OPS_INTERPOLATION_NEIGHBOUR_SEARCH_H_
