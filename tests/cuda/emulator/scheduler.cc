#include "scheduler.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "launch_limits.h"
#include "machine.h"

cuda_emulator::Index3 threadIdx;
cuda_emulator::Index3 blockIdx;
cuda_emulator::Extent3 blockDim;
cuda_emulator::Extent3 gridDim;

namespace cuda_emulator {
namespace {

constexpr size_t kGuardBytes = 256;
constexpr int kFill = 0xff;

Machine machine;

void Fail(const std::string& message) {
  machine.failed = true;
  if (machine.failure.empty()) machine.failure = message;
}

std::string Place(const Thread& thread) {
  return " (block " + std::to_string(thread.block->index.x) + ", thread " +
         std::to_string(thread.index.x) + ")";
}

// As `Fail`, from inside a kernel: the thread never runs on.
[[noreturn]] void FailThread(const std::string& message) {
  Fail(message + Place(*machine.current));
  for (;;) machine.fibers.Yield();
}

void Release(Thread& thread) {
  thread.state = State::kRunnable;
  uint64_t urgency = machine.random();
  if (machine.with_priorities) {
    constexpr uint64_t kNewPriorityEvery = 512;
    if (urgency % kNewPriorityEvery == 0) {
      thread.warp->priority = machine.random();
    }
    // The warp decides; within it, threads come in any order.
    urgency = (thread.warp->priority & ~0xffffull) | (urgency >> 48);
  }
  machine.runnable.emplace_back(urgency, &thread);
  std::push_heap(machine.runnable.begin(), machine.runnable.end());
}

Thread* TakeMostUrgent() {
  std::pop_heap(machine.runnable.begin(), machine.runnable.end());
  Thread* thread = machine.runnable.back().second;
  machine.runnable.pop_back();
  return thread;
}

void Wait(State state) {
  machine.current->state = state;
  machine.fibers.Yield();
}

// What `operation` gives lane `lane`, given every posting of the warp.
uint64_t Result(const Thread* warp, unsigned lane) {
  const Posting& posting = warp[lane].posting;
  uint64_t result = 0;
  switch (posting.operation) {
    case WarpOperation::kShuffle:
      if ((posting.mask >> posting.source_lane & 1) == 0) {
        FailThread("a shuffle reads a lane that is not in its mask");
      }
      return warp[posting.source_lane].posting.value;
    case WarpOperation::kBallot:
      for (unsigned i = 0; i < kWarpSize; ++i) {
        if ((posting.mask >> i & 1) && warp[i].posting.value) result |= 1u << i;
      }
      return result;
    case WarpOperation::kReduceMax:
      for (unsigned i = 0; i < kWarpSize; ++i) {
        if (posting.mask >> i & 1) {
          result = std::max(result, warp[i].posting.value);
        }
      }
      return result;
    case WarpOperation::kSync:
    case WarpOperation::kNone:
      break;
  }
  return 0;
}

void SetUp(Index3 first_block) {
  const LaunchShape& shape = machine.shape;
  machine.runnable.clear();
  machine.num_waiting_for_cluster = 0;
  machine.blocks.resize(shape.cluster_size);
  machine.threads.assign(machine.threads_per_block * shape.cluster_size, {});
  for (unsigned rank = 0; rank < shape.cluster_size; ++rank) {
    Block& block = machine.blocks[rank];
    block.index = first_block;
    block.index.x += rank;
    block.rank = rank;
    block.num_waiting = 0;
    block.started = block.finished = false;
    block.shared.assign(shape.shared_bytes + kGuardBytes, kFill);
    for (unsigned i = 0; i < machine.threads_per_block; ++i) {
      Thread& thread = machine.threads[rank * machine.threads_per_block + i];
      thread.number = rank * machine.threads_per_block + i;
      thread.lane = i % kWarpSize;
      thread.block = &block;
      thread.warp = &thread - thread.lane;
      thread.index = {i % shape.block.x, i / shape.block.x % shape.block.y,
                      i / shape.block.x / shape.block.y};
      if (thread.lane == 0) thread.priority = machine.random();
      Release(thread);
    }
  }
}

// Says for what the threads wait that will never run again.
void FailDeadlock() {
  for (const Thread& thread : machine.threads) {
    if (thread.state == State::kFinished) continue;
    const char* where = thread.state == State::kAtWarp    ? "a warp operation"
                        : thread.state == State::kAtBlock ? "__syncthreads()"
                                                          : "a cluster barrier";
    Fail(std::string("threads wait at ") + where +
         " that not every thread of it reaches" + Place(thread));
    return;
  }
}

void CheckGuards() {
  for (const Block& block : machine.blocks) {
    const auto guard = block.shared.end() - kGuardBytes;
    if (std::any_of(guard, block.shared.end(),
                    [](unsigned char byte) { return byte != kFill; })) {
      Fail("a kernel wrote past the end of its shared memory");
    }
  }
}

void RunCluster(Index3 first_block) {
  SetUp(first_block);
  size_t num_left = machine.threads.size();
  while (num_left > 0 && !machine.failed) {
    if (machine.runnable.empty()) return FailDeadlock();
    Thread& thread = *TakeMostUrgent();
    machine.current = &thread;
    threadIdx = thread.index;
    blockIdx = thread.block->index;
    thread.block->started = true;
    if (machine.fibers.Resume(thread.number)) {
      thread.state = State::kFinished;
      thread.block->finished = true;
      --num_left;
    }
  }
  if (!machine.failed) CheckGuards();
}

}  // namespace

bool RunGrid(const LaunchShape& shape, const std::function<void()>& kernel) {
  const std::string refusal = WhyRefused(shape);
  if (!refusal.empty()) {
    Fail(refusal);
    return false;
  }
  machine.failed = false;
  machine.shape = shape;
  blockDim = shape.block;
  gridDim = shape.grid;
  machine.threads_per_block = shape.block.x * shape.block.y * shape.block.z;
  machine.fibers.Prepare(machine.threads_per_block * shape.cluster_size,
                         kernel);
  std::vector<Index3> first_blocks;
  for (unsigned z = 0; z < shape.grid.z; ++z) {
    for (unsigned y = 0; y < shape.grid.y; ++y) {
      for (unsigned x = 0; x < shape.grid.x; x += shape.cluster_size) {
        first_blocks.push_back({x, y, z});
      }
    }
  }
  std::shuffle(first_blocks.begin(), first_blocks.end(), machine.random);
  for (const Index3& first_block : first_blocks) {
    RunCluster(first_block);
    if (machine.failed) {
      machine.fibers.Abandon();
      return false;
    }
  }
  return true;
}

std::string TakeFailure() { return std::exchange(machine.failure, {}); }

void SetSchedule(uint64_t seed) {
  machine.random.seed(seed);
  machine.with_priorities = seed % 2 == 1;
}

unsigned BlockRankInCluster() { return machine.current->block->rank; }
unsigned ClusterSize() { return machine.shape.cluster_size; }

void SyncBlock() {
  Block& block = *machine.current->block;
  if (++block.num_waiting < machine.threads_per_block) {
    return Wait(State::kAtBlock);
  }
  block.num_waiting = 0;
  for (Thread& thread : machine.threads) {
    if (thread.block == &block && thread.state == State::kAtBlock) {
      Release(thread);
    }
  }
}

void SyncCluster() {
  if (++machine.num_waiting_for_cluster < machine.threads.size()) {
    return Wait(State::kAtCluster);
  }
  machine.num_waiting_for_cluster = 0;
  for (Thread& thread : machine.threads) {
    if (thread.state == State::kAtCluster) Release(thread);
  }
}

uint64_t ExchangeInWarp(const Posting& posting) {
  Thread& self = *machine.current;
  Thread* warp = self.warp;
  self.posting = posting;
  if ((posting.mask >> self.lane & 1) == 0) {
    FailThread("a thread calls a warp operation whose mask leaves it out");
  }
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (lane == self.lane || (posting.mask >> lane & 1) == 0) continue;
    const Thread& other = warp[lane];
    if (other.state != State::kAtWarp || other.posting.mask != posting.mask ||
        other.posting.operation != posting.operation) {
      Wait(State::kAtWarp);
      return self.result;
    }
  }
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (posting.mask >> lane & 1) warp[lane].result = Result(warp, lane);
  }
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    if (lane != self.lane && (posting.mask >> lane & 1)) Release(warp[lane]);
  }
  return self.result;
}

void* DynamicSharedMemory() { return machine.current->block->shared.data(); }

void* MapSharedMemory(void* pointer, unsigned rank) {
  if (rank >= machine.blocks.size()) {
    FailThread("a cluster has no block of rank " + std::to_string(rank));
  }
  const Block& other = machine.blocks[rank];
  if (!other.started || other.finished) {
    FailThread("shared memory of a block that has not started or has finished");
  }
  const auto offset = static_cast<unsigned char*>(pointer) -
                      machine.current->block->shared.data();
  if (offset < 0 || static_cast<size_t>(offset) > machine.shape.shared_bytes) {
    FailThread("only addresses of this block's shared memory can be mapped");
  }
  return machine.blocks[rank].shared.data() + offset;
}

}  // namespace cuda_emulator

extern "C" {

void ban_emulator_set_schedule(uint64_t seed) {
  cuda_emulator::SetSchedule(seed);
}

// The message is valid until the next call.
const char* ban_emulator_take_failure() {
  static std::string failure;
  failure = cuda_emulator::TakeFailure();
  return failure.c_str();
}

}  // extern "C"
