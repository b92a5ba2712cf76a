// Ball query and grouping: the contract that the CPU loops and the CUDA
// launchers share.  No TensorFlow header is included here.
#ifndef BAN_TF_OPS_GROUPING_GROUPING_H_
#define BAN_TF_OPS_GROUPING_GROUPING_H_

#include <cstddef>
#include <cstdint>

#include "tf_ops/core/parallel.h"

namespace ban {

// The first `num_neighbours` (K) points, in index order, in a ball around each
// centre.
//   xyz      [B, N, 3]  points, metres
//   centres  [B, M, 3]  metres
//   index    [B, M, K]  output, in [0, N)
//   count    [B, M]     output, in [0, K]: how many are hits
// A point is in the ball when dx*dx + dy*dy + dz*dz < radius * radius, every
// step rounded to float32; NaN is in no ball.  Slots after the last hit repeat
// the first one; an empty ball has index 0 everywhere and count 0.
void BallQueryCpu(Workers* workers, const float* xyz, const float* centres,
                  int64_t batch, int64_t num_points, int64_t num_centres,
                  float radius, int64_t num_neighbours, int32_t* index,
                  int32_t* count);

}  // namespace ban

// CUDA launchers with a plain C interface.  All pointers are device memory;
// the work is queued on `stream` (a cudaStream_t); the result is a cudaError_t.
extern "C" {

int BanBallQueryCuda(void* stream, const float* xyz, const float* centres,
                     int64_t batch, int64_t num_points, int64_t num_centres,
                     float radius, int64_t num_neighbours, int32_t* index,
                     int32_t* count);

}  // extern "C"

#endif  // BAN_TF_OPS_GROUPING_GROUPING_H_
