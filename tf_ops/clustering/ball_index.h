// Finds the points within a radius: exactly those that scikit-learn finds.
#ifndef BAN_TF_OPS_CLUSTERING_BALL_INDEX_H_
#define BAN_TF_OPS_CLUSTERING_BALL_INDEX_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "tf_ops/clustering/kd_tree.h"
#include "tf_ops/clustering/point_blocks.h"

namespace ban {

// Points of one block: bit i of `mask` stands for position 16 * block + i.
struct BlockHits {
  int32_t block;
  uint32_t mask;
};

// The positions in a ball, in ascending order.
struct Ball {
  std::vector<BlockHits> hits;
  int64_t count = 0;
  std::vector<int32_t> positions;  // scratch of `BallIndex::Find`
};

// Positions follow the order in which scikit-learn would visit the points.
// Distances are first taken in float32, sixteen at a time; if a point lies so
// near the boundary that its rounding could matter, the ball is found anew by
// scikit-learn's own arithmetic.
class BallIndex {
 public:
  // `points` [N, E], finite, N >= 1, E <= 16, are kept by address.
  BallIndex(const float* points, int64_t num_points, int width, double radius);

  const std::vector<int32_t>& order() const { return order_; }
  const PointBlocks& blocks() const { return blocks_; }

  // Replaces `ball` by the positions within the radius of `query` [E], finite.
  void Find(const float* query, Ball* ball) const;

 private:
  struct Limits {
    float inside, possible;
  };

  std::vector<int32_t> MakeOrder() const;
  Limits LimitsFor(const float* query) const;
  bool FindInFloat(const float* query, Ball* ball) const;
  void FindExactly(const float* query, Ball* ball) const;

  const float* points_;
  int64_t num_points_;
  int width_;
  double radius_;
  double squared_radius_;
  std::unique_ptr<KdTree> tree_;  // null: scikit-learn searches by brute
  std::vector<int32_t> order_;
  PointBlocks blocks_;
  std::vector<double> squared_norms_;  // [N], without a tree only
  double most_squared_norm_ = 0.0;
};

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_BALL_INDEX_H_
