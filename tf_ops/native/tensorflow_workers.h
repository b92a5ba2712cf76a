// TensorFlow's intra-op thread pool, seen as `ban::Workers`.
#ifndef BAN_TF_OPS_NATIVE_TENSORFLOW_WORKERS_H_
#define BAN_TF_OPS_NATIVE_TENSORFLOW_WORKERS_H_

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"
#include "tf_ops/native/parallel.h"

namespace ban {

class TensorFlowWorkers final : public Workers {
 public:
  explicit TensorFlowWorkers(tensorflow::OpKernelContext* ctx)
      : pool_(*ctx->device()->tensorflow_cpu_worker_threads()) {}

  int num_threads() const override { return pool_.num_threads; }

  void Run(int64_t num_blocks,
           const std::function<void(int64_t block)>& work) override {
    // The cost tells the pool never to join two blocks into one task.
    constexpr int64_t kCyclesPerBlock = 100'000'000;
    tensorflow::Shard(pool_.num_threads, pool_.workers, num_blocks,
                      kCyclesPerBlock, [&work](int64_t begin, int64_t end) {
                        for (int64_t b = begin; b < end; ++b) work(b);
                      });
  }

 private:
  const tensorflow::DeviceBase::CpuWorkerThreads& pool_;
};

}  // namespace ban

#endif  // BAN_TF_OPS_NATIVE_TENSORFLOW_WORKERS_H_
