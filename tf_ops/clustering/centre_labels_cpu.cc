#include <algorithm>
#include <limits>
#include <numeric>

#include "tf_ops/clustering/centre_labels.h"
#include "tf_ops/clustering/neighbour_rule.h"

namespace ban {
namespace {

std::vector<int32_t> Ascending(int64_t count) {
  std::vector<int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// Of a part of a block of centres: the least and most squared distance to a
// box.
simd::Floats LeastSquared(const Sixteen* centres, const float* low,
                          const float* high, int width, int part) {
  simd::Floats sum = {};
  for (int e = 0; e < width; ++e) {
    const simd::Floats centre = LoadPart(centres[e], part);
    const simd::Floats gap = simd::Gap(
        simd::Broadcast(low[e]), simd::Broadcast(high[e]), centre, centre);
    sum += gap * gap;
  }
  return sum;
}

simd::Floats MostSquared(const Sixteen* centres, const float* low,
                         const float* high, int width, int part) {
  simd::Floats sum = {};
  for (int e = 0; e < width; ++e) {
    const simd::Floats centre = LoadPart(centres[e], part);
    const simd::Floats reach =
        simd::Greatest(centre - low[e], high[e] - centre);
    sum += reach * reach;
  }
  return sum;
}

}  // namespace

CentreLabels::CentreLabels(const float* centres, int64_t num_centres, int width)
    : centres_(centres),
      num_centres_(num_centres),
      width_(width),
      blocks_(centres, Ascending(num_centres), width) {
  if (SearchesTree(num_centres, width, kLabelNeighbours)) {
    tree_ = std::make_unique<KdTree>(centres, num_centres, width);
  }
  for (int64_t k = 0; k < num_centres; ++k) {
    const float* centre = centres + k * width;
    most_squared_norm_ =
        std::max(most_squared_norm_, DotProduct(centre, centre, width));
  }
}

void CentreLabels::Label(const float* points, const PointBlocks& blocks,
                         const std::vector<int32_t>& order, int64_t begin,
                         int64_t end, int32_t* labels) const {
  const float scale = 1.0f + 2.0f * FloatError(width_);
  const int64_t num_points = order.size();
  std::vector<int32_t> candidates;
  Nearest nearest;
  for (int64_t b = begin; b < end; ++b) {
    const Box box = BoxOf(blocks, b);
    FindCandidates(box, &candidates);
    Compare(blocks.block(b), candidates, &nearest);
    const int64_t count = std::min<int64_t>(kBlock, num_points - b * kBlock);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t n = order[b * kBlock + i];
      const bool clear =
          nearest.second.lane[i] > nearest.squared.lane[i] * scale + box.slack;
      labels[n] = clear ? nearest.label[i] : LabelExactly(points + n * width_);
    }
  }
}

CentreLabels::Box CentreLabels::BoxOf(const PointBlocks& blocks,
                                      int64_t b) const {
  Box box;
  double squared_norm = 0.0;
  for (int e = 0; e < width_; ++e) {
    box.low[e] = blocks.low(b / kBlock)[e].lane[b % kBlock];
    box.high[e] = blocks.high(b / kBlock)[e].lane[b % kBlock];
    squared_norm += std::max(double{box.low[e]} * box.low[e],
                             double{box.high[e]} * box.high[e]);
  }
  double slack = kLeastFloatSquare;
  if (tree_ == nullptr) {
    slack += 2.0 * kExpansionError * (squared_norm + most_squared_norm_);
  }
  box.slack = static_cast<float>(slack);
  return box;
}

// Every centre that could be nearest to a point in the box.
void CentreLabels::FindCandidates(const Box& box,
                                  std::vector<int32_t>* candidates) const {
  simd::Floats most = simd::Broadcast(std::numeric_limits<float>::infinity());
  for (int64_t c = 0; c < blocks_.num_blocks(); ++c) {
    for (int part = 0; part < kParts; ++part) {
      most = simd::Least(
          most, MostSquared(blocks_.block(c), box.low, box.high, width_, part));
    }
  }
  const float least_most = -simd::LargestLane(-most);
  const float limit =
      least_most * (1.0f + 4.0f * FloatError(width_)) + 2.0f * box.slack;
  candidates->clear();
  for (int64_t c = 0; c < blocks_.num_blocks(); ++c) {
    uint32_t near = 0;
    for (int part = 0; part < kParts; ++part) {
      near |= BitsWithin(
          LeastSquared(blocks_.block(c), box.low, box.high, width_, part),
          limit, part);
    }
    for (; near != 0; near &= near - 1) {
      const int64_t k = c * kBlock + __builtin_ctz(near);
      if (k < num_centres_) candidates->push_back(static_cast<int32_t>(k));
    }
  }
}

void CentreLabels::Compare(const Sixteen* points,
                           const std::vector<int32_t>& candidates,
                           Nearest* nearest) const {
  for (int part = 0; part < kParts; ++part) {
    simd::Floats first =
        simd::Broadcast(std::numeric_limits<float>::infinity());
    simd::Floats second = first;
    simd::Ints label = {};
    for (const int32_t k : candidates) {
      const simd::Floats squared = SquaredDistances(
          points, centres_ + k * int64_t{width_}, width_, part);
      const simd::Mask is_nearer = simd::Less(squared, first);
      second = simd::Select(is_nearer, first, simd::Least(second, squared));
      first = simd::Select(is_nearer, squared, first);
      label = simd::Select(is_nearer, simd::BroadcastInt(k), label);
    }
    StorePart(first, part, &nearest->squared);
    StorePart(second, part, &nearest->second);
    simd::StoreInts(nearest->label + part * simd::kWidth, label);
  }
}

int32_t CentreLabels::LabelExactly(const float* point) const {
  if (tree_ != nullptr) return tree_->Nearest(point);
  const double point_norm = DotProduct(point, point, width_);
  double least = std::numeric_limits<double>::infinity();
  int32_t label = 0;
  for (int64_t k = 0; k < num_centres_; ++k) {
    const float* centre = centres_ + k * width_;
    const double squared = ExpandedSquaredDistance(
        point, point_norm, centre, DotProduct(centre, centre, width_), width_);
    if (squared < least) {
      least = squared;
      label = static_cast<int32_t>(k);
    }
  }
  return label;
}

}  // namespace ban
