// Gathering: rows of points by index, and the gradient.  The contract that the
// CPU loops and the CUDA launchers share.  No TensorFlow header is included
// here.
//
// The rows of a cloud are counted by one number, Q, whatever the axes of the
// index: M for an index [B, M], M * K for the groups [B, M, K] of a ball query.
#ifndef BAN_TF_OPS_GATHERING_GATHERING_H_
#define BAN_TF_OPS_GATHERING_GATHERING_H_

#include <cstddef>
#include <cstdint>

#include "tf_ops/core/parallel.h"

namespace ban {

// output[b, q] = points[b, index[b, q]].
//   points [B, N, C]   index [B, Q] in [0, N)   output [B, Q, C]
void GatherPointsCpu(Workers* workers, const float* points,
                     const int32_t* index, int64_t batch, int64_t num_points,
                     int64_t num_rows, int64_t num_channels, float* output);

// points_grad[b, n] = the sum of output_grad[b, q] over the q with
// index[b, q] == n, added in ascending order of q from 0.0f.
//   output_grad [B, Q, C]   index [B, Q] in [0, N)   points_grad [B, N, C]
void GatherPointsGradCpu(Workers* workers, const float* output_grad,
                         const int32_t* index, int64_t batch,
                         int64_t num_points, int64_t num_rows,
                         int64_t num_channels, float* points_grad);

}  // namespace ban

// CUDA launchers with a plain C interface.  All pointers are device memory;
// the work is queued on `stream` (a cudaStream_t); the result is a cudaError_t.
// A row whose index is not in [0, N) is zero and adds nothing to a gradient (a
// kernel cannot raise without stopping the stream).
extern "C" {

int BanGatherPointsCuda(void* stream, const float* points, const int32_t* index,
                        int64_t batch, int64_t num_points, int64_t num_rows,
                        int64_t num_channels, float* output);

// `scratch` holds at least `BanGatherPointsGradScratchBytes(...)` bytes.
size_t BanGatherPointsGradScratchBytes(int64_t batch, int64_t num_points,
                                       int64_t num_rows);
int BanGatherPointsGradCuda(void* stream, const float* output_grad,
                            const int32_t* index, int64_t batch,
                            int64_t num_points, int64_t num_rows,
                            int64_t num_channels, void* scratch,
                            float* points_grad);

}  // extern "C"

#endif  // BAN_TF_OPS_GATHERING_GATHERING_H_
