// Rows of a matrix by index on the GPU: how threads are laid over them, and
// their sums by point, the gradient of gathering and of interpolation.
#ifndef BAN_TF_OPS_CORE_CUDA_ROWS_H_
#define BAN_TF_OPS_CORE_CUDA_ROWS_H_

#include "tf_ops/core/cuda_execution.h"

namespace ban {

// Entry q of Q belongs to row `q / entries_per_row` of [B, Q / entries, C].
struct SumRowsShape {
  int64_t batch;
  int64_t num_points;
  int64_t num_entries;
  int64_t entries_per_row = 1;
};

size_t SumRowsScratchBytes(const SumRowsShape& shape);

// points_grad[b, n] = the sum of weights[b, q] * rows[b, q / entries_per_row]
// over the q with index[b, q] == n, added in ascending order of q from 0.0f;
// an index that is not in [0, N) adds nothing.
//   rows         [B, Q / entries_per_row, C]
//   index        [B, Q]
//   weights      [B, Q], or null for 1 everywhere
//   scratch      SumRowsScratchBytes(shape), aligned to 4 bytes
//   points_grad  [B, N, C]  output
cudaError_t SumRowsCuda(cudaStream_t stream, const float* rows,
                        const int32_t* index, const float* weights,
                        const SumRowsShape& shape, int64_t num_channels,
                        void* scratch, float* points_grad);

// Whether rows of `num_channels` floats can be read and written 16 bytes at a
// time at both addresses.
inline bool CanUse16Bytes(int64_t num_channels, const void* a, const void* b) {
  const auto addresses =
      reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b);
  return num_channels % 4 == 0 && addresses % 16 == 0;
}

// How threads are laid over rows of `num_vectors` values: threadIdx.x walks the
// vectors of a row, threadIdx.y and blockIdx.x the rows, blockIdx.y the batch.
struct RowLayout {
  dim3 grid;
  dim3 block;
};

inline RowLayout LayOutRows(int64_t batch, int64_t num_rows,
                            int64_t num_vectors) {
  constexpr unsigned kThreads = 256;
  unsigned width = 1;
  while (width < num_vectors && width < kThreads) width *= 2;
  const unsigned height = kThreads / width;
  const int64_t grid_x = CeilDivide(num_rows, height);
  return {dim3(static_cast<unsigned>(grid_x < kMaxGridX ? grid_x : kMaxGridX),
               static_cast<unsigned>(batch < kMaxGridY ? batch : kMaxGridY)),
          dim3(width, height)};
}

// Arithmetic on one float, or on four of neighbouring channels.
__device__ __forceinline__ float Times(float value, float weight) {
  return value * weight;
}
__device__ __forceinline__ float4 Times(float4 value, float weight) {
  return make_float4(value.x * weight, value.y * weight, value.z * weight,
                     value.w * weight);
}
__device__ __forceinline__ float Plus(float a, float b) { return a + b; }
__device__ __forceinline__ float4 Plus(float4 a, float4 b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

// Row `n` of [N, V], or zeros when there is no such row.
template <typename Vector>
__device__ __forceinline__ Vector ValueOrZero(const Vector* __restrict__ points,
                                              int32_t n, int64_t num_points,
                                              int64_t num_vectors, int64_t v) {
  return n >= 0 && n < num_points ? points[n * num_vectors + v] : Vector{};
}

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_CUDA_ROWS_H_
