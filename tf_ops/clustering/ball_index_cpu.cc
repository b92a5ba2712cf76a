#include <algorithm>
#include <numeric>

#include "tf_ops/clustering/ball_index.h"
#include "tf_ops/clustering/neighbour_rule.h"

namespace ban {
namespace {

std::unique_ptr<KdTree> MakeTree(const float* points, int64_t num_points,
                                 int width) {
  if (!SearchesTree(num_points, width, kRadiusNeighbours)) return nullptr;
  return std::make_unique<KdTree>(points, num_points, width);
}

// scikit-learn's brute force squares the radius in float32 for float32 points.
double SquaredRadius(double radius, bool brute) {
  if (!brute) return radius * radius;
  const float rounded = static_cast<float>(radius);
  return rounded * rounded;
}

void AddHit(int64_t position, Ball* ball) {
  const int32_t block = static_cast<int32_t>(position / kBlock);
  if (ball->hits.empty() || ball->hits.back().block != block) {
    ball->hits.push_back({block, 0});
  }
  ball->hits.back().mask |= 1u << (position % kBlock);
  ++ball->count;
}

}  // namespace

BallIndex::BallIndex(const float* points, int64_t num_points, int width,
                     double radius)
    : points_(points),
      num_points_(num_points),
      width_(width),
      radius_(radius),
      tree_(MakeTree(points, num_points, width)),
      order_(MakeOrder()),
      blocks_(points, order_, width) {
  squared_radius_ = SquaredRadius(radius, tree_ == nullptr);
  if (tree_ != nullptr) return;
  squared_norms_.resize(num_points);
  for (int64_t n = 0; n < num_points; ++n) {
    const float* point = points + n * width;
    squared_norms_[n] = DotProduct(point, point, width);
    most_squared_norm_ = std::max(most_squared_norm_, squared_norms_[n]);
  }
}

std::vector<int32_t> BallIndex::MakeOrder() const {
  if (tree_ != nullptr) return tree_->order();
  std::vector<int32_t> order(num_points_);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

void BallIndex::Find(const float* query, Ball* ball) const {
  ball->hits.clear();
  ball->count = 0;
  if (!FindInFloat(query, ball)) FindExactly(query, ball);
}

BallIndex::Limits BallIndex::LimitsFor(const float* query) const {
  double slack = squared_radius_ * FloatError(width_);
  if (tree_ == nullptr) {
    slack += kExpansionError *
             (DotProduct(query, query, width_) + most_squared_norm_);
  }
  return {static_cast<float>(squared_radius_ - slack),
          static_cast<float>(squared_radius_ + slack)};
}

// Returns false, and leaves a useless ball, if a point is too near the
// boundary for float32.
bool BallIndex::FindInFloat(const float* query, Ball* ball) const {
  if (squared_radius_ < kLeastFloatSquare) return false;
  const Limits limits = LimitsFor(query);
  if (limits.possible > kMostFloatSquare) return false;
  for (int64_t group = 0; group < blocks_.num_groups(); ++group) {
    uint32_t near = blocks_.BoxesWithin(group, query, limits.possible);
    for (; near != 0; near &= near - 1) {
      const int64_t b = group * kBlock + __builtin_ctz(near);
      uint32_t inside = 0;
      uint32_t possible = 0;
      for (int part = 0; part < kParts; ++part) {
        const simd::Floats squared =
            SquaredDistances(blocks_.block(b), query, width_, part);
        inside |= BitsWithin(squared, limits.inside, part);
        possible |= BitsWithin(squared, limits.possible, part);
      }
      if (inside != possible) return false;
      if (inside == 0) continue;
      ball->hits.push_back({static_cast<int32_t>(b), inside});
      ball->count += __builtin_popcount(inside);
    }
  }
  return true;
}

void BallIndex::FindExactly(const float* query, Ball* ball) const {
  ball->hits.clear();
  ball->count = 0;
  if (tree_ != nullptr) {
    ball->positions.clear();
    tree_->Within(query, radius_, &ball->positions);
    for (const int32_t position : ball->positions) AddHit(position, ball);
    return;
  }
  const double query_norm = DotProduct(query, query, width_);
  for (int64_t n = 0; n < num_points_; ++n) {
    if (ExpandedSquaredDistance(query, query_norm, points_ + n * width_,
                                squared_norms_[n], width_) <= squared_radius_) {
      AddHit(n, ball);
    }
  }
}

}  // namespace ban
