// The mean of the points in a ball, rounded as NumPy rounds it.
#ifndef BAN_TF_OPS_CLUSTERING_BALL_MEAN_H_
#define BAN_TF_OPS_CLUSTERING_BALL_MEAN_H_

#include <cstdint>
#include <vector>

#include "tf_ops/clustering/ball_index.h"
#include "tf_ops/clustering/lanes.h"

namespace ban {

// `np.mean(points[positions], axis=0)` for float32: the rows are added one
// after the other in float32 (a single column pairwise, as NumPy adds whatever
// lies contiguous), and the sum is divided in float64.
class BallMean {
 public:
  // Row p is the point `order[p]` of `points` [N, E], E <= 16.
  BallMean(const float* points, const std::vector<int32_t>& order, int width);

  // `ball` is not empty; `mean` [E].
  void Mean(const Ball& ball, float* mean) const;

 private:
  template <int kRow>
  void AddRows(const Ball& ball, float* sum) const;
  float AddColumn(const Ball& ball) const;

  int width_;
  int row_;                    // width, rounded up to 4, 8 or 16
  std::vector<Sixteen> rows_;  // [N, row_], the rest of a row is zero
};

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_BALL_MEAN_H_
