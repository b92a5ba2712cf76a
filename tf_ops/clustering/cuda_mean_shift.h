// The stages of mean shift on the GPU; `clustering_kernels.cu` queues them.  No
// stage waits for another on the host: what depends on values (how many seeds,
// ends and clusters there are) stays on the GPU, and every array has room for
// N.
#ifndef BAN_TF_OPS_CLUSTERING_CUDA_MEAN_SHIFT_H_
#define BAN_TF_OPS_CLUSTERING_CUDA_MEAN_SHIFT_H_

#include <algorithm>
#include <type_traits>

#include "tf_ops/clustering/clustering.h"
#include "tf_ops/core/cuda_execution.h"

namespace ban {

struct BlockState {
  int32_t num_cells;  // occupied cells of the grid
  int32_t has_hit;    // whether a climb from a cell found a point
  int32_t num_ends;   // distinct ends of climbs
  int32_t has_fault;  // whether something left the range of float32
};

// Rows lie coordinate by coordinate, so that neighbouring lanes read
// neighbouring addresses.  A slot n in [0, N) belongs to the seed that point n
// gives, if it gives one: no list of seeds is needed, and their order is that
// of the points.
struct MeanShiftArrays {
  float* points;    // [B, W, N] W: the width that kernels are compiled for
  float* rows;      // [B, E, N] the points' cells, then the ends of the climbs
  int32_t* count;   // [B, N] 1: a seed; then points in the last ball, or 0
  int32_t* weight;  // [B, N] count by which an end is sorted; 0: no such end
  int32_t* order;   // [B, N] slots of the ends, densest first
  BlockState* state;  // [B]
};

struct MeanShiftProblem {
  int64_t batch;
  int64_t num_points;
  int width;           // E
  int compiled_width;  // W >= E; coordinates from E on are zero
  MeanShiftOptions options;
  MeanShiftArrays arrays;

  // Grid for kernels whose blocks take `per_block` of N along x, and the batch
  // along y.
  dim3 GridOver(int64_t per_block) const {
    return dim3(static_cast<unsigned>(
                    std::min(CeilDivide(num_points, per_block), kMaxGridX)),
                static_cast<unsigned>(std::min(batch, kMaxGridY)));
  }
};

// Calls `function` with the compiled width as a constant.
template <typename Function>
cudaError_t WithCompiledWidth(int width, const Function& function) {
  switch (width) {
#define BAN_WIDTH(W) \
  case W:            \
    return function(std::integral_constant<int, W>())
    BAN_WIDTH(2);
    BAN_WIDTH(3);
    BAN_WIDTH(4);
    BAN_WIDTH(5);
    BAN_WIDTH(6);
    BAN_WIDTH(8);
    BAN_WIDTH(12);
    BAN_WIDTH(16);
#undef BAN_WIDTH
  }
  return cudaErrorInvalidValue;
}

// Writes points, rows (the cells, if seeds come from them), count and, of
// the state, num_cells and has_fault.
cudaError_t FindSeedsCuda(cudaStream_t stream, const MeanShiftProblem& problem,
                          const float* embedding);

// Moves every seed; writes rows, count, has_hit and has_fault.
cudaError_t ClimbCuda(cudaStream_t stream, const MeanShiftProblem& problem);

// Writes weight, order and num_ends; then the outputs `centres`, all NaN
// before, and `num_clusters`.
cudaError_t ChooseCentresCuda(cudaStream_t stream,
                              const MeanShiftProblem& problem, float* centres,
                              int32_t* num_clusters);

// Writes `labels`.
cudaError_t LabelCuda(cudaStream_t stream, const MeanShiftProblem& problem,
                      const float* centres, const int32_t* num_clusters,
                      int32_t* labels);

// ---- On the GPU -------------------------------------------------------------

// All lanes of a warp call it.  The first (or last) slot of [begin, end) whose
// row equals row `n`, or -1; with `count`, only slots of a positive count are
// looked at.  -0 equals +0.
template <bool kLast>
__device__ __forceinline__ int64_t FindEqual(const float* rows,
                                             const int32_t* count,
                                             int64_t num_points, int width,
                                             int64_t n, int64_t begin,
                                             int64_t end) {
  const int lane = threadIdx.x % kWarpSize;
  for (int64_t first = 0; first < end - begin; first += kWarpSize) {
    const int64_t i = first + lane;
    const int64_t slot = kLast ? end - 1 - i : begin + i;
    bool is_equal = slot >= begin && slot < end;
    is_equal = is_equal && (count == nullptr || count[slot] > 0);
    for (int e = 0; is_equal && e < width; ++e) {
      is_equal = rows[e * num_points + slot] == rows[e * num_points + n];
    }
    const unsigned equal = __ballot_sync(kAllLanes, is_equal);
    if (equal != 0) {
      const int64_t found = first + __ffs(equal) - 1;
      return kLast ? end - 1 - found : begin + found;
    }
  }
  return -1;
}

template <int kWidth>
__device__ __forceinline__ float SquaredDistance(const float (&a)[kWidth],
                                                 const float (&b)[kWidth]) {
  float sum = 0.0f;
#pragma unroll
  for (int e = 0; e < kWidth; ++e) {
    const float difference = a[e] - b[e];
    sum += difference * difference;
  }
  return sum;
}

// In float64, where the difference of two float32 is hardly ever rounded.
template <int kWidth>
__device__ __forceinline__ double ExactSquaredDistance(
    const float (&a)[kWidth], const float (&b)[kWidth]) {
  double sum = 0.0;
#pragma unroll
  for (int e = 0; e < kWidth; ++e) {
    const double difference = double{a[e]} - double{b[e]};
    sum += difference * difference;
  }
  return sum;
}

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_CUDA_MEAN_SHIFT_H_
