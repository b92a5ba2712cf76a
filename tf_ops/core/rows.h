// Rows of a matrix by index, and the gradient: what gathering and grouping
// points have in common.  No TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_ROWS_H_
#define BAN_TF_OPS_CORE_ROWS_H_

#include <cstdint>

#include "tf_ops/core/parallel.h"

namespace ban {

// The position of the first entry of `index[0 .. count)` that is not in
// [0, bound), or -1 when there is none.
int64_t FirstOutOfRange(const int32_t* index, int64_t count, int64_t bound);

// output[b, q] = points[b, index[b, q]].
//   points [B, N, C]   index [B, Q] in [0, N)   output [B, Q, C]
void GatherRowsCpu(Workers* workers, const float* points, const int32_t* index,
                   int64_t batch, int64_t num_points, int64_t num_rows,
                   int64_t num_channels, float* output);

// points_grad[b, n] = the sum of output_grad[b, q] over the q with
// index[b, q] == n, added in ascending order of q from 0.0f.
//   output_grad [B, Q, C]   index [B, Q] in [0, N)   points_grad [B, N, C]
void GatherRowsGradCpu(Workers* workers, const float* output_grad,
                       const int32_t* index, int64_t batch, int64_t num_points,
                       int64_t num_rows, int64_t num_channels,
                       float* points_grad);

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_ROWS_H_
