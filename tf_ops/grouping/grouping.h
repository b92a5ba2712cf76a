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

// GroupPoints is `GatherRows` of core/rows.h with K rows per centre.

}  // namespace ban

// CUDA launchers with a plain C interface.  All pointers are device memory;
// the work is queued on `stream` (a cudaStream_t); the result is a cudaError_t.
extern "C" {

int BanBallQueryCuda(void* stream, const float* xyz, const float* centres,
                     int64_t batch, int64_t num_points, int64_t num_centres,
                     float radius, int64_t num_neighbours, int32_t* index,
                     int32_t* count);

// output[b, m, k] = points[b, index[b, m, k]]; a row whose index is not in
// [0, N) is zero (a kernel cannot raise without stopping the stream).
//   points [B, N, C]   index [B, M, K]   output [B, M, K, C]
int BanGroupPointsCuda(void* stream, const float* points, const int32_t* index,
                       int64_t batch, int64_t num_points, int64_t num_centres,
                       int64_t num_neighbours, int64_t num_channels,
                       float* output);

// points_grad[b, n] = the sum of output_grad[b, m, k] over the (m, k) with
// index[b, m, k] == n, added in ascending order of m * K + k from 0.0f.
//   output_grad [B, M, K, C]   index [B, M, K]   points_grad [B, N, C]
size_t BanGroupPointsGradScratchBytes(int64_t batch, int64_t num_points,
                                      int64_t num_centres,
                                      int64_t num_neighbours);
int BanGroupPointsGradCuda(void* stream, const float* output_grad,
                           const int32_t* index, int64_t batch,
                           int64_t num_points, int64_t num_centres,
                           int64_t num_neighbours, int64_t num_channels,
                           void* scratch, float* points_grad);

}  // extern "C"

#endif  // BAN_TF_OPS_GROUPING_GROUPING_H_
