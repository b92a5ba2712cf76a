// clang-format off
#include "tf_ops/core/tensorflow_gpu.h"  // first: sets EIGEN_USE_GPU
// clang-format on

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/tensorflow_workers.h"
#include "tf_ops/sampling/sampling.h"

namespace tensorflow {
namespace {

constexpr char kSample[] = "FarthestPointSample";

class FarthestPointSampleOp : public OpKernel {
 public:
  explicit FarthestPointSampleOp(OpKernelConstruction* ctx) : OpKernel(ctx) {
    OP_REQUIRES_OK(ctx, ctx->GetAttr("num_samples", &num_samples_));
  }

  void Compute(OpKernelContext* ctx) override {
    const Tensor& xyz = ctx->input(0);
    OP_REQUIRES_OK(ctx, ban::CheckShape(kSample, "xyz", xyz, "[B, N, 3]",
                                        {ban::kAny, ban::kAny, 3}));
    const int64_t num_points = xyz.dim_size(1);
    OP_REQUIRES_OK(ctx, ban::CheckIndexable(kSample, "xyz", num_points));
    OP_REQUIRES(ctx, num_samples_ <= num_points,
                absl::InvalidArgumentError(absl::StrCat(
                    kSample,
                    ": num_samples must be <= N, the number of points in xyz. "
                    "Received: num_samples=",
                    num_samples_, ", N=", num_points)));
    Tensor* index = nullptr;
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(0, {xyz.dim_size(0), num_samples_}, &index));
    if (index->NumElements() > 0) Run(ctx, xyz, index);
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& xyz, Tensor* index) = 0;

 private:
  int64_t num_samples_;
};

class FarthestPointSampleCpuOp final : public FarthestPointSampleOp {
 public:
  using FarthestPointSampleOp::FarthestPointSampleOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& xyz, Tensor* index) override {
    ban::TensorFlowWorkers workers(ctx);
    ban::FarthestPointSampleCpu(
        &workers, xyz.flat<float>().data(), xyz.dim_size(0), xyz.dim_size(1),
        index->dim_size(1), index->flat<int32_t>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>FarthestPointSample").Device(DEVICE_CPU),
                        FarthestPointSampleCpuOp);

#ifdef BAN_WITH_CUDA

class FarthestPointSampleGpuOp final : public FarthestPointSampleOp {
 public:
  using FarthestPointSampleOp::FarthestPointSampleOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& xyz, Tensor* index) override {
    const int64_t batch = xyz.dim_size(0);
    const int64_t num_points = xyz.dim_size(1);
    const int64_t num_samples = index->dim_size(1);
    Tensor scratch;
    OP_REQUIRES_OK(ctx,
                   ban::AllocateScratch(ctx,
                                        BanFarthestPointSampleScratchBytes(
                                            batch, num_points, num_samples),
                                        &scratch));
    OP_REQUIRES_OK(
        ctx,
        ban::LaunchStatus(
            kSample, BanFarthestPointSampleCuda(
                         ban::Stream(ctx), xyz.flat<float>().data(), batch,
                         num_points, num_samples, ban::ScratchData(&scratch),
                         index->flat<int32_t>().data())));
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>FarthestPointSample").Device(DEVICE_GPU),
                        FarthestPointSampleGpuOp);

#endif  // BAN_WITH_CUDA

}  // namespace
}  // namespace tensorflow
