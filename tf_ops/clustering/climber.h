// Climbs from a seed to the mode above it, along a path walked only once.
#ifndef BAN_TF_OPS_CLUSTERING_CLIMBER_H_
#define BAN_TF_OPS_CLUSTERING_CLIMBER_H_

#include <cstdint>
#include <vector>

#include "tf_ops/clustering/ball_index.h"
#include "tf_ops/clustering/ball_mean.h"
#include "tf_ops/clustering/row_table.h"

namespace ban {

// The mean of a ball depends on the points in it alone, so climbs that reach
// the same mean go the same way from there on.  Every mean met is remembered
// with its successor.  What is remembered changes no result, only the time.
// One thread at a time.
class Climber {
 public:
  // `index` and `mean` are kept by address.
  Climber(const BallIndex* index, const BallMean* mean, int width,
          double bandwidth, int64_t max_iterations);

  static constexpr int32_t kOverflow = -2;

  // Moves the centre of a ball from `seed` [E] to the mean of the points in the
  // ball, until it moves by at most bandwidth / 1000, the ball is empty, or it
  // has moved 1 + `max_iterations` times.  Returns the number of points in the
  // last ball and its mean in `end` [E]; 0 if that ball is empty; `kOverflow`
  // if a sum leaves the range of float32.
  int32_t Climb(const float* seed, float* end);

 private:
  struct Step {
    int32_t count;  // of the points in the ball, or kOverflow or kUnknown
    int32_t next;   // the number of their mean
    bool is_last;
  };
  static constexpr int32_t kUnknown = -1;

  int64_t Number(const float* centre);
  void Walk(int64_t id);

  const BallIndex* index_;
  const BallMean* mean_;
  int width_;
  float stop_;
  int64_t max_iterations_;
  RowTable centres_;
  std::vector<Step> steps_;  // of each row of centres_
  Ball ball_;
};

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_CLIMBER_H_
