// Asking for rows before they are used: the processor does not foresee those
// that an index names, and those that lie one after another not far enough.
// No TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_PREFETCH_H_
#define BAN_TF_OPS_CORE_PREFETCH_H_

#include <algorithm>
#include <cstdint>

#include "tf_ops/core/simd.h"

namespace ban {

constexpr int64_t kLine = 64 / sizeof(float);

// So many bytes in rows of `num_channels` floats, and at least one row.
constexpr int64_t RowsIn(int64_t bytes, int64_t num_channels) {
  const int64_t row_bytes = num_channels * sizeof(float);
  return row_bytes < bytes ? bytes / std::max<int64_t>(row_bytes, 1) : 1;
}

// Into the second-level cache.
BAN_INLINE void PrefetchFar(const float* row, int64_t num_channels) {
  for (int64_t c = 0; c < num_channels; c += kLine) {
    __builtin_prefetch(row + c, 0, 2);
  }
}

// Into the first-level cache.
BAN_INLINE void PrefetchNear(const float* row, int64_t num_channels) {
  for (int64_t c = 0; c < num_channels; c += kLine) {
    __builtin_prefetch(row + c, 0, 3);
  }
}

// The same, for writing.
BAN_INLINE void PrefetchSum(const float* row, int64_t num_channels) {
  for (int64_t c = 0; c < num_channels; c += kLine) {
    __builtin_prefetch(row + c, 1, 3);
  }
}

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_PREFETCH_H_
