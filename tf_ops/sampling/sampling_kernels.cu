#include "tf_ops/core/cuda_execution.h"
#include "tf_ops/sampling/cuda_rank.h"
#include "tf_ops/sampling/sampling.h"

namespace ban {
namespace {

constexpr int64_t kMaxInOneBlock = 1024 * 16;

// A thread of 1024 has 64 registers.  Sixteen points with their distances
// would take all of them, so the z of most of those points is kept in shared
// memory, little enough (45 KiB) to need no opt-in.
__host__ __device__ constexpr int RegisterZ(int points_per_thread) {
  return points_per_thread <= 8 ? points_per_thread : 5;
}

template <int kThreads, int kPoints, int kBlocks>
struct SharedState {
  static constexpr int kWarps = kThreads / kWarpSize;
  static constexpr int kSharedZ = kPoints - RegisterZ(kPoints);
  uint64_t rank[2][kBlocks * kWarps];
  float z[kSharedZ > 0 ? kSharedZ : 1][kSharedZ > 0 ? kThreads : 1];
};

// One block, or one cluster of `kBlocks` blocks, samples one cloud.  Thread t
// of the kThreads * kBlocks holds points t, t + kThreads * kBlocks, ...  A pick
// costs one barrier: each warp writes the rank of its farthest point into one
// of two sets of slots (of every block), and after the barrier each warp finds
// the maximum for itself while the next pick fills the other set.
template <int kThreads, int kPoints, int kBlocks>
__global__ void __launch_bounds__(kThreads, 1)
    SampleInRegisters(const float* __restrict__ xyz, uint32_t num_points,
                      int64_t num_samples, int32_t* __restrict__ index) {
#if !BAN_CLUSTERS
  if constexpr (kBlocks > 1) return;  // never launched, see HasClusters
#endif
  using State = SharedState<kThreads, kPoints, kBlocks>;
  constexpr int kRegisterZ = RegisterZ(kPoints);
  constexpr uint32_t kStride = kThreads * kBlocks;
  State* shared = DynamicShared<State>();
  const uint32_t thread = threadIdx.x;
  const uint32_t lane = thread % kWarpSize;
  const uint32_t block = blockIdx.x % kBlocks;
  const uint32_t warp = (block * kThreads + thread) / kWarpSize;
  const uint32_t first = block * kThreads + thread;
  const float* cloud = xyz + int64_t{blockIdx.x / kBlocks} * num_points * 3;
  int32_t* picks = index + int64_t{blockIdx.x / kBlocks} * num_samples;

  float x[kPoints], y[kPoints], z[kRegisterZ], nearest[kPoints];
  float farthest = -2.0f;
  int slot = 0;
#pragma unroll
  for (int j = 0; j < kPoints; ++j) {
    const uint32_t n = first + j * kStride;
    const bool exists = n < num_points;
    const float* point = cloud + int64_t{exists ? n : 0} * 3;
    x[j] = point[0];
    y[j] = point[1];
    if (j < kRegisterZ) {
      z[j] = point[2];
    } else {
      shared->z[j - kRegisterZ][thread] = point[2];
    }
    nearest[j] = exists ? FirstDistance(x[j], y[j], point[2]) : -1.0f;
    if (nearest[j] > farthest) {
      farthest = nearest[j];
      slot = j;
    }
  }
#if BAN_CLUSTERS
  // No block may write into another before that one has started.
  if constexpr (kBlocks > 1) cooperative_groups::this_cluster().sync();
#endif

  for (int64_t m = 0;; ++m) {
    uint64_t rank = WarpMax(Rank(farthest, first + slot * kStride));
    uint64_t* ranks = shared->rank[m & 1];
    if constexpr (kBlocks == 1) {
      if (lane == 0) ranks[warp] = rank;
      __syncthreads();
    } else {
#if BAN_CLUSTERS
      const auto cluster = cooperative_groups::this_cluster();
      if (lane < kBlocks) cluster.map_shared_rank(ranks, lane)[warp] = rank;
      cluster.sync();
#endif
    }
    rank = 0;
#pragma unroll
    for (int i = 0; i < kBlocks * State::kWarps; i += kWarpSize) {
      const bool exists = i + lane < kBlocks * State::kWarps;
      const uint64_t other = exists ? ranks[i + lane] : 0;
      rank = other > rank ? other : rank;
    }
    const uint32_t pick = PointOfRank(WarpMax(rank));
    if (first == 0) picks[m] = static_cast<int32_t>(pick);
    if (m + 1 == num_samples) break;

    const float* picked = cloud + int64_t{pick} * 3;
    const float px = picked[0], py = picked[1], pz = picked[2];
    farthest = -2.0f;
#pragma unroll
    for (int j = 0; j < kPoints; ++j) {
      const float zj =
          j < kRegisterZ ? z[j] : shared->z[j - kRegisterZ][thread];
      nearest[j] =
          fminf(nearest[j], SquaredDistance(x[j], y[j], zj, px, py, pz));
      if (nearest[j] > farthest) {
        farthest = nearest[j];
        slot = j;
      }
    }
  }
}

template <int kThreads, int kPoints, int kBlocks = 1>
cudaError_t LaunchInRegisters(cudaStream_t stream, const float* xyz,
                              int64_t batch, int64_t num_points,
                              int64_t num_samples, int32_t* index) {
  LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>(batch * kBlocks));
  shape.block = dim3(kThreads);
  shape.shared_bytes = sizeof(SharedState<kThreads, kPoints, kBlocks>);
  shape.cluster_size = kBlocks;
  return Launch(stream, shape, SampleInRegisters<kThreads, kPoints, kBlocks>,
                xyz, num_points, num_samples, index);
}

// Whether clusters can be launched: the device has them, and this kernel was
// compiled for such devices rather than translated from older PTX.
bool HasClusters() {
  int device = 0;
  int major = 0;
  cudaFuncAttributes attributes = {};
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor,
                                device) == cudaSuccess &&
         major >= 9 &&
         cudaFuncGetAttributes(&attributes, SampleInRegisters<1024, 16, 8>) ==
             cudaSuccess &&
         attributes.ptxVersion >= 90;
}

cudaError_t FarthestPointSample(cudaStream_t stream, const float* xyz,
                                int64_t batch, int64_t num_points,
                                int64_t num_samples, void* scratch,
                                int32_t* index) {
  auto launch = [&](auto launcher) {
    return launcher(stream, xyz, batch, num_points, num_samples, index);
  };
  if (num_points <= 128) return launch(LaunchInRegisters<32, 4>);
  if (num_points <= 256) return launch(LaunchInRegisters<64, 4>);
  if (num_points <= 1024) return launch(LaunchInRegisters<128, 8>);
  if (num_points <= 2048) return launch(LaunchInRegisters<256, 8>);
  if (num_points <= 4096) return launch(LaunchInRegisters<512, 8>);
  if (num_points <= 8192) return launch(LaunchInRegisters<1024, 8>);
  if (num_points <= kMaxInOneBlock) return launch(LaunchInRegisters<1024, 16>);
  if (num_points <= 8 * kMaxInOneBlock && HasClusters()) {
    if (num_points <= 2 * kMaxInOneBlock) {
      return launch(LaunchInRegisters<1024, 16, 2>);
    }
    if (num_points <= 4 * kMaxInOneBlock) {
      return launch(LaunchInRegisters<1024, 16, 4>);
    }
    return launch(LaunchInRegisters<1024, 16, 8>);
  }
  return SampleInSteps(stream, xyz, batch, num_points, num_samples, scratch,
                       index);
}

}  // namespace
}  // namespace ban

extern "C" {

size_t BanFarthestPointSampleScratchBytes(int64_t batch, int64_t num_points,
                                          int64_t num_samples) {
  if (num_points <= ban::kMaxInOneBlock) return 0;
  return ban::SampleInStepsScratchBytes(batch, num_points, num_samples);
}

int BanFarthestPointSampleCuda(void* stream, const float* xyz, int64_t batch,
                               int64_t num_points, int64_t num_samples,
                               void* scratch, int32_t* index) {
  if (batch == 0 || num_samples == 0) return cudaSuccess;
  if (num_points > INT32_MAX || num_samples > num_points) {
    return cudaErrorInvalidValue;
  }
  return ban::FarthestPointSample(static_cast<cudaStream_t>(stream), xyz, batch,
                                  num_points, num_samples, scratch, index);
}

}  // extern "C"
