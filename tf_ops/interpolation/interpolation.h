// Three nearest neighbours and interpolation: the contract that the CPU loops
// and the CUDA launchers share.  No TensorFlow header is included here.
#ifndef BAN_TF_OPS_INTERPOLATION_INTERPOLATION_H_
#define BAN_TF_OPS_INTERPOLATION_INTERPOLATION_H_

#include <cstddef>
#include <cstdint>

#include "tf_ops/core/parallel.h"

namespace ban {

// The three references nearest to each query.
//   query             [B, N, 3]  metres
//   reference         [B, M, 3]  metres, M >= 3
//   squared_distance  [B, N, 3]  output, m^2, ascending
//   index             [B, N, 3]  output, in [0, M), three different ones
// Distances are dx*dx + dy*dy + dz*dz, every step rounded to float32; NaN
// counts as +inf.  Ties go to the lowest index.
void ThreeNearestCpu(Workers* workers, const float* query,
                     const float* reference, int64_t batch, int64_t num_queries,
                     int64_t num_references, float* squared_distance,
                     int32_t* index);

// Weighted sum of three rows: ((p0 * w0) + p1 * w1) + p2 * w2 in float32.
//   points  [B, M, C]   index [B, N, 3] in [0, M)   weights [B, N, 3]
//   output  [B, N, C]
void InterpolateCpu(Workers* workers, const float* points, const int32_t* index,
                    const float* weights, int64_t batch, int64_t num_points,
                    int64_t num_queries, int64_t num_channels, float* output);

// points_grad[b, m] = the sum of weights[b, n, k] * output_grad[b, n] over the
// (n, k) with index[b, n, k] == m, added in ascending order of 3 n + k from
// 0.0f.
//   output_grad [B, N, C]   points_grad [B, M, C]
void InterpolateGradCpu(Workers* workers, const float* output_grad,
                        const int32_t* index, const float* weights,
                        int64_t batch, int64_t num_points, int64_t num_queries,
                        int64_t num_channels, float* points_grad);

}  // namespace ban

// CUDA launchers with a plain C interface.  All pointers are device memory;
// the work is queued on `stream` (a cudaStream_t); the result is a cudaError_t.
// An index outside [0, M) adds nothing (a kernel cannot raise without stopping
// the stream).  Shapes as above.
extern "C" {

int BanThreeNearestCuda(void* stream, const float* query,
                        const float* reference, int64_t batch,
                        int64_t num_queries, int64_t num_references,
                        float* squared_distance, int32_t* index);

int BanInterpolateCuda(void* stream, const float* points, const int32_t* index,
                       const float* weights, int64_t batch, int64_t num_points,
                       int64_t num_queries, int64_t num_channels,
                       float* output);

size_t BanInterpolateGradScratchBytes(int64_t batch, int64_t num_points,
                                      int64_t num_queries);
int BanInterpolateGradCuda(void* stream, const float* output_grad,
                           const int32_t* index, const float* weights,
                           int64_t batch, int64_t num_points,
                           int64_t num_queries, int64_t num_channels,
                           void* scratch, float* points_grad);

}  // extern "C"

#endif  // BAN_TF_OPS_INTERPOLATION_INTERPOLATION_H_
