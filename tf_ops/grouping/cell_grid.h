// A cloud sorted into cubic cells, to search balls without visiting all
// points.  No TensorFlow header is included here.
#ifndef BAN_TF_OPS_GROUPING_CELL_GRID_H_
#define BAN_TF_OPS_GROUPING_CELL_GRID_H_

#include <cstdint>
#include <vector>

#include "tf_ops/core/simd_masks.h"

namespace ban {

// Row numbers of one ball, collected in any order and taken in ascending order.
class HitList {
 public:
  explicit HitList(int64_t num_points);

  // Adds the lanes of `rows` whose bit is set.
  BAN_INLINE void Add(simd::Ints rows, uint32_t bits) {
    count_ += simd::Compress(rows_.data() + count_, rows, bits);
  }

  // Moves the smallest `limit` rows to `rows`, empties the list, and returns
  // how many were moved.
  int64_t TakeSmallest(int64_t limit, int32_t* rows);

 private:
  int64_t TakeByRank(int64_t limit, int32_t* rows);
  int64_t TakeByBitmap(int64_t limit, int32_t* rows);

  int64_t count_ = 0;
  std::vector<int32_t> rows_;
  std::vector<int32_t> sorted_;
  std::vector<uint64_t> words_;  // one bit per row of the cloud
  std::vector<uint64_t> used_;   // one bit per word that is not 0
};

// The finite points of a cloud, cell after cell; the cells along z follow one
// another, so that the neighbourhood of a centre is a few runs of points.
class CellGrid {
 public:
  // True if a grid is expected to be faster than visiting all points.
  static bool Helps(int64_t num_points) { return num_points > 320; }

  // Cells are at least as wide as `radius`.
  CellGrid(const float* cloud, int64_t num_points, float radius);

  // The first `num_neighbours` rows in the ball, in order, into `index`;
  // returns how many.  `hits` is empty before and after.
  int64_t Search(const float* centre, int64_t num_neighbours, HitList* hits,
                 int32_t* index) const;

 private:
  struct Range {
    int64_t begin;
    int64_t end;
  };

  void ChooseCells(const float* low, const float* high, int64_t num_points);
  int64_t CellAlong(int axis, float coordinate) const;
  Range CellsWithin(int axis, float coordinate) const;
  void SearchRun(int64_t begin, int64_t end, const float* centre,
                 HitList* hits) const;

  float radius2_;
  float reach_;  // no point farther than this along one axis is in a ball
  float low_[3];
  float cells_per_metre_;
  int64_t num_cells_[3];
  std::vector<int32_t> start_;  // of each cell in the arrays below, and the end
  std::vector<int32_t> row_;
  std::vector<float> x_;  // x, y and z of the points, one after another
  int64_t stride_;
};

}  // namespace ban

#endif  // BAN_TF_OPS_GROUPING_CELL_GRID_H_
