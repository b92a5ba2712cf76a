#include <algorithm>
#include <cmath>
#include <limits>

#include "tf_ops/core/morton.h"
#include "tf_ops/core/simd_masks.h"
#include "tf_ops/grouping/cell_grid.h"

namespace ban {
namespace {

using simd::Floats;
using simd::Ints;
using simd::kWidth;

// More cells than this per point are mostly empty.
constexpr int64_t kMaxCellsPerPoint = 8;

// Up to this many hits are put in order by comparing each with all.
constexpr int64_t kMaxToRank = 64;

}  // namespace

HitList::HitList(int64_t num_points)
    : rows_(num_points + kWidth),
      sorted_(kMaxToRank),
      words_((num_points + 63) / 64, 0),
      used_((words_.size() + 63) / 64, 0) {}

int64_t HitList::TakeSmallest(int64_t limit, int32_t* rows) {
  const int64_t taken = count_ <= kMaxToRank ? TakeByRank(limit, rows)
                                             : TakeByBitmap(limit, rows);
  count_ = 0;
  return taken;
}

// The place of a row is the number of smaller ones: quadratic, but without a
// branch that depends on the rows.
int64_t HitList::TakeByRank(int64_t limit, int32_t* rows) {
  // Whole vectors are compared: what stands behind the last hit is largest.
  simd::StoreInts(rows_.data() + count_,
                  simd::BroadcastInt(std::numeric_limits<int32_t>::max()));
  for (int64_t i = 0; i < count_; ++i) {
    const Ints row = simd::BroadcastInt(rows_[i]);
    int rank = 0;
    for (int64_t j = 0; j < count_; j += kWidth) {
      rank += __builtin_popcount(
          simd::BitsLessInts(simd::LoadInts(rows_.data() + j), row));
    }
    sorted_[rank] = rows_[i];
  }
  const int64_t taken = std::min(count_, limit);
  std::copy_n(sorted_.data(), taken, rows);
  return taken;
}

int64_t HitList::TakeByBitmap(int64_t limit, int32_t* rows) {
  for (int64_t i = 0; i < count_; ++i) {
    const uint32_t row = static_cast<uint32_t>(rows_[i]);
    words_[row / 64] |= uint64_t{1} << (row % 64);
    used_[row / 4096] |= uint64_t{1} << (row / 64 % 64);
  }
  int64_t taken = 0;
  for (size_t u = 0; u < used_.size(); ++u) {
    for (uint64_t used = used_[u]; used != 0; used &= used - 1) {
      const int64_t word = u * 64 + __builtin_ctzll(used);
      uint64_t bits = words_[word];
      words_[word] = 0;
      for (; bits != 0 && taken < limit; bits &= bits - 1) {
        rows[taken++] = static_cast<int32_t>(word * 64 + __builtin_ctzll(bits));
      }
    }
    used_[u] = 0;
  }
  return taken;
}

CellGrid::CellGrid(const float* cloud, int64_t num_points, float radius)
    : radius2_(radius * radius),
      // Rounding, and squares that are denormal or 0, let points a little
      // outside the radius pass the test of the squared distance.
      reach_(radius * 1.0001f + 1e-22f) {
  const Bounds bounds = FindBounds(cloud, num_points);
  ChooseCells(bounds.low, bounds.high, num_points);
  stride_ = bounds.num_finite + kWidth;  // so that whole vectors can be read
  x_.assign(3 * stride_, 0.0f);
  row_.resize(stride_);
  start_.assign(num_cells_[0] * num_cells_[1] * num_cells_[2] + 1, 0);
  std::vector<int32_t> cell(num_points, -1);
  for (int64_t n = 0; n < num_points; ++n) {
    const float* point = cloud + n * 3;
    if (!IsFinite(point)) continue;
    const int64_t xy =
        CellAlong(0, point[0]) * num_cells_[1] + CellAlong(1, point[1]);
    cell[n] = static_cast<int32_t>(xy * num_cells_[2] + CellAlong(2, point[2]));
    ++start_[cell[n] + 1];
  }
  for (size_t c = 1; c < start_.size(); ++c) start_[c] += start_[c - 1];
  std::vector<int32_t> next(start_.begin(), start_.end() - 1);
  for (int64_t n = 0; n < num_points; ++n) {
    if (cell[n] < 0) continue;
    const int32_t slot = next[cell[n]]++;
    row_[slot] = static_cast<int32_t>(n);
    for (int axis = 0; axis < 3; ++axis) {
      x_[axis * stride_ + slot] = cloud[n * 3 + axis];
    }
  }
}

// As many cells as the limit allows, at least as wide as the radius.
void CellGrid::ChooseCells(const float* low, const float* high,
                           int64_t num_points) {
  std::copy_n(low, 3, low_);
  const double limit = static_cast<double>(kMaxCellsPerPoint) * num_points;
  double extent[3];
  for (int axis = 0; axis < 3; ++axis) {
    extent[axis] = static_cast<double>(high[axis]) - low[axis];
  }
  for (double width = reach_;; width *= 1.25) {
    double total = 1.0;
    for (const double e : extent) total *= std::floor(e / width) + 1.0;
    if (total > limit) continue;
    for (int axis = 0; axis < 3; ++axis) {
      num_cells_[axis] = static_cast<int64_t>(extent[axis] / width) + 1;
    }
    cells_per_metre_ = static_cast<float>(1.0 / width);
    return;
  }
}

// Monotone in the coordinate, which is all that a search relies on.
int64_t CellGrid::CellAlong(int axis, float coordinate) const {
  const float at = (coordinate - low_[axis]) * cells_per_metre_;
  const float last = static_cast<float>(num_cells_[axis] - 1);
  return static_cast<int64_t>(std::max(0.0f, std::min(at, last)));
}

CellGrid::Range CellGrid::CellsWithin(int axis, float coordinate) const {
  return {CellAlong(axis, coordinate - reach_),
          CellAlong(axis, coordinate + reach_) + 1};
}

BAN_INLINE void CellGrid::SearchRun(int64_t begin, int64_t end,
                                    const float* centre, HitList* hits) const {
  const Floats cx = simd::Broadcast(centre[0]);
  const Floats cy = simd::Broadcast(centre[1]);
  const Floats cz = simd::Broadcast(centre[2]);
  const float* x = x_.data();
  for (int64_t n = begin; n < end; n += kWidth) {
    const Floats distance = simd::SquaredLength(
        simd::Load(x + n) - cx, simd::Load(x + stride_ + n) - cy,
        simd::Load(x + 2 * stride_ + n) - cz);
    const uint32_t inside =
        simd::BitsLess(distance, simd::Broadcast(radius2_)) &
        simd::FirstLanes(end - n);
    hits->Add(simd::LoadInts(row_.data() + n), inside);
  }
}

int64_t CellGrid::Search(const float* centre, int64_t num_neighbours,
                         HitList* hits, int32_t* index) const {
  if (!IsFinite(centre)) return 0;
  const Range xs = CellsWithin(0, centre[0]);
  const Range ys = CellsWithin(1, centre[1]);
  const Range zs = CellsWithin(2, centre[2]);
  for (int64_t cx = xs.begin; cx < xs.end; ++cx) {
    for (int64_t cy = ys.begin; cy < ys.end; ++cy) {
      const int32_t* row =
          start_.data() + (cx * num_cells_[1] + cy) * num_cells_[2];
      SearchRun(row[zs.begin], row[zs.end], centre, hits);
    }
  }
  return hits->TakeSmallest(num_neighbours, index);
}

}  // namespace ban
