// What a GPU OpKernel needs to call a CUDA launcher.  Include it first in a
// kernels file, so that `EIGEN_USE_GPU` is set before any TensorFlow header.
#ifndef BAN_TF_OPS_CORE_TENSORFLOW_GPU_H_
#define BAN_TF_OPS_CORE_TENSORFLOW_GPU_H_

#ifdef BAN_WITH_CUDA

#ifndef EIGEN_USE_GPU
#define EIGEN_USE_GPU
#endif

#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace ban {

// The stream that TensorFlow runs this op on.
inline cudaStream_t Stream(tensorflow::OpKernelContext* ctx) {
  return ctx->eigen_gpu_device().stream();
}

// Device memory for one launch; freed in stream order by TensorFlow.
inline absl::Status AllocateScratch(tensorflow::OpKernelContext* ctx,
                                    size_t bytes, tensorflow::Tensor* scratch) {
  return ctx->allocate_temp(tensorflow::DT_UINT8, {static_cast<int64_t>(bytes)},
                            scratch);
}

inline void* ScratchData(tensorflow::Tensor* scratch) {
  return scratch->flat<uint8_t>().data();
}

// A launcher returns `cudaError_t` as an int.
inline absl::Status LaunchStatus(const char* op, int error) {
  if (error == cudaSuccess) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(op, ": CUDA launch failed: ",
                   cudaGetErrorString(static_cast<cudaError_t>(error))));
}

}  // namespace ban

#endif  // BAN_WITH_CUDA

#endif  // BAN_TF_OPS_CORE_TENSORFLOW_GPU_H_
