// How CPU loops reach threads.  No TensorFlow header is included here, so the
// loops can be compiled for the machine at hand without touching TensorFlow's
// inline code, and run without TensorFlow in a test or a benchmark.
#ifndef BAN_TF_OPS_CORE_PARALLEL_H_
#define BAN_TF_OPS_CORE_PARALLEL_H_

#include <algorithm>
#include <cstdint>
#include <functional>

namespace ban {

using RangeWork = std::function<void(int64_t begin, int64_t end)>;

// A pool of threads; `TensorFlowWorkers` is the one the ops use.
class Workers {
 public:
  virtual ~Workers() = default;

  virtual int num_threads() const = 0;

  // Calls `work(block)` once for each block in [0, num_blocks), on any thread
  // and in any order, and returns when all are done.
  virtual void Run(int64_t num_blocks,
                   const std::function<void(int64_t block)>& work) = 0;
};

// Below this much work, waking a second thread costs more than it saves.
constexpr double kParallelThresholdNs = 200e3;

// Blocks handed to each thread: more than one, so that a thread that the
// system takes away does not hold up the rest.
constexpr int64_t kBlocksPerThread = 4;

// Calls `work(begin, end)` on disjoint ranges that cover [0, total).  Ranges
// begin at multiples of `grain`.  `work` must not depend on how the range is
// cut: then results are the same for any number of threads.
inline void ParallelFor(Workers* workers, int64_t total, double ns_per_unit,
                        const RangeWork& work, int64_t grain = 1) {
  if (total <= 0) return;
  const int64_t threads = workers->num_threads();
  if (threads <= 1 || total <= grain ||
      static_cast<double>(total) * ns_per_unit < kParallelThresholdNs) {
    work(0, total);
    return;
  }
  const int64_t grains = (total + grain - 1) / grain;
  const int64_t wanted = std::min(grains, threads * kBlocksPerThread);
  const int64_t block = (grains + wanted - 1) / wanted * grain;
  workers->Run((total + block - 1) / block, [&](int64_t b) {
    work(b * block, std::min(total, (b + 1) * block));
  });
}

// Cuts [begin, end), rows counted over all clouds, where clouds end, and calls
// `work(cloud, first, last)` for each piece, `first` and `last` counted
// likewise.
template <typename Work>
void ForEachCloud(int64_t begin, int64_t end, int64_t rows_per_cloud,
                  const Work& work) {
  while (begin < end) {
    const int64_t cloud = begin / rows_per_cloud;
    const int64_t next = std::min(end, (cloud + 1) * rows_per_cloud);
    work(cloud, begin, next);
    begin = next;
  }
}

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_PARALLEL_H_
