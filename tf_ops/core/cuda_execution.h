// What every CUDA kernel of tf_ops is written against: the CUDA runtime, or in
// tests its emulation on the CPU, and the few words that differ between them.
// No TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_CUDA_EXECUTION_H_
#define BAN_TF_OPS_CORE_CUDA_EXECUTION_H_

#include <cstddef>
#include <cstdint>

#ifdef BAN_EMULATE_CUDA
#include "cuda_emulator.h"
#else
#include <cooperative_groups.h>
#include <cuda_runtime.h>
#endif

// Clusters of blocks exist from compute capability 9.0.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define BAN_CLUSTERS 1
#else
#define BAN_CLUSTERS 0
#endif

namespace ban {

constexpr int kWarpSize = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// The largest grids that are launched: a block takes more than one share of
// what lies beyond.  CUDA allows 65535 along y; tests set both to a few blocks.
#ifndef BAN_MAX_GRID_X
#define BAN_MAX_GRID_X (1 << 20)
#endif
#ifndef BAN_MAX_GRID_Y
#define BAN_MAX_GRID_Y 65535
#endif
constexpr int64_t kMaxGridX = BAN_MAX_GRID_X;
constexpr int64_t kMaxGridY = BAN_MAX_GRID_Y;

// The bytes of shared memory that the launch asked for.  Kernels use no other
// shared memory, so that its size is checked and the emulator can give each
// block of a cluster its own.
template <typename T>
__device__ __forceinline__ T* DynamicShared() {
#ifdef BAN_EMULATE_CUDA
  return static_cast<T*>(cuda_emulator::DynamicSharedMemory());
#else
  extern __shared__ __align__(16) unsigned char dynamic_shared[];
  return reinterpret_cast<T*>(dynamic_shared);
#endif
}

struct LaunchShape {
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;
  unsigned cluster_size = 1;  // blocks along x that share their memory
};

// Launches `kernel` on `stream`; does not wait for it.
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(cudaStream_t stream, const LaunchShape& shape,
                   void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  cudaLaunchAttribute cluster = {};
  if (shape.cluster_size > 1) {
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = shape.cluster_size;
    cluster.val.clusterDim.y = 1;
    cluster.val.clusterDim.z = 1;
    config.attrs = &cluster;
    config.numAttrs = 1;
  }
  return cudaLaunchKernelEx(&config, kernel,
                            static_cast<Parameters>(arguments)...);
}

constexpr int64_t CeilDivide(int64_t dividend, int64_t divisor) {
  return (dividend + divisor - 1) / divisor;
}

// (a - b)^2 as the CPU computes it: three products added from left to right,
// none of them fused (the kernels are compiled with -fmad=false).
__host__ __device__ __forceinline__ float SquaredDistance(float ax, float ay,
                                                          float az, float bx,
                                                          float by, float bz) {
  const float dx = ax - bx;
  const float dy = ay - by;
  const float dz = az - bz;
  return dx * dx + dy * dy + dz * dz;
}

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_CUDA_EXECUTION_H_
