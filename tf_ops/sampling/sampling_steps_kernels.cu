#include <algorithm>

#include "tf_ops/sampling/cuda_rank.h"

namespace ban {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
constexpr int64_t kMaxBlocks = 512;  // per cloud, at most

struct StepScratch {
  unsigned long long* rank;  // [B, M] the maximum that decides each pick
  float* nearest;            // [B, N]
};

StepScratch Split(void* scratch, int64_t batch, int64_t num_samples) {
  auto* rank = static_cast<unsigned long long*>(scratch);
  return {rank, reinterpret_cast<float*>(rank + batch * num_samples)};
}

// Updates every distance with pick m - 1 and finds pick m; a launch per pick is
// the barrier between them.  The maximum is taken by an atomic on an integer,
// whose result does not depend on the order of the blocks.
__global__ void __launch_bounds__(kThreads)
    SampleStep(const float* __restrict__ xyz, uint32_t num_points,
               int64_t num_samples, int64_t m, unsigned blocks_per_cloud,
               StepScratch scratch, int32_t* __restrict__ index) {
  uint64_t* warp_ranks = DynamicShared<uint64_t>();
  const int64_t b = blockIdx.x / blocks_per_cloud;
  const unsigned block = blockIdx.x % blocks_per_cloud;
  const float* cloud = xyz + b * num_points * 3;
  float* nearest = scratch.nearest + b * num_points;
  unsigned long long* ranks = scratch.rank + b * num_samples;
  const uint32_t pick = m == 0 ? 0 : PointOfRank(ranks[m - 1]);
  if (m > 0 && block == 0 && threadIdx.x == 0) {
    index[b * num_samples + m - 1] = static_cast<int32_t>(pick);
  }
  if (m == num_samples) return;
  const float px = cloud[int64_t{pick} * 3];
  const float py = cloud[int64_t{pick} * 3 + 1];
  const float pz = cloud[int64_t{pick} * 3 + 2];
  uint64_t rank = 0;
  for (int64_t n = int64_t{block} * kThreads + threadIdx.x; n < num_points;
       n += int64_t{blocks_per_cloud} * kThreads) {
    const float* point = cloud + n * 3;
    const float distance =
        m == 0 ? FirstDistance(point[0], point[1], point[2])
               : fminf(nearest[n], SquaredDistance(point[0], point[1], point[2],
                                                   px, py, pz));
    nearest[n] = distance;
    const uint64_t other = Rank(distance, static_cast<uint32_t>(n));
    rank = other > rank ? other : rank;
  }
  rank = WarpMax(rank);
  if (threadIdx.x % kWarpSize == 0) warp_ranks[threadIdx.x / kWarpSize] = rank;
  __syncthreads();
  if (threadIdx.x < kWarpSize) {
    rank = WarpMax(threadIdx.x < kWarps ? warp_ranks[threadIdx.x] : 0);
    if (threadIdx.x == 0) atomicMax(&ranks[m], rank);
  }
}

}  // namespace

size_t SampleInStepsScratchBytes(int64_t batch, int64_t num_points,
                                 int64_t num_samples) {
  return batch * (num_samples * sizeof(unsigned long long) +
                  num_points * sizeof(float));
}

cudaError_t SampleInSteps(cudaStream_t stream, const float* xyz, int64_t batch,
                          int64_t num_points, int64_t num_samples,
                          void* scratch, int32_t* index) {
  const StepScratch split = Split(scratch, batch, num_samples);
  cudaError_t error = cudaMemsetAsync(
      split.rank, 0, batch * num_samples * sizeof(*split.rank), stream);
  const auto blocks_per_cloud = static_cast<unsigned>(
      std::min(CeilDivide(num_points, kThreads), kMaxBlocks));
  LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>(batch) * blocks_per_cloud);
  shape.block = dim3(kThreads);
  shape.shared_bytes = kWarps * sizeof(uint64_t);
  for (int64_t m = 0; m <= num_samples && error == cudaSuccess; ++m) {
    error = Launch(stream, shape, SampleStep, xyz, num_points, num_samples, m,
                   blocks_per_cloud, split, index);
  }
  return error;
}

}  // namespace ban
