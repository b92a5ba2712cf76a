// Runs the threads of a CUDA block (or of a cluster of blocks) as fibers on one
// CPU thread.  A fiber runs until it blocks at a barrier or a warp operation;
// which one runs next depends on a seed, so that a test can ask for many
// interleavings and see a missing barrier as a changed result.  Even seeds draw
// the next thread evenly; odd ones give warps priorities, so that some run as
// far ahead of the others as the barriers let them.
//
// Stricter than a GPU: waiting for a thread that has left the kernel, naming a
// lane that does not take part, or touching shared memory outside the bytes
// that were asked for ends the launch with a message instead of going
// unnoticed.  Dynamic shared memory starts out filled with 0xff.
#ifndef BAN_TESTS_CUDA_EMULATOR_SCHEDULER_H_
#define BAN_TESTS_CUDA_EMULATOR_SCHEDULER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace cuda_emulator {

constexpr int kWarpSize = 32;

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

struct Extent3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Extent3(unsigned x = 1, unsigned y = 1, unsigned z = 1)
      : x(x), y(y), z(z) {}
};

struct LaunchShape {
  Extent3 grid;
  Extent3 block;
  size_t shared_bytes = 0;
  unsigned cluster_size = 1;  // blocks along x that run together
};

// What a lane hands to the lanes of its warp.
enum class WarpOperation { kNone, kSync, kShuffle, kBallot, kReduceMax };

struct Posting {
  WarpOperation operation = WarpOperation::kNone;
  unsigned mask = 0;
  uint64_t value = 0;
  int source_lane = 0;  // kShuffle only
};

// Runs `kernel` once for every thread of the grid.  Returns false, and keeps
// the message for `LastFailure`, if the launch was refused or went wrong.
bool RunGrid(const LaunchShape& shape, const std::function<void()>& kernel);

// The first failure since the last call, empty if there was none.
std::string TakeFailure();

// Chooses the interleaving of threads and the order of blocks.
void SetSchedule(uint64_t seed);

// For the thread that is running (its indices are the globals below):
void SyncBlock();
void SyncCluster();
unsigned BlockRankInCluster();
unsigned ClusterSize();
// Posts a value and waits for the other lanes in `posting.mask`; returns what
// the operation gives this lane.
uint64_t ExchangeInWarp(const Posting& posting);
void* DynamicSharedMemory();
// The byte of block `rank` that corresponds to `pointer` into this block's.
void* MapSharedMemory(void* pointer, unsigned rank);

}  // namespace cuda_emulator

// CUDA's built-in variables, set whenever a thread starts or resumes.
extern cuda_emulator::Index3 threadIdx;
extern cuda_emulator::Index3 blockIdx;
extern cuda_emulator::Extent3 blockDim;
extern cuda_emulator::Extent3 gridDim;

#endif  // BAN_TESTS_CUDA_EMULATOR_SCHEDULER_H_
