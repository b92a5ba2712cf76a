// What every OpKernel refuses before it works: wrong shapes, bad indices.
#ifndef BAN_TF_OPS_CORE_OP_CHECKS_H_
#define BAN_TF_OPS_CORE_OP_CHECKS_H_

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tf_ops/core/indices.h"

namespace ban {

// Stands for any size in the shape that `CheckShape` is given.
constexpr int64_t kAny = -1;

// What to say of a `tensor` that has not the shape `letters`.
inline absl::Status ShapeError(const char* op, const char* input,
                               const tensorflow::Tensor& tensor,
                               const char* letters) {
  return absl::InvalidArgumentError(absl::StrCat(
      op, ": ", input, " must have shape ", letters,
      " with the same sizes as the other inputs. Received: ", input,
      " of shape ", tensor.shape().DebugString()));
}

// `tensor` has the sizes `shape`, whose axes are named by `letters`, as in
// "[B, N, 3]".
inline absl::Status CheckShape(const char* op, const char* input,
                               const tensorflow::Tensor& tensor,
                               const char* letters,
                               std::initializer_list<int64_t> shape) {
  bool same = tensor.dims() == static_cast<int>(shape.size());
  int axis = 0;
  for (const int64_t size : shape) {
    same = same && (size == kAny || size == tensor.dim_size(axis));
    ++axis;
  }
  return same ? absl::OkStatus() : ShapeError(op, input, tensor, letters);
}

// Points are counted by int32 indices.
inline absl::Status CheckIndexable(const char* op, const char* input,
                                   int64_t num_points) {
  if (num_points <= std::numeric_limits<int32_t>::max()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(op, ": ", input,
                   " must have fewer than 2^31 points, because indices are "
                   "int32. Received: ",
                   num_points, " points"));
}

// Every entry of `index` is in [0, bound).  On the host only.
inline absl::Status CheckIndices(const char* op,
                                 const tensorflow::Tensor& index,
                                 int64_t bound) {
  const int32_t* values = index.flat<int32_t>().data();
  const int64_t where = FirstOutOfRange(values, index.NumElements(), bound);
  if (where < 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      op, ": index must be in [0, ", bound,
      "), the number of points of its cloud. Received: index=", values[where],
      " at flat position ", where, " of shape ", index.shape().DebugString()));
}

// The scalar `num_points` of a gradient op, in host memory.
inline absl::Status ReadNumPoints(const char* op,
                                  const tensorflow::Tensor& num_points,
                                  int64_t* value) {
  if (num_points.dims() != 0 || num_points.scalar<int32_t>()() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        op, ": num_points must be a scalar >= 0. Received: num_points=",
        num_points.DebugString()));
  }
  *value = num_points.scalar<int32_t>()();
  return absl::OkStatus();
}

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_OP_CHECKS_H_
