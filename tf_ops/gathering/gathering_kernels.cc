// clang-format off
#include "tf_ops/core/tensorflow_gpu.h"  // first: sets EIGEN_USE_GPU
// clang-format on

#include "absl/status/status.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/tensorflow_workers.h"
#include "tf_ops/gathering/gathering.h"

namespace tensorflow {
namespace {

constexpr char kGather[] = "GatherPoints";
constexpr char kGatherGrad[] = "GatherPointsGrad";

// `index` is [B, ...] with an axis after B, for the B clouds of `points`.
absl::Status CheckIndexShape(const Tensor& points, const Tensor& index) {
  if (index.dims() >= 2 && index.dim_size(0) == points.dim_size(0)) {
    return absl::OkStatus();
  }
  return ban::ShapeError(kGather, "index", index, "[B, ...]");
}

// `grad` is [B, ..., C] for an `index` [B, ...] with an axis after B.
absl::Status CheckGradShapes(const Tensor& grad, const Tensor& index) {
  if (grad.dims() < 3) {
    return ban::ShapeError(kGatherGrad, "output_grad", grad, "[B, ..., C]");
  }
  TensorShape rows = grad.shape();
  rows.RemoveLastDims(1);
  if (rows == index.shape()) return absl::OkStatus();
  return ban::ShapeError(kGatherGrad, "index", index, "[B, ...]");
}

// Q, the number of rows that `index` [B, ...] takes of each cloud.
int64_t NumRows(const Tensor& index) {
  const int64_t batch = index.dim_size(0);
  return batch == 0 ? 0 : index.NumElements() / batch;
}

class GatherPointsOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& points = ctx->input(0);
    const Tensor& index = ctx->input(1);
    OP_REQUIRES_OK(ctx, ban::CheckShape(kGather, "points", points, "[B, N, C]",
                                        {ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(ctx, CheckIndexShape(points, index));
    TensorShape shape = index.shape();
    OP_REQUIRES_OK(ctx, shape.AddDimWithStatus(points.dim_size(2)));
    Tensor* output = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, shape, &output));
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
    ban::GatherPointsCpu(&workers, points.flat<float>().data(),
                         index.flat<int32_t>().data(), points.dim_size(0),
                         points.dim_size(1), NumRows(index), points.dim_size(2),
                         output->flat<float>().data());
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
    OP_REQUIRES_OK(ctx, CheckGradShapes(grad, index));
    OP_REQUIRES_OK(ctx,
                   ban::ReadNumPoints(kGatherGrad, ctx->input(2), &num_points));
    const int64_t num_channels = grad.dim_size(grad.dims() - 1);
    Tensor* points_grad = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(
                            0, {grad.dim_size(0), num_points, num_channels},
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
    ban::GatherPointsGradCpu(
        &workers, grad.flat<float>().data(), index.flat<int32_t>().data(),
        points_grad->dim_size(0), num_points, NumRows(index),
        points_grad->dim_size(2), points_grad->flat<float>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>GatherPointsGrad").Device(DEVICE_CPU),
                        GatherPointsGradCpuOp);

#ifdef BAN_WITH_CUDA

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
                         points.dim_size(1), NumRows(index), points.dim_size(2),
                         output->flat<float>().data())));
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
    const int64_t batch = points_grad->dim_size(0);
    const int64_t num_points = points_grad->dim_size(1);
    const int64_t num_rows = NumRows(index);
    Tensor scratch;
    OP_REQUIRES_OK(ctx, ban::AllocateScratch(ctx,
                                             BanGatherPointsGradScratchBytes(
                                                 batch, num_points, num_rows),
                                             &scratch));
    OP_REQUIRES_OK(
        ctx, ban::LaunchStatus(
                 kGatherGrad,
                 BanGatherPointsGradCuda(
                     ban::Stream(ctx), grad.flat<float>().data(),
                     index.flat<int32_t>().data(), batch, num_points, num_rows,
                     points_grad->dim_size(2), ban::ScratchData(&scratch),
                     points_grad->flat<float>().data())));
  }
};
REGISTER_KERNEL_BUILDER(
    Name("Ban>GatherPointsGrad").Device(DEVICE_GPU).HostMemory("num_points"),
    GatherPointsGradGpuOp);

#endif  // BAN_WITH_CUDA

}  // namespace
}  // namespace tensorflow
