// The nearest of the centres, for every point.
#ifndef BAN_TF_OPS_CLUSTERING_CENTRE_LABELS_H_
#define BAN_TF_OPS_CLUSTERING_CENTRE_LABELS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "tf_ops/clustering/kd_tree.h"
#include "tf_ops/clustering/point_blocks.h"

namespace ban {

// `NearestNeighbors(n_neighbors=1).fit(centres).kneighbors(points)`, with its
// choice among equally near centres: the one that its search meets first.
// Distances are first taken in float32; a point whose two nearest centres are
// too close to call is given to scikit-learn's own arithmetic.
class CentreLabels {
 public:
  // `centres` [K, E], finite, K >= 1, E <= 16, are kept by address.
  CentreLabels(const float* centres, int64_t num_centres, int width);

  // Labels the points of the blocks [begin, end): labels[order[p]] is the label
  // of the point at position p.  `points` [N, E] are those of `blocks`.
  void Label(const float* points, const PointBlocks& blocks,
             const std::vector<int32_t>& order, int64_t begin, int64_t end,
             int32_t* labels) const;

 private:
  // The smallest box around the points of a block, and what a squared distance
  // from there may be off by, beyond its relative error.
  struct Box {
    float low[16], high[16];
    float slack;
  };
  struct Nearest {
    Sixteen squared, second;
    int32_t label[kBlock];
  };

  Box BoxOf(const PointBlocks& blocks, int64_t b) const;
  void FindCandidates(const Box& box, std::vector<int32_t>* candidates) const;
  void Compare(const Sixteen* points, const std::vector<int32_t>& candidates,
               Nearest* nearest) const;
  int32_t LabelExactly(const float* point) const;

  const float* centres_;
  int64_t num_centres_;
  int width_;
  std::unique_ptr<KdTree> tree_;  // null: scikit-learn searches by brute force
  PointBlocks blocks_;            // the centres, in their own order
  double most_squared_norm_ = 0.0;
};

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_CENTRE_LABELS_H_
