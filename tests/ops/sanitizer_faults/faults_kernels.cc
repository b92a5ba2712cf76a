#include <string>

#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/faults/faults.h"

namespace ban {

class FaultOp : public tensorflow::OpKernel {
 public:
  explicit FaultOp(tensorflow::OpKernelConstruction* ctx)
      : tensorflow::OpKernel(ctx) {
    OP_REQUIRES_OK(ctx, ctx->GetAttr("fault", &fault_));
  }

  void Compute(tensorflow::OpKernelContext* ctx) override {
    const tensorflow::Tensor& points = ctx->input(0);
    tensorflow::Tensor* output = nullptr;
    OP_REQUIRES_OK(ctx, ctx->allocate_output(0, points.shape(), &output));
    CommitFault(fault_, points.flat<float>().data(), points.NumElements(),
                output->flat<float>().data());
  }

 private:
  std::string fault_;
};

REGISTER_KERNEL_BUILDER(Name("Ban>Fault").Device(tensorflow::DEVICE_CPU),
                        FaultOp);

}  // namespace ban
