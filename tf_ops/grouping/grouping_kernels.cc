// clang-format off
#include "tf_ops/core/tensorflow_gpu.h"  // first: sets EIGEN_USE_GPU
// clang-format on

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/rows.h"
#include "tf_ops/core/tensorflow_workers.h"
#include "tf_ops/grouping/grouping.h"

namespace tensorflow {
namespace {

constexpr char kBallQuery[] = "BallQuery";
constexpr char kGroup[] = "GroupPoints";
constexpr char kGroupGrad[] = "GroupPointsGrad";

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

class GroupPointsOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& points = ctx->input(0);
    const Tensor& index = ctx->input(1);
    OP_REQUIRES_OK(ctx, ban::CheckShape(kGroup, "points", points, "[B, N, C]",
                                        {ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(ctx,
                   ban::CheckShape(kGroup, "index", index, "[B, M, K]",
                                   {points.dim_size(0), ban::kAny, ban::kAny}));
    Tensor* output = nullptr;
    OP_REQUIRES_OK(ctx,
                   ctx->allocate_output(0,
                                        {points.dim_size(0), index.dim_size(1),
                                         index.dim_size(2), points.dim_size(2)},
                                        &output));
    Run(ctx, points, index, output);
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& points,
                   const Tensor& index, Tensor* output) = 0;
};

class GroupPointsCpuOp final : public GroupPointsOp {
 public:
  using GroupPointsOp::GroupPointsOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& points, const Tensor& index,
           Tensor* output) override {
    OP_REQUIRES_OK(ctx, ban::CheckIndices(kGroup, index, points.dim_size(1)));
    ban::TensorFlowWorkers workers(ctx);
    ban::GatherRowsCpu(&workers, points.flat<float>().data(),
                       index.flat<int32_t>().data(), points.dim_size(0),
                       points.dim_size(1),
                       index.dim_size(1) * index.dim_size(2),
                       points.dim_size(2), output->flat<float>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>GroupPoints").Device(DEVICE_CPU),
                        GroupPointsCpuOp);

class GroupPointsGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* ctx) override {
    const Tensor& grad = ctx->input(0);
    const Tensor& index = ctx->input(1);
    int64_t num_points = 0;
    OP_REQUIRES_OK(
        ctx, ban::CheckShape(kGroupGrad, "output_grad", grad, "[B, M, K, C]",
                             {ban::kAny, ban::kAny, ban::kAny, ban::kAny}));
    OP_REQUIRES_OK(ctx, ban::CheckShape(kGroupGrad, "index", index, "[B, M, K]",
                                        {grad.dim_size(0), grad.dim_size(1),
                                         grad.dim_size(2)}));
    OP_REQUIRES_OK(ctx,
                   ban::ReadNumPoints(kGroupGrad, ctx->input(2), &num_points));
    Tensor* points_grad = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(
                            0, {grad.dim_size(0), num_points, grad.dim_size(3)},
                            &points_grad));
    Run(ctx, grad, index, points_grad);
  }

 protected:
  virtual void Run(OpKernelContext* ctx, const Tensor& grad,
                   const Tensor& index, Tensor* points_grad) = 0;
};

class GroupPointsGradCpuOp final : public GroupPointsGradOp {
 public:
  using GroupPointsGradOp::GroupPointsGradOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& grad, const Tensor& index,
           Tensor* points_grad) override {
    const int64_t num_points = points_grad->dim_size(1);
    OP_REQUIRES_OK(ctx, ban::CheckIndices(kGroupGrad, index, num_points));
    ban::TensorFlowWorkers workers(ctx);
    ban::GatherRowsGradCpu(&workers, grad.flat<float>().data(),
                           index.flat<int32_t>().data(), grad.dim_size(0),
                           num_points, index.dim_size(1) * index.dim_size(2),
                           grad.dim_size(3), points_grad->flat<float>().data());
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>GroupPointsGrad").Device(DEVICE_CPU),
                        GroupPointsGradCpuOp);

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

class GroupPointsGpuOp final : public GroupPointsOp {
 public:
  using GroupPointsOp::GroupPointsOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& points, const Tensor& index,
           Tensor* output) override {
    if (output->NumElements() == 0) return;
    OP_REQUIRES_OK(
        ctx, ban::LaunchStatus(
                 kGroup,
                 BanGroupPointsCuda(
                     ban::Stream(ctx), points.flat<float>().data(),
                     index.flat<int32_t>().data(), points.dim_size(0),
                     points.dim_size(1), index.dim_size(1), index.dim_size(2),
                     points.dim_size(2), output->flat<float>().data())));
  }
};
REGISTER_KERNEL_BUILDER(Name("Ban>GroupPoints").Device(DEVICE_GPU),
                        GroupPointsGpuOp);

class GroupPointsGradGpuOp final : public GroupPointsGradOp {
 public:
  using GroupPointsGradOp::GroupPointsGradOp;

 private:
  void Run(OpKernelContext* ctx, const Tensor& grad, const Tensor& index,
           Tensor* points_grad) override {
    if (points_grad->NumElements() == 0) return;
    const int64_t batch = grad.dim_size(0);
    const int64_t num_points = points_grad->dim_size(1);
    Tensor scratch;
    OP_REQUIRES_OK(
        ctx, ban::AllocateScratch(
                 ctx,
                 BanGroupPointsGradScratchBytes(
                     batch, num_points, index.dim_size(1), index.dim_size(2)),
                 &scratch));
    OP_REQUIRES_OK(ctx, ban::LaunchStatus(
                            kGroupGrad,
                            BanGroupPointsGradCuda(
                                ban::Stream(ctx), grad.flat<float>().data(),
                                index.flat<int32_t>().data(), batch, num_points,
                                index.dim_size(1), index.dim_size(2),
                                grad.dim_size(3), ban::ScratchData(&scratch),
                                points_grad->flat<float>().data())));
  }
};
REGISTER_KERNEL_BUILDER(
    Name("Ban>GroupPointsGrad").Device(DEVICE_GPU).HostMemory("num_points"),
    GroupPointsGradGpuOp);

#endif  // BAN_WITH_CUDA

}  // namespace
}  // namespace tensorflow
