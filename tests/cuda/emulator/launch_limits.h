// What a GPU refuses to launch, and what every supported one can.
#ifndef BAN_TESTS_CUDA_EMULATOR_LAUNCH_LIMITS_H_
#define BAN_TESTS_CUDA_EMULATOR_LAUNCH_LIMITS_H_

#include <string>

#include "scheduler.h"

namespace cuda_emulator {

constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxClusterSize = 8;
constexpr size_t kMaxSharedBytes = 48 << 10;  // without an opt-in
constexpr unsigned kMaxGridX = 0x7fffffffu;
constexpr unsigned kMaxGridYZ = 65535;

// The limit that `shape` breaks, or an empty string.
inline std::string WhyRefused(const LaunchShape& shape) {
  const Extent3& grid = shape.grid;
  const uint64_t threads =
      uint64_t{shape.block.x} * shape.block.y * shape.block.z;
  if (threads == 0 || threads > kMaxThreads || threads % kWarpSize != 0) {
    return "a block must have 32, 64, ... 1024 threads, not " +
           std::to_string(threads);
  }
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return "the grid is empty";
  if (grid.x > kMaxGridX || grid.y > kMaxGridYZ || grid.z > kMaxGridYZ) {
    return "the grid is too large";
  }
  if (shape.shared_bytes > kMaxSharedBytes) {
    return "more than 48 KiB of shared memory was asked for";
  }
  if (shape.cluster_size == 0 || shape.cluster_size > kMaxClusterSize ||
      grid.x % shape.cluster_size != 0) {
    return "a cluster must have 1 to 8 blocks and divide the grid";
  }
  return {};
}

}  // namespace cuda_emulator

#endif  // BAN_TESTS_CUDA_EMULATOR_LAUNCH_LIMITS_H_
