// Small kernels, right and wrong, that show what the emulator catches.

#include "tf_ops/core/cuda_execution.h"

namespace {

using ban::DynamicShared;
using ban::kAllLanes;

// Turns `values` round, through shared memory; wrong without the barrier.
template <bool kBarrier>
__global__ void Reverse(int* values) {
  int* shared = DynamicShared<int>();
  shared[threadIdx.x] = values[threadIdx.x];
  if (kBarrier) __syncthreads();
  values[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

// As above within a warp; wrong without the barrier of the warp.
template <bool kBarrier>
__global__ void ReverseInWarp(int* values) {
  int* shared = DynamicShared<int>();
  shared[threadIdx.x] = values[threadIdx.x];
  if (kBarrier) __syncwarp();
  values[threadIdx.x] = shared[threadIdx.x ^ 31];
}

// Blocks of a cluster hand each other their values; one that does not wait may
// look into a block that has not started.
template <bool kWait>
__global__ void RotateInCluster(int* values) {
#if BAN_CLUSTERS
  const auto cluster = cooperative_groups::this_cluster();
  int* shared = DynamicShared<int>();
  shared[threadIdx.x] = values[blockIdx.x * blockDim.x + threadIdx.x];
  if (kWait) cluster.sync();
  const unsigned next = (cluster.block_rank() + 1) % cluster.num_blocks();
  const int value = cluster.map_shared_rank(shared, next)[threadIdx.x];
  cluster.sync();
  values[blockIdx.x * blockDim.x + threadIdx.x] = value;
#endif
}

// Each lane's ballot, shuffles and maximum, for a comparison by hand.
__global__ void WarpOperations(int* values) {
  const int lane = threadIdx.x;
  const int value = values[lane];
  values[32 + lane] =
      static_cast<int>(__ballot_sync(kAllLanes, value % 2 != 0));
  values[64 + lane] = __shfl_sync(kAllLanes, value, 5);
  values[96 + lane] = __shfl_xor_sync(kAllLanes, value, 3);
  values[128 + lane] = __shfl_up_sync(kAllLanes, value, 2);
}

__global__ void BarrierThatSomeSkip(int*) {
  if (threadIdx.x < 40) __syncthreads();
}

__global__ void VoteWithoutOneLane(int*) {
  if (threadIdx.x % 32 != 7) __ballot_sync(kAllLanes, 1);
}

__global__ void VoteFromOutsideTheMask(int*) { __ballot_sync(0xffffu, 1); }

__global__ void ShuffleFromOutsideTheMask(int* values) {
  if (threadIdx.x < 16) values[0] = __shfl_sync(0xffffu, 1, 20);
}

__global__ void WriteBeyondSharedMemory(int*) {
  DynamicShared<int>()[blockDim.x] = 1;
}

struct Case {
  void (*kernel)(int*);
  unsigned num_threads;
  unsigned cluster_size;
};

constexpr Case kCases[] = {
    {Reverse<true>, 96, 1},           {Reverse<false>, 96, 1},
    {ReverseInWarp<true>, 32, 1},     {ReverseInWarp<false>, 32, 1},
    {RotateInCluster<true>, 64, 4},   {WarpOperations, 32, 1},
    {BarrierThatSomeSkip, 64, 1},     {VoteWithoutOneLane, 64, 1},
    {VoteFromOutsideTheMask, 32, 1},  {ShuffleFromOutsideTheMask, 32, 1},
    {WriteBeyondSharedMemory, 32, 1}, {RotateInCluster<false>, 64, 4},
};

}  // namespace

extern "C" int ban_self_test(int number, int* values) {
  const Case& chosen = kCases[number];
  ban::LaunchShape shape;
  shape.grid = dim3(chosen.cluster_size);
  shape.block = dim3(chosen.num_threads);
  shape.shared_bytes = chosen.num_threads * sizeof(int);
  shape.cluster_size = chosen.cluster_size;
  return ban::Launch(nullptr, shape, chosen.kernel, values);
}

extern "C" int ban_self_test_empty_grid() {
  ban::LaunchShape shape;
  shape.grid = dim3(0);
  shape.block = dim3(32);
  return ban::Launch(nullptr, shape, kCases[0].kernel, nullptr);
}
