// clang-format off
#include "tf_ops/core/tensorflow_gpu.h"  // first: sets EIGEN_USE_GPU
// clang-format on

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/tensorflow_workers.h"
#include "tf_ops/grouping/grouping.h"

namespace tensorflow {
namespace {

constexpr char kBallQuery[] = "BallQuery";

class BallQueryOp : public OpKernel {
 public:
  explicit BallQueryOp(OpKernelConstruction* ctx) : OpKernel(ctx) {
    OP_REQUIRES_OK(ctx, ctx->GetAttr("radius", &radius_));
    OP_REQUIRES_OK(ctx, ctx->GetAttr("num_neighbours", &num_neighbours_));
    OP_REQUIRES(
        ctx, std::isfinite(radius_) && radius_ > 0,
        absl::InvalidArgumentError(absl::StrCat(
            kBallQuery,
            ": radius must be finite and > 0. Received: radius=", radius_)));
  }

  void Compute(OpKernelContext* ctx) override {
    const Tensor& xyz = ctx->input(0);
    const Tensor& centres = ctx->input(1);
    OP_REQUIRES_OK(ctx, ban::CheckShape(kBallQuery, "xyz", xyz, "[B, N, 3]",
                                        {ban::kAny, ban::kAny, 3}));
    OP_REQUIRES_OK(ctx,
                   ban::CheckShape(kBallQuery, "centres", centres, "[B, M, 3]",
                                   {xyz.dim_size(0), ban::kAny, 3}));
    OP_REQUIRES_OK(ctx,
                   ban::CheckIndexable(kBallQuery, "xyz", xyz.dim_size(1)));
    const int64_t batch = xyz.dim_size(0);
    const int64_t num_centres = centres.dim_size(1);
    Tensor* index = nullptr;
    Tensor* count = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(
                            0, {batch, num_centres, num_neighbours_}, &index));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(1, {batch, num_centres}, &count));
    if (count->NumElements() > 0) {
      Run(ctx, xyz, centres, radius_, index, count);
    }
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& xyz,
                   const Tensor& centres, float radius, Tensor* index,
                   Tensor* count) = 0;

 private:
  float radius_;
  int64_t num_neighbours_;
};

class BallQueryCpuOp final : public BallQueryOp {
 public:
  using BallQueryOp::BallQueryOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& xyz, const Tensor& centres,
           float radius, Tensor* index, Tensor* count) override {
    ban::TensorFlowWorkers workers(ctx);
    ban::BallQueryCpu(&workers, xyz.flat<float>().data(),
                      centres.flat<float>().data(), xyz.dim_size(0),
                      xyz.dim_size(1), centres.dim_size(1), radius,
                      index->dim_size(2), index->flat<int32_t>().data(),
                      count->flat<int32_t>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>BallQuery").Device(DEVICE_CPU),
                        BallQueryCpuOp);

#ifdef BAN_WITH_CUDA

class BallQueryGpuOp final : public BallQueryOp {
 public:
  using BallQueryOp::BallQueryOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& xyz, const Tensor& centres,
           float radius, Tensor* index, Tensor* count) override {
    OP_REQUIRES_OK(
        ctx,
        ban::LaunchStatus(
            kBallQuery,
            BanBallQueryCuda(ban::Stream(ctx), xyz.flat<float>().data(),
                             centres.flat<float>().data(), xyz.dim_size(0),
                             xyz.dim_size(1), centres.dim_size(1), radius,
                             index->dim_size(2), index->flat<int32_t>().data(),
                             count->flat<int32_t>().data())));
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>BallQuery").Device(DEVICE_GPU),
                        BallQueryGpuOp);

#endif  // BAN_WITH_CUDA

}  // namespace
}  // namespace tensorflow
