// The part of CUDA C++ that the kernels of tf_ops use, for a plain C++
// compiler.  `tf_ops/core/cuda_execution.h` includes this file in place of
// the CUDA runtime when BAN_EMULATE_CUDA is defined; define __CUDA_ARCH__ (750,
// 900 ...) to choose the compute capability that is emulated.
//
// Streams run at once and in order; memory is the CPU's.  Extend this file when
// a kernel needs more of CUDA: what is missing does not compile.
#ifndef BAN_TESTS_CUDA_EMULATOR_CUDA_EMULATOR_H_
#define BAN_TESTS_CUDA_EMULATOR_CUDA_EMULATOR_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "scheduler.h"

#ifndef __CUDA_ARCH__
#error "Define __CUDA_ARCH__ as the compute capability to emulate, e.g. 900."
#endif

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

using std::isfinite;
using std::max;
using std::min;

// ---- Runtime -------------------------------------------------------------

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorLaunchFailure = 719,
};
using cudaStream_t = struct CUstream_st*;
using dim3 = cuda_emulator::Extent3;

enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
};

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute,
                                          int device) {
  if (device != 0) return cudaErrorInvalidValue;
  *value =
      attribute == cudaDevAttrMultiProcessorCount ? 2 : __CUDA_ARCH__ / 100;
  return cudaSuccess;
}

struct cudaFuncAttributes {
  int ptxVersion;
};

template <typename Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel*) {
  attributes->ptxVersion = __CUDA_ARCH__ / 10;
  return cudaSuccess;
}

inline cudaError_t cudaMemsetAsync(void* pointer, int byte, size_t num_bytes,
                                   cudaStream_t) {
  std::memset(pointer, byte, num_bytes);
  return cudaSuccess;
}

enum cudaLaunchAttributeID { cudaLaunchAttributeClusterDimension = 4 };

struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    cuda_emulator::Index3 clusterDim;
  } val;
};

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned numAttrs = 0;
};

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config,
                               void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  cuda_emulator::LaunchShape shape;
  shape.grid = config->gridDim;
  shape.block = config->blockDim;
  shape.shared_bytes = config->dynamicSmemBytes;
  for (unsigned i = 0; i < config->numAttrs; ++i) {
    shape.cluster_size = config->attrs[i].val.clusterDim.x;
  }
  const bool ok = cuda_emulator::RunGrid(shape, [&] { kernel(arguments...); });
  return ok ? cudaSuccess : cudaErrorLaunchFailure;
}

// ---- Arithmetic and memory -----------------------------------------------

struct alignas(16) float4 {
  float x, y, z, w;
};

inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}

inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __ffs(unsigned value) {
  return __builtin_ffs(static_cast<int>(value));
}

template <typename T>
T __ldg(const T* pointer) {
  return *pointer;
}

// Fibers are switched at barriers and warp operations only, so an ordinary
// read-modify-write is atomic.
template <typename T>
T atomicAdd(T* pointer, std::common_type_t<T> value) {
  const T old = *pointer;
  *pointer = old + value;
  return old;
}

template <typename T>
T atomicMax(T* pointer, std::common_type_t<T> value) {
  const T old = *pointer;
  *pointer = std::max(old, value);
  return old;
}

// ---- Barriers and warp operations ----------------------------------------

namespace cuda_emulator {

template <typename T>
T Exchange(WarpOperation operation, unsigned mask, T value, int source_lane) {
  static_assert(sizeof(T) <= sizeof(uint64_t), "at most 8 bytes a lane");
  Posting posting{operation, mask, 0, source_lane};
  std::memcpy(&posting.value, &value, sizeof value);
  const uint64_t bits = ExchangeInWarp(posting);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline int Lane() {
  return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) %
         kWarpSize;
}

}  // namespace cuda_emulator

inline void __syncthreads() { cuda_emulator::SyncBlock(); }

inline void __syncwarp(unsigned mask = 0xffffffffu) {
  cuda_emulator::Exchange(cuda_emulator::WarpOperation::kSync, mask, 0, 0);
}

template <typename T>
T __shfl_sync(unsigned mask, T value, int source_lane) {
  return cuda_emulator::Exchange(cuda_emulator::WarpOperation::kShuffle, mask,
                                 value,
                                 source_lane & (cuda_emulator::kWarpSize - 1));
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask) {
  return __shfl_sync(mask, value, cuda_emulator::Lane() ^ lane_mask);
}

template <typename T>
T __shfl_up_sync(unsigned mask, T value, int delta) {
  const int lane = cuda_emulator::Lane();
  return __shfl_sync(mask, value, lane < delta ? lane : lane - delta);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return cuda_emulator::Exchange<unsigned>(
      cuda_emulator::WarpOperation::kBallot, mask, predicate != 0, 0);
}

#if __CUDA_ARCH__ >= 800
inline unsigned __reduce_max_sync(unsigned mask, unsigned value) {
  return cuda_emulator::Exchange(cuda_emulator::WarpOperation::kReduceMax, mask,
                                 value, 0);
}
#endif

// ---- Clusters of blocks --------------------------------------------------

#if __CUDA_ARCH__ >= 900
namespace cooperative_groups {

struct cluster_group {
  void sync() const { cuda_emulator::SyncCluster(); }
  unsigned block_rank() const { return cuda_emulator::BlockRankInCluster(); }
  unsigned num_blocks() const { return cuda_emulator::ClusterSize(); }
  template <typename T>
  T* map_shared_rank(T* pointer, unsigned rank) const {
    return static_cast<T*>(cuda_emulator::MapSharedMemory(pointer, rank));
  }
};

inline cluster_group this_cluster() { return {}; }

}  // namespace cooperative_groups
#endif

#endif  // BAN_TESTS_CUDA_EMULATOR_CUDA_EMULATOR_H_
