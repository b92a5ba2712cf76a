// Blocks of work that threads take from one another's hands.  No TensorFlow
// header is included here.
#ifndef BAN_TF_OPS_CORE_SHARED_BLOCKS_H_
#define BAN_TF_OPS_CORE_SHARED_BLOCKS_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "tf_ops/core/parallel.h"

namespace ban {

// The thread that has the work calls `Help` and `Wait`; threads that it asked
// call `Help` when they come to it.  None of them has to come: who is there
// takes the next block until none is left, so a thread that sleeps, or shares
// its core, holds up one block at most.  Threads that come late need this
// object still, but no longer `work`.
class SharedBlocks {
 public:
  SharedBlocks(int64_t num_blocks,
               const std::function<void(int64_t block)>& work)
      : num_blocks_(num_blocks), work_(work) {}

  // Does blocks until all are taken.
  void Help() {
    for (;;) {
      const int64_t block = next_.fetch_add(1, std::memory_order_relaxed);
      if (block >= num_blocks_) return;
      work_(block);
      if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == num_blocks_) {
        const std::lock_guard<std::mutex> lock(mutex_);
        all_done_.notify_all();
      }
    }
  }

  // Returns when all blocks are done: at first without sleep, because waking up
  // may take longer than the rest of the work.
  void Wait() {
    using Clock = std::chrono::steady_clock;
    constexpr auto kPatience =
        std::chrono::nanoseconds(static_cast<int64_t>(kParallelThresholdNs));
    const Clock::time_point give_up = Clock::now() + kPatience;
    while (!AreAllDone()) {
      if (Clock::now() > give_up) {
        std::unique_lock<std::mutex> lock(mutex_);
        all_done_.wait(lock, [this] { return AreAllDone(); });
        return;
      }
      std::this_thread::yield();
    }
  }

 private:
  bool AreAllDone() const {
    return done_.load(std::memory_order_acquire) == num_blocks_;
  }

  const int64_t num_blocks_;
  const std::function<void(int64_t block)>& work_;
  std::atomic<int64_t> next_{0};
  std::atomic<int64_t> done_{0};
  std::mutex mutex_;
  std::condition_variable all_done_;
};

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_SHARED_BLOCKS_H_
