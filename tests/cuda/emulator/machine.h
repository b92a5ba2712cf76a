// What the scheduler knows about the blocks and threads that are running.
#ifndef BAN_TESTS_CUDA_EMULATOR_MACHINE_H_
#define BAN_TESTS_CUDA_EMULATOR_MACHINE_H_

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fibers.h"
#include "scheduler.h"

namespace cuda_emulator {

enum class State { kRunnable, kAtWarp, kAtBlock, kAtCluster, kFinished };

struct Block;

struct Thread {
  State state = State::kRunnable;
  Index3 index;
  unsigned number = 0;  // within the cluster
  unsigned lane = 0;
  Block* block = nullptr;
  Thread* warp = nullptr;  // lane 0 of its warp
  Posting posting;
  uint64_t result = 0;
  uint64_t priority = 0;  // lane 0: of the warp
};

struct Block {
  Index3 index;
  unsigned rank = 0;
  unsigned num_waiting = 0;
  bool started = false;
  bool finished = false;  // at least one of its threads has
  std::vector<unsigned char> shared;
};

// Everything about the cluster that is running now.
struct Machine {
  LaunchShape shape;
  unsigned threads_per_block = 0;
  std::vector<Block> blocks;
  std::vector<Thread> threads;
  std::vector<std::pair<uint64_t, Thread*>>
      runnable;  // heap, most urgent first
  unsigned num_waiting_for_cluster = 0;
  Thread* current = nullptr;
  bool failed = false;
  std::string failure;
  bool with_priorities = false;
  std::mt19937_64 random;
  FiberPool fibers;
};

}  // namespace cuda_emulator

#endif  // BAN_TESTS_CUDA_EMULATOR_MACHINE_H_
