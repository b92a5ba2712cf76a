#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "tf_ops/clustering/kd_tree.h"

namespace ban {
namespace {

constexpr int64_t kLeafSize = 30;

// The metric's power, read at run time so that the compiler calls `pow`, as
// scikit-learn does, and never turns it into a product or a square root, which
// may round differently.
const volatile double kPower = 2.0;

// Leaves hold `kLeafSize` to twice as many points.
int64_t CountNodes(int64_t num_points) {
  int64_t leaves = 1;
  while (2 * leaves * kLeafSize <= num_points - 1) leaves *= 2;
  return 2 * leaves - 1;
}

// An integer that orders as (value, index) does; -0 equals +0.
uint64_t SortKey(float value, int32_t index) {
  const float normalised = value + 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &normalised, sizeof(bits));
  bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return uint64_t{bits} << 32 | static_cast<uint32_t>(index);
}

// How far `value` lies below `low` or above `high`, by the sum that
// scikit-learn forms.
double Outside(double value, double low, double high) {
  const double below = low - value;
  const double above = value - high;
  return 0.5 * ((below + std::fabs(below)) + (above + std::fabs(above)));
}

}  // namespace

KdTree::KdTree(const float* points, int64_t num_points, int width)
    : points_(points),
      num_points_(num_points),
      width_(width),
      num_nodes_(CountNodes(num_points)),
      order_(num_points),
      low_(num_nodes_ * width),
      high_(num_nodes_ * width) {
  std::iota(order_.begin(), order_.end(), 0);
  std::vector<uint64_t> keys(num_points);
  Build({0, 0, num_points}, &keys);
}

KdTree::Node KdTree::Child(const Node& node, int side) const {
  const int64_t middle = node.begin + (node.end - node.begin) / 2;
  return side == 0 ? Node{2 * node.id + 1, node.begin, middle}
                   : Node{2 * node.id + 2, middle, node.end};
}

void KdTree::Build(const Node& node, std::vector<uint64_t>* keys) {
  const int axis = SetBounds(node);
  if (IsLeaf(node)) return;
  uint64_t* key = keys->data();
  for (int64_t p = node.begin; p < node.end; ++p) {
    key[p] = SortKey(points_[order_[p] * int64_t{width_} + axis], order_[p]);
  }
  std::nth_element(key + node.begin, key + Child(node, 1).begin,
                   key + node.end);
  for (int64_t p = node.begin; p < node.end; ++p) {
    order_[p] = static_cast<int32_t>(key[p] & 0xffffffffu);
  }
  Build(Child(node, 0), keys);
  Build(Child(node, 1), keys);
}

// Returns the axis of the largest spread.
int KdTree::SetBounds(const Node& node) {
  float low[16], high[16];
  std::fill_n(low, width_, std::numeric_limits<float>::infinity());
  std::fill_n(high, width_, -std::numeric_limits<float>::infinity());
  for (int64_t p = node.begin; p < node.end; ++p) {
    const float* point = points_ + order_[p] * int64_t{width_};
    for (int e = 0; e < width_; ++e) {
      low[e] = std::min(low[e], point[e]);
      high[e] = std::max(high[e], point[e]);
    }
  }
  int axis = 0;
  double widest = 0.0;
  for (int e = 0; e < width_; ++e) {
    low_[node.id * width_ + e] = low[e];
    high_[node.id * width_ + e] = high[e];
    const double spread = double{high[e]} - double{low[e]};
    if (spread > widest) {
      widest = spread;
      axis = e;
    }
  }
  return axis;
}

double KdTree::SquaredDistance(const float* query, int64_t position) const {
  const float* point = points_ + order_[position] * int64_t{width_};
  double sum = 0.0;
  for (int e = 0; e < width_; ++e) {
    const double difference = double{query[e]} - double{point[e]};
    sum += difference * difference;
  }
  return sum;
}

double KdTree::LeastSquaredDistance(const Node& node,
                                    const float* query) const {
  double sum = 0.0;
  for (int e = 0; e < width_; ++e) {
    const int64_t at = node.id * width_ + e;
    sum += std::pow(Outside(query[e], low_[at], high_[at]), kPower);
  }
  return sum;
}

KdTree::Distances KdTree::DistancesTo(const Node& node,
                                      const float* query) const {
  double most = 0.0;
  for (int e = 0; e < width_; ++e) {
    const int64_t at = node.id * width_ + e;
    const double to_low = std::fabs(double{low_[at]} - double{query[e]});
    const double to_high = std::fabs(double{query[e]} - double{high_[at]});
    most += std::pow(std::max(to_low, to_high), kPower);
  }
  return {std::pow(LeastSquaredDistance(node, query), 1.0 / kPower),
          std::pow(most, 1.0 / kPower)};
}

void KdTree::Within(const float* query, double radius,
                    std::vector<int32_t>* positions) const {
  WithinNode({0, 0, num_points_}, query, radius, positions);
}

void KdTree::WithinNode(const Node& node, const float* query, double radius,
                        std::vector<int32_t>* positions) const {
  const Distances distances = DistancesTo(node, query);
  if (distances.least > radius) return;
  if (distances.most <= radius) {
    for (int64_t p = node.begin; p < node.end; ++p) positions->push_back(p);
  } else if (IsLeaf(node)) {
    for (int64_t p = node.begin; p < node.end; ++p) {
      if (SquaredDistance(query, p) <= radius * radius) positions->push_back(p);
    }
  } else {
    WithinNode(Child(node, 0), query, radius, positions);
    WithinNode(Child(node, 1), query, radius, positions);
  }
}

int32_t KdTree::Nearest(const float* query) const {
  const Node root = {0, 0, num_points_};
  Best best = {std::numeric_limits<double>::infinity(), 0};
  NearestInNode(root, query, LeastSquaredDistance(root, query), &best);
  return best.index;
}

// Depth first, the nearer child before the other; of equal distances the first
// that is met stays.
void KdTree::NearestInNode(const Node& node, const float* query, double least,
                           Best* best) const {
  if (least > best->squared_distance) return;
  if (IsLeaf(node)) {
    for (int64_t p = node.begin; p < node.end; ++p) {
      const double squared = SquaredDistance(query, p);
      if (squared < best->squared_distance) *best = {squared, order_[p]};
    }
    return;
  }
  const Node children[2] = {Child(node, 0), Child(node, 1)};
  const double bounds[2] = {LeastSquaredDistance(children[0], query),
                            LeastSquaredDistance(children[1], query)};
  const int first = bounds[0] <= bounds[1] ? 0 : 1;
  NearestInNode(children[first], query, bounds[first], best);
  NearestInNode(children[1 - first], query, bounds[1 - first], best);
}

}  // namespace ban
