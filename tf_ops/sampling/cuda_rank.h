// The farthest point as the maximum of one number: what the ways to sample on
// the GPU have in common.
#ifndef BAN_TF_OPS_SAMPLING_CUDA_RANK_H_
#define BAN_TF_OPS_SAMPLING_CUDA_RANK_H_

#include <cmath>

#include "tf_ops/core/cuda_execution.h"

namespace ban {

// Orders points by distance, then lowest index first.  Distance -1 stands for
// a point that must not be picked and comes after every distance; should all
// points be such, point 0 is first, before any number beyond the cloud.
__device__ __forceinline__ uint64_t Rank(float distance, uint32_t point) {
  const uint32_t high = distance < 0.0f ? 0 : __float_as_uint(distance) + 1;
  return uint64_t{high} << 32 | (0xffffffffu - point);
}

__device__ __forceinline__ uint32_t PointOfRank(uint64_t rank) {
  return 0xffffffffu - static_cast<uint32_t>(rank);
}

__device__ __forceinline__ uint64_t WarpMax(uint64_t rank) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  const uint32_t high = static_cast<uint32_t>(rank >> 32);
  const uint32_t max_high = __reduce_max_sync(kAllLanes, high);
  const uint32_t low = high == max_high ? static_cast<uint32_t>(rank) : 0;
  return uint64_t{max_high} << 32 | __reduce_max_sync(kAllLanes, low);
#else
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
    const uint64_t other = __shfl_xor_sync(
        kAllLanes, static_cast<unsigned long long>(rank), distance);
    rank = other > rank ? other : rank;
  }
  return rank;
#endif
}

// The distance to the nearest pick before there is any: infinite, or -1 for a
// point that must not be picked.
__device__ __forceinline__ float FirstDistance(float x, float y, float z) {
  return isfinite(x) && isfinite(y) && isfinite(z) ? INFINITY : -1.0f;
}

// Sampling of clouds of any size, one launch per pick; see
// sampling_steps_kernels.cu.
size_t SampleInStepsScratchBytes(int64_t batch, int64_t num_points,
                                 int64_t num_samples);
cudaError_t SampleInSteps(cudaStream_t stream, const float* xyz, int64_t batch,
                          int64_t num_points, int64_t num_samples,
                          void* scratch, int32_t* index);

}  // namespace ban

#endif  // BAN_TF_OPS_SAMPLING_CUDA_RANK_H_
