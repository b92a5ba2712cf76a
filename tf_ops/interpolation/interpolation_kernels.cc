// clang-format off
#include "tf_ops/core/tensorflow_gpu.h"  // first: sets EIGEN_USE_GPU
// clang-format on

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/tensorflow_workers.h"
#include "tf_ops/interpolation/interpolation.h"

namespace tensorflow {
namespace {

constexpr char kNearest[] = "ThreeNearest";
constexpr char kInterpolate[] = "Interpolate";
constexpr char kInterpolateGrad[] = "InterpolateGrad";

class ThreeNearestOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& query = ctx->input(0);
    const Tensor& reference = ctx->input(1);
    OP_REQUIRES_OK(ctx, ban::CheckShape(kNearest, "query", query, "[B, N, 3]",
                                        {ban::kAny, ban::kAny, 3}));
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kNearest, "reference", reference, "[B, M, 3]",
                             {query.dim_size(0), ban::kAny, 3}));
    const int64_t num_references = reference.dim_size(1);
    OP_REQUIRES_OK(ctx,
                   ban::CheckIndexable(kNearest, "reference", num_references));
    OP_REQUIRES(ctx, num_references >= 3,
                absl::InvalidArgumentError(absl::StrCat(
                    kNearest,
                    ": reference must have at least three points per cloud. "
                    "Received: reference of shape ",
                    reference.shape().DebugString())));
    Tensor* squared_distance = nullptr;
    Tensor* index = nullptr;
    OP_REQUIRES_OK(ctx,
                   ctx->allocate_output(0, query.shape(), &squared_distance));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(1, query.shape(), &index));
    if (index->NumElements() > 0) {
      Run(ctx, query, reference, squared_distance, index);
    }
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& query,
                   const Tensor& reference, Tensor* squared_distance,
                   Tensor* index) = 0;
};

class ThreeNearestCpuOp final : public ThreeNearestOp {
 public:
  using ThreeNearestOp::ThreeNearestOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& query, const Tensor& reference,
           Tensor* squared_distance, Tensor* index) override {
    ban::TensorFlowWorkers workers(ctx);
    ban::ThreeNearestCpu(
        &workers, query.flat<float>().data(), reference.flat<float>().data(),
        query.dim_size(0), query.dim_size(1), reference.dim_size(1),
        squared_distance->flat<float>().data(), index->flat<int32_t>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>ThreeNearest").Device(DEVICE_CPU),
                        ThreeNearestCpuOp);

class InterpolateOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& points = ctx->input(0);
    const Tensor& index = ctx->input(1);
    const Tensor& weights = ctx->input(2);
    OP_REQUIRES_OK(ctx,
                   ban::CheckShape(kInterpolate, "points", points, "[B, M, C]",
                                   {ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(ctx,
                   ban::CheckShape(kInterpolate, "index", index, "[B, N, 3]",
                                   {points.dim_size(0), ban::kAny, 3}));
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kInterpolate, "weights", weights, "[B, N, 3]",
                             {points.dim_size(0), index.dim_size(1), 3}));
    Tensor* output = nullptr;
    OP_REQUIRES_OK(
        ctx, ctx->allocate_output(
                 0, {points.dim_size(0), index.dim_size(1), points.dim_size(2)},
                 &output));
    Run(ctx, points, index, weights, output);
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& points,
                   const Tensor& index, const Tensor& weights,
                   Tensor* output) = 0;
};

class InterpolateCpuOp final : public InterpolateOp {
 public:
  using InterpolateOp::InterpolateOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& points, const Tensor& index,
           const Tensor& weights, Tensor* output) override {
    OP_REQUIRES_OK(ctx,
                   ban::CheckIndices(kInterpolate, index, points.dim_size(1)));
    ban::TensorFlowWorkers workers(ctx);
    ban::InterpolateCpu(
        &workers, points.flat<float>().data(), index.flat<int32_t>().data(),
        weights.flat<float>().data(), points.dim_size(0), points.dim_size(1),
        index.dim_size(1), points.dim_size(2), output->flat<float>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>Interpolate").Device(DEVICE_CPU),
                        InterpolateCpuOp);

class InterpolateGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& grad = ctx->input(0);
    const Tensor& index = ctx->input(1);
    const Tensor& weights = ctx->input(2);
    int64_t num_points = 0;
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kInterpolateGrad, "output_grad", grad, "[B, N, C]",
                             {ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kInterpolateGrad, "index", index, "[B, N, 3]",
                             {grad.dim_size(0), grad.dim_size(1), 3}));
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kInterpolateGrad, "weights", weights, "[B, N, 3]",
                             {grad.dim_size(0), grad.dim_size(1), 3}));
    OP_REQUIRES_OK(
        ctx, ban::ReadNumPoints(kInterpolateGrad, ctx->input(3), &num_points));
    Tensor* points_grad = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(
                            0, {grad.dim_size(0), num_points, grad.dim_size(2)},
                            &points_grad));
    Run(ctx, grad, index, weights, points_grad);
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& grad,
                   const Tensor& index, const Tensor& weights,
                   Tensor* points_grad) = 0;
};

class InterpolateGradCpuOp final : public InterpolateGradOp {
 public:
  using InterpolateGradOp::InterpolateGradOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& grad, const Tensor& index,
           const Tensor& weights, Tensor* points_grad) override {
    const int64_t num_points = points_grad->dim_size(1);
    OP_REQUIRES_OK(ctx, ban::CheckIndices(kInterpolateGrad, index, num_points));
    ban::TensorFlowWorkers workers(ctx);
    ban::InterpolateGradCpu(
        &workers, grad.flat<float>().data(), index.flat<int32_t>().data(),
        weights.flat<float>().data(), grad.dim_size(0), num_points,
        index.dim_size(1), grad.dim_size(2), points_grad->flat<float>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>InterpolateGrad").Device(DEVICE_CPU),
                        InterpolateGradCpuOp);

#ifdef BAN_WITH_CUDA

class ThreeNearestGpuOp final : public ThreeNearestOp {
 public:
  using ThreeNearestOp::ThreeNearestOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& query, const Tensor& reference,
           Tensor* squared_distance, Tensor* index) override {
    OP_REQUIRES_OK(
        ctx,
        ban::LaunchStatus(kNearest,
                          BanThreeNearestCuda(
                              ban::Stream(ctx), query.flat<float>().data(),
                              reference.flat<float>().data(), query.dim_size(0),
                              query.dim_size(1), reference.dim_size(1),
                              squared_distance->flat<float>().data(),
                              index->flat<int32_t>().data())));
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>ThreeNearest").Device(DEVICE_GPU),
                        ThreeNearestGpuOp);

class InterpolateGpuOp final : public InterpolateOp {
 public:
  using InterpolateOp::InterpolateOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& points, const Tensor& index,
           const Tensor& weights, Tensor* output) override {
    if (output->NumElements() == 0) return;
    OP_REQUIRES_OK(
        ctx, ban::LaunchStatus(
                 kInterpolate,
                 BanInterpolateCuda(
                     ban::Stream(ctx), points.flat<float>().data(),
                     index.flat<int32_t>().data(), weights.flat<float>().data(),
                     points.dim_size(0), points.dim_size(1), index.dim_size(1),
                     points.dim_size(2), output->flat<float>().data())));
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>Interpolate").Device(DEVICE_GPU),
                        InterpolateGpuOp);

class InterpolateGradGpuOp final : public InterpolateGradOp {
 public:
  using InterpolateGradOp::InterpolateGradOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& grad, const Tensor& index,
           const Tensor& weights, Tensor* points_grad) override {
    if (points_grad->NumElements() == 0) return;
    const int64_t batch = grad.dim_size(0);
    const int64_t num_points = points_grad->dim_size(1);
    Tensor scratch;
    OP_REQUIRES_OK(
        ctx, ban::AllocateScratch(ctx,
                                  BanInterpolateGradScratchBytes(
                                      batch, num_points, index.dim_size(1)),
                                  &scratch));
    OP_REQUIRES_OK(
        ctx, ban::LaunchStatus(
                 kInterpolateGrad,
                 BanInterpolateGradCuda(
                     ban::Stream(ctx), grad.flat<float>().data(),
                     index.flat<int32_t>().data(), weights.flat<float>().data(),
                     batch, num_points, index.dim_size(1), grad.dim_size(2),
                     ban::ScratchData(&scratch),
                     points_grad->flat<float>().data())));
  }
};
REGISTER_KERNEL_BUILDER(
    Name("Ban>InterpolateGrad").Device(DEVICE_GPU).HostMemory("num_points"),
    InterpolateGradGpuOp);

#endif  // BAN_WITH_CUDA

}  // namespace
}  // namespace tensorflow
