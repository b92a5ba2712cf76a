// scikit-learn's KD tree, reproduced to the order of its points.
//
// The sums of mean shift run over the neighbours in the order in which the
// tree stores them, in float32, so that order decides the last bits of every
// mean; and on a boundary the tree's own rounding decides who is a neighbour.
#ifndef BAN_TF_OPS_CLUSTERING_KD_TREE_H_
#define BAN_TF_OPS_CLUSTERING_KD_TREE_H_

#include <cstdint>
#include <vector>

namespace ban {

// `KDTree(points, leaf_size=30, metric="euclidean")` of scikit-learn 1.9: each
// node is split at half its points along its widest axis (the first of equals)
// by std::nth_element over (value, index).  Equal to scikit-learn's wheels with
// libstdc++, whose nth_element they use.
class KdTree {
 public:
  // `points` [N, E], finite, E <= 16, N >= 1, are kept by address.
  KdTree(const float* points, int64_t num_points, int width);

  // order()[p] is the index of the point at position p.
  const std::vector<int32_t>& order() const { return order_; }

  // Appends, in ascending order, the positions that `query_radius` returns.
  void Within(const float* query, double radius,
              std::vector<int32_t>* positions) const;

  // The index of the point that `query(k=1)` returns.
  int32_t Nearest(const float* query) const;

 private:
  struct Node {
    int64_t id, begin, end;
  };
  struct Distances {
    double least, most;
  };
  struct Best {
    double squared_distance;
    int32_t index;
  };

  bool IsLeaf(const Node& node) const { return 2 * node.id + 1 >= num_nodes_; }
  Node Child(const Node& node, int side) const;
  void Build(const Node& node, std::vector<uint64_t>* keys);
  int SetBounds(const Node& node);
  double SquaredDistance(const float* query, int64_t position) const;
  double LeastSquaredDistance(const Node& node, const float* query) const;
  Distances DistancesTo(const Node& node, const float* query) const;
  void WithinNode(const Node& node, const float* query, double radius,
                  std::vector<int32_t>* positions) const;
  void NearestInNode(const Node& node, const float* query, double least,
                     Best* best) const;

  const float* points_;
  int64_t num_points_;
  int width_;
  int64_t num_nodes_;
  std::vector<int32_t> order_;
  std::vector<float> low_, high_;  // [num_nodes, E]
};

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_KD_TREE_H_
