// TensorFlow's intra-op thread pool, seen as `ban::Workers`.
#ifndef BAN_TF_OPS_CORE_TENSORFLOW_WORKERS_H_
#define BAN_TF_OPS_CORE_TENSORFLOW_WORKERS_H_

#include <algorithm>
#include <memory>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"
#include "tf_ops/core/parallel.h"
#include "tf_ops/core/shared_blocks.h"

namespace ban {

class TensorFlowWorkers final : public Workers {
 public:
  explicit TensorFlowWorkers(tensorflow::OpKernelContext* ctx)
      : pool_(ctx->device()->tensorflow_cpu_worker_threads()->workers),
        num_threads_(std::min(
            ctx->device()->tensorflow_cpu_worker_threads()->num_threads,
            tensorflow::GetPerThreadMaxParallelism())) {}

  int num_threads() const override { return num_threads_; }

  // This thread works too and asks for one less of the pool:
  // `tensorflow::Shard` keeps all of them busy beside it, which is one more
  // than there are cores, and waits for tasks that lie in the queue of a thread
  // that sleeps.
  void Run(int64_t num_blocks,
           const std::function<void(int64_t block)>& work) override {
    const auto blocks = std::make_shared<SharedBlocks>(num_blocks, work);
    const int64_t helpers = std::min<int64_t>(num_threads_, num_blocks) - 1;
    for (int64_t h = 0; h < helpers; ++h) {
      pool_->Schedule([blocks] { blocks->Help(); });
    }
    blocks->Help();
    blocks->Wait();
  }

 private:
  tensorflow::thread::ThreadPool* const pool_;
  const int num_threads_;
};

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_TENSORFLOW_WORKERS_H_
