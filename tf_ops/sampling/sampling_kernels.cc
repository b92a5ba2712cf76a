// clang-format off
#include "tf_ops/core/tensorflow_gpu.h"  // first: sets EIGEN_USE_GPU
// clang-format on

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/rows.h"
#include "tf_ops/core/tensorflow_workers.h"
#include "tf_ops/sampling/sampling.h"

namespace tensorflow {
namespace {

constexpr char kSample[] = "FarthestPointSample";
constexpr char kGather[] = "GatherPoints";
constexpr char kGatherGrad[] = "GatherPointsGrad";

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

class GatherPointsOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& points = ctx->input(0);
    const Tensor& index = ctx->input(1);
    OP_REQUIRES_OK(ctx, ban::CheckShape(kGather, "points", points, "[B, N, C]",
                                        {ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(ctx, ban::CheckShape(kGather, "index", index, "[B, M]",
                                        {points.dim_size(0), ban::kAny}));
    Tensor* output = nullptr;
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(
                 0, {points.dim_size(0), index.dim_size(1), points.dim_size(2)},
                 &output));
    Run(ctx, points, index, output);
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& points,
                   const Tensor& index, Tensor* output) = 0;
};

class GatherPointsCpuOp final : public GatherPointsOp {
 public:
  using GatherPointsOp::GatherPointsOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& points, const Tensor& index,
           Tensor* output) override {
    OP_REQUIRES_OK(ctx, ban::CheckIndices(kGather, index, points.dim_size(1)));
    ban::TensorFlowWorkers workers(ctx);
    ban::GatherRowsCpu(&workers, points.flat<float>().data(),
                       index.flat<int32_t>().data(), points.dim_size(0),
                       points.dim_size(1), index.dim_size(1),
                       points.dim_size(2), output->flat<float>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>GatherPoints").Device(DEVICE_CPU),
                        GatherPointsCpuOp);

class GatherPointsGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& grad = ctx->input(0);
    const Tensor& index = ctx->input(1);
    int64_t num_points = 0;
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kGatherGrad, "output_grad", grad, "[B, M, C]",
                             {ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(ctx, ban::CheckShape(kGatherGrad, "index", index, "[B, M]",
                                        {grad.dim_size(0), grad.dim_size(1)}));
    OP_REQUIRES_OK(ctx,
                   ban::ReadNumPoints(kGatherGrad, ctx->input(2), &num_points));
    Tensor* points_grad = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(
                            0, {grad.dim_size(0), num_points, grad.dim_size(2)},
                            &points_grad));
    Run(ctx, grad, index, points_grad);
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& grad,
                   const Tensor& index, Tensor* points_grad) = 0;
};

class GatherPointsGradCpuOp final : public GatherPointsGradOp {
 public:
  using GatherPointsGradOp::GatherPointsGradOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& grad, const Tensor& index,
           Tensor* points_grad) override {
    const int64_t num_points = points_grad->dim_size(1);
    OP_REQUIRES_OK(ctx, ban::CheckIndices(kGatherGrad, index, num_points));
    ban::TensorFlowWorkers workers(ctx);
    ban::GatherRowsGradCpu(&workers, grad.flat<float>().data(),
                           index.flat<int32_t>().data(), grad.dim_size(0),
                           num_points, index.dim_size(1), grad.dim_size(2),
                           points_grad->flat<float>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>GatherPointsGrad").Device(DEVICE_CPU),
                        GatherPointsGradCpuOp);

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

class GatherPointsGpuOp final : public GatherPointsOp {
 public:
  using GatherPointsOp::GatherPointsOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& points, const Tensor& index,
           Tensor* output) override {
    if (output->NumElements() == 0) return;
    OP_REQUIRES_OK(
        ctx,
        ban::LaunchStatus(
            kGather, BanGatherPointsCuda(
                         ban::Stream(ctx), points.flat<float>().data(),
                         index.flat<int32_t>().data(), points.dim_size(0),
                         points.dim_size(1), index.dim_size(1),
                         points.dim_size(2), output->flat<float>().data())));
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>GatherPoints").Device(DEVICE_GPU),
                        GatherPointsGpuOp);

class GatherPointsGradGpuOp final : public GatherPointsGradOp {
 public:
  using GatherPointsGradOp::GatherPointsGradOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& grad, const Tensor& index,
           Tensor* points_grad) override {
    if (points_grad->NumElements() == 0) return;
    const int64_t batch = grad.dim_size(0);
    const int64_t num_points = points_grad->dim_size(1);
    const int64_t num_samples = index.dim_size(1);
    Tensor scratch;
    OP_REQUIRES_OK(ctx,
                   ban::AllocateScratch(ctx,
                                        BanGatherPointsGradScratchBytes(
                                            batch, num_points, num_samples),
                                        &scratch));
    OP_REQUIRES_OK(
        ctx, ban::LaunchStatus(
                 kGatherGrad,
                 BanGatherPointsGradCuda(
                     ban::Stream(ctx), grad.flat<float>().data(),
                     index.flat<int32_t>().data(), batch, num_points,
                     num_samples, grad.dim_size(2), ban::ScratchData(&scratch),
                     points_grad->flat<float>().data())));
  }
};
REGISTER_KERNEL_BUILDER(
    Name("Ban>GatherPointsGrad").Device(DEVICE_GPU).HostMemory("num_points"),
    GatherPointsGradGpuOp);

#endif  // BAN_WITH_CUDA

}  // namespace
}  // namespace tensorflow
