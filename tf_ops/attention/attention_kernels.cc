#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/attention/attention.h"
#include "tf_ops/core/op_checks.h"
#include "tf_ops/core/tensorflow_workers.h"

namespace tensorflow {
namespace {

constexpr char kAttend[] = "Attend";
constexpr char kAttendGrad[] = "AttendGrad";

// Reads the sizes of query, key and value, which are the first three inputs.
absl::Status ReadShape(const char* op, OpKernelContext* ctx,
                       ban::AttentionShape* shape) {
  const Tensor& query = ctx->input(0);
  const Tensor& key = ctx->input(1);
  const Tensor& value = ctx->input(2);
  TF_RETURN_IF_ERROR(ban::CheckShape(op, "query", query, "[B, N, D]",
                                     {ban::kAny, ban::kAny, ban::kAny}));
  TF_RETURN_IF_ERROR(
      ban::CheckShape(op, "key", key, "[B, M, D]",
                      {query.dim_size(0), ban::kAny, query.dim_size(2)}));
  TF_RETURN_IF_ERROR(
      ban::CheckShape(op, "value", value, "[B, M, C]",
                      {query.dim_size(0), key.dim_size(1), ban::kAny}));
  if (key.dim_size(1) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        op,
        ": key must have at least one row, or there is nothing to attend to. "
        "Received: key of shape ",
        key.shape().DebugString()));
  }
  *shape = {query.dim_size(0), query.dim_size(1), key.dim_size(1),
            query.dim_size(2), value.dim_size(2)};
  return absl::OkStatus();
}

ban::AttentionInputs ReadInputs(OpKernelContext* ctx, float scale) {
  return {ctx->input(0).flat<float>().data(),
          ctx->input(1).flat<float>().data(),
          ctx->input(2).flat<float>().data(), scale};
}

class AttendOp : public OpKernel {
 public:
  explicit AttendOp(OpKernelConstruction* ctx) : OpKernel(ctx) {
    OP_REQUIRES_OK(ctx, ctx->GetAttr("scale", &scale_));
  }

  void Compute(OpKernelContext* ctx) override {
    ban::AttentionShape shape;
    OP_REQUIRES_OK(ctx, ReadShape(kAttend, ctx, &shape));
    Tensor* output = nullptr;
    Tensor* log_sum_exp = nullptr;
    OP_REQUIRES_OK(
        ctx,
        ctx->allocate_output(
            0, {shape.batch, shape.num_queries, shape.num_channels}, &output));
    OP_REQUIRES_OK(ctx, ctx->allocate_output(
                            1, {shape.batch, shape.num_queries}, &log_sum_exp));
    ban::TensorFlowWorkers workers(ctx);
    ban::AttendCpu(&workers, shape, ReadInputs(ctx, scale_),
                   output->flat<float>().data(),
                   log_sum_exp->flat<float>().data());
  }

 private:
  float scale_;
};
REGISTER_KERNEL_BUILDER(Name("Ban>Attend").Device(DEVICE_CPU), AttendOp);

class AttendGradOp : public OpKernel {
 public:
  explicit AttendGradOp(OpKernelConstruction* ctx) : OpKernel(ctx) {
    OP_REQUIRES_OK(ctx, ctx->GetAttr("scale", &scale_));
  }

  void Compute(OpKernelContext* ctx) override {
    ban::AttentionShape shape;
    OP_REQUIRES_OK(ctx, ReadShape(kAttendGrad, ctx, &shape));
    const std::initializer_list<int64_t> rows = {shape.batch, shape.num_queries,
                                                 shape.num_channels};
    const std::initializer_list<int64_t> numbers = {shape.batch,
                                                    shape.num_queries};
    OP_REQUIRES_OK(ctx, ban::CheckShape(kAttendGrad, "output", ctx->input(3),
                                        "[B, N, C]", rows));
    OP_REQUIRES_OK(ctx, ban::CheckShape(kAttendGrad, "log_sum_exp",
                                        ctx->input(4), "[B, N]", numbers));
    OP_REQUIRES_OK(ctx, ban::CheckShape(kAttendGrad, "output_grad",
                                        ctx->input(5), "[B, N, C]", rows));
    OP_REQUIRES_OK(ctx, ban::CheckShape(kAttendGrad, "log_sum_exp_grad",
                                        ctx->input(6), "[B, N]", numbers));
    Tensor* gradients[3];
    for (int i = 0; i < 3; ++i) {
      OP_REQUIRES_OK(
          ctx, ctx->allocate_output(i, ctx->input(i).shape(), &gradients[i]));
    }
    ban::TensorFlowWorkers workers(ctx);
    ban::AttendGradCpu(
        &workers, shape, ReadInputs(ctx, scale_),
        {ctx->input(3).flat<float>().data(), ctx->input(4).flat<float>().data(),
         ctx->input(5).flat<float>().data(),
         ctx->input(6).flat<float>().data()},
        {gradients[0]->flat<float>().data(), gradients[1]->flat<float>().data(),
         gradients[2]->flat<float>().data()});
  }

 private:
  float scale_;
};
REGISTER_KERNEL_BUILDER(Name("Ban>AttendGrad").Device(DEVICE_CPU),
                        AttendGradOp);

}  // namespace
}  // namespace tensorflow
