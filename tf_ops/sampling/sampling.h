// Farthest point sampling and gathering: the contract that the CPU loops and
// the CUDA launchers share.  No TensorFlow header is included here.
#ifndef BAN_TF_OPS_SAMPLING_SAMPLING_H_
#define BAN_TF_OPS_SAMPLING_SAMPLING_H_

#include <cstddef>
#include <cstdint>

#include "tf_ops/core/parallel.h"

namespace ban {

// Picks `num_samples` (M) of `num_points` (N) points of every cloud.
//   xyz    [B, N, 3]  coordinates, metres
//   index  [B, M]     output, in [0, N)
// The first pick is the first finite point (all three coordinates finite);
// each later pick is the finite point with the largest squared distance
// dx*dx + dy*dy + dz*dz (rounded to float32 at every step) to its nearest
// pick, ties to the lowest index.  A point that is not finite is never picked,
// unless no point of the cloud is finite: then every pick is 0.
// Requires 1 <= M <= N.
void FarthestPointSampleCpu(Workers* workers, const float* xyz, int64_t batch,
                            int64_t num_points, int64_t num_samples,
                            int32_t* index);

}  // namespace ban

// CUDA launchers with a plain C interface.  All pointers are device memory;
// the work is queued on `stream` (a cudaStream_t); the result is a cudaError_t.
extern "C" {

// `scratch` holds at least `BanFarthestPointSampleScratchBytes(...)` bytes.
size_t BanFarthestPointSampleScratchBytes(int64_t batch, int64_t num_points,
                                          int64_t num_samples);
int BanFarthestPointSampleCuda(void* stream, const float* xyz, int64_t batch,
                               int64_t num_points, int64_t num_samples,
                               void* scratch, int32_t* index);

}  // extern "C"

#endif  // BAN_TF_OPS_SAMPLING_SAMPLING_H_
