#include <algorithm>

#include "tf_ops/core/cuda_rows.h"

namespace ban {
namespace {

// Entries are put in order of their point (count, running sum, fill), then one
// warp adds up the rows of each point.  The atomics are on integers: they make
// the order of the entries within a point vary, never which entries they are,
// and the warp sorts them before it adds.  So no sum depends on the schedule.

constexpr int kThreads = 256;
constexpr int kScanThreads = 1024;
constexpr int kScanWarps = kScanThreads / kWarpSize;
constexpr int kSumWarps = 4;
constexpr int kMaxSorted = 1024;  // entries of one point

struct SumRowsScratch {
  int32_t* cursor;   // [B, N] count of a point's entries, then where they go
  int32_t* start;    // [B, N + 1] where the entries of each point begin
  int32_t* entries;  // [B, Q] grouped by point
};

SumRowsScratch Split(void* scratch, const SumRowsShape& shape) {
  auto* cursor = static_cast<int32_t*>(scratch);
  int32_t* start = cursor + shape.batch * shape.num_points;
  return {cursor, start, start + shape.batch * (shape.num_points + 1)};
}

template <bool kFill>
__global__ void CountOrFill(const int32_t* __restrict__ index,
                            SumRowsShape shape, SumRowsScratch scratch) {
  const int64_t total = shape.batch * shape.num_entries;
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < total;
       i += step) {
    const int32_t n = index[i];
    if (n < 0 || n >= shape.num_points) continue;
    const int64_t b = i / shape.num_entries;
    const int32_t place =
        atomicAdd(&scratch.cursor[b * shape.num_points + n], 1);
    if (kFill) {
      scratch.entries[b * shape.num_entries + place] =
          static_cast<int32_t>(i - b * shape.num_entries);
    }
  }
}

// The sum of `value` over this lane and the lanes before it.
__device__ __forceinline__ int32_t WarpRunningSum(int32_t value) {
  const int lane = threadIdx.x % kWarpSize;
  for (int distance = 1; distance < kWarpSize; distance *= 2) {
    const int32_t before = __shfl_up_sync(kAllLanes, value, distance);
    if (lane >= distance) value += before;
  }
  return value;
}

// One block per cloud turns counts into begins: start[n] = the sum of the
// counts before n, and the same again in `cursor` for the fill.
__global__ void __launch_bounds__(kScanThreads)
    StartOfEach(int64_t batch, int64_t num_points, SumRowsScratch scratch) {
  int32_t* warp_sums = DynamicShared<int32_t>();
  const int warp = threadIdx.x / kWarpSize;
  for (int64_t b = blockIdx.x; b < batch; b += gridDim.x) {
    int32_t* cursor = scratch.cursor + b * num_points;
    int32_t* start = scratch.start + b * (num_points + 1);
    int32_t before = 0;  // entries of the points in earlier rounds
    for (int64_t first = 0; first < num_points; first += kScanThreads) {
      const int64_t n = first + threadIdx.x;
      const int32_t count = n < num_points ? cursor[n] : 0;
      const int32_t in_warp = WarpRunningSum(count);
      if (threadIdx.x % kWarpSize == kWarpSize - 1) warp_sums[warp] = in_warp;
      __syncthreads();
      const int32_t in_block =
          WarpRunningSum(warp_sums[threadIdx.x % kWarpSize]);
      const int32_t earlier_warps =
          __shfl_sync(kAllLanes, in_block, warp == 0 ? 0 : warp - 1);
      const int32_t all = __shfl_sync(kAllLanes, in_block, kScanWarps - 1);
      if (n < num_points) {
        const int32_t begin =
            before + (warp == 0 ? 0 : earlier_warps) + in_warp - count;
        start[n] = begin;
        cursor[n] = begin;
      }
      before += all;
      __syncthreads();  // every warp has read warp_sums
    }
    if (threadIdx.x == 0) start[num_points] = before;
  }
}

// Sorts values[0, size) in place, `size` a power of two; all lanes call it.
__device__ void SortInWarp(int32_t* values, int size, int lane) {
  for (int run = 2; run <= size; run *= 2) {
    for (int stride = run / 2; stride > 0; stride /= 2) {
      __syncwarp();
      for (int i = lane; i < size / 2; i += kWarpSize) {
        const int low = 2 * i - (i & (stride - 1));
        const int high = low + stride;
        const int32_t a = values[low];
        const int32_t b = values[high];
        const bool ascending = (low & run) == 0;
        if ((a > b) == ascending) {
          values[low] = b;
          values[high] = a;
        }
      }
    }
  }
  __syncwarp();
}

// Adds up a point's rows for one vector of channels, entry after entry.
template <typename Vector>
struct RowSum {
  const Vector* rows;
  const float* weights;
  int64_t entries_per_row;
  int64_t num_vectors;
  int64_t v;
  Vector sum = {};

  __device__ __forceinline__ void Add(int64_t q) {
    if (v >= num_vectors) return;
    const Vector value = rows[q / entries_per_row * num_vectors + v];
    sum = Plus(sum, Times(value, weights == nullptr ? 1.0f : weights[q]));
  }
};

template <typename Vector>
__global__ void __launch_bounds__(kSumWarps* kWarpSize)
    SumRows(const Vector* __restrict__ rows, const int32_t* __restrict__ index,
            const float* __restrict__ weights, SumRowsShape shape,
            SumRowsScratch scratch, int64_t num_vectors,
            Vector* __restrict__ points_grad) {
  const int lane = threadIdx.x;
  int32_t* sorted = DynamicShared<int32_t>() + threadIdx.y * kMaxSorted;
  const int64_t num_targets = shape.batch * shape.num_points;
  const int64_t num_entries = shape.num_entries;
  for (int64_t target = int64_t{blockIdx.x} * kSumWarps + threadIdx.y;
       target < num_targets; target += int64_t{gridDim.x} * kSumWarps) {
    const int64_t b = target / shape.num_points;
    const int32_t n = static_cast<int32_t>(target - b * shape.num_points);
    const int32_t begin = scratch.start[target + b];
    const int32_t count = scratch.start[target + b + 1] - begin;
    const bool fits = count <= kMaxSorted;
    if (fits) {
      int size = 1;
      while (size < count) size *= 2;
      for (int i = lane; i < size; i += kWarpSize) {
        sorted[i] = i < count ? scratch.entries[b * num_entries + begin + i]
                              : INT32_MAX;
      }
      SortInWarp(sorted, size, lane);
    }
    for (int64_t v = lane; v - lane < num_vectors; v += kWarpSize) {
      RowSum<Vector> total{
          rows + b * (num_entries / shape.entries_per_row) * num_vectors,
          weights == nullptr ? nullptr : weights + b * num_entries,
          shape.entries_per_row, num_vectors, v};
      if (fits) {
#pragma unroll 4
        for (int i = 0; i < count; ++i) total.Add(sorted[i]);
      } else {
        // So many entries name this point that finding them again costs little.
        for (int64_t q = 0; q < num_entries; q += kWarpSize) {
          const bool mine =
              q + lane < num_entries && index[b * num_entries + q + lane] == n;
          unsigned found = __ballot_sync(kAllLanes, mine);
          for (; found != 0; found &= found - 1)
            total.Add(q + __ffs(found) - 1);
        }
      }
      if (v < num_vectors) points_grad[target * num_vectors + v] = total.sum;
    }
    __syncwarp();  // every lane has read `sorted`
  }
}

dim3 GridOf(int64_t total, int64_t per_block) {
  return dim3(
      static_cast<unsigned>(std::min(CeilDivide(total, per_block), kMaxGridX)));
}

template <typename Vector>
cudaError_t LaunchSumRows(cudaStream_t stream, const float* rows,
                          const int32_t* index, const float* weights,
                          const SumRowsShape& shape, int64_t num_channels,
                          const SumRowsScratch& scratch, float* points_grad) {
  LaunchShape launch;
  launch.grid = GridOf(shape.batch * shape.num_points, kSumWarps);
  launch.block = dim3(kWarpSize, kSumWarps);
  launch.shared_bytes = kSumWarps * kMaxSorted * sizeof(int32_t);
  return Launch(stream, launch, SumRows<Vector>,
                reinterpret_cast<const Vector*>(rows), index, weights, shape,
                scratch, num_channels * sizeof(float) / sizeof(Vector),
                reinterpret_cast<Vector*>(points_grad));
}

}  // namespace

size_t SumRowsScratchBytes(const SumRowsShape& shape) {
  return shape.batch * (2 * shape.num_points + 1 + shape.num_entries) *
         sizeof(int32_t);
}

cudaError_t SumRowsCuda(cudaStream_t stream, const float* rows,
                        const int32_t* index, const float* weights,
                        const SumRowsShape& shape, int64_t num_channels,
                        void* scratch, float* points_grad) {
  const int64_t num_targets = shape.batch * shape.num_points;
  if (num_targets == 0 || num_channels == 0) return cudaSuccess;
  if (shape.num_entries == 0) {
    return cudaMemsetAsync(points_grad, 0,
                           num_targets * num_channels * sizeof(float), stream);
  }
  if (shape.num_points >= INT32_MAX || shape.num_entries >= INT32_MAX) {
    return cudaErrorInvalidValue;
  }
  const SumRowsScratch split = Split(scratch, shape);
  const LaunchShape over_entries = {
      GridOf(shape.batch * shape.num_entries, kThreads), dim3(kThreads)};
  LaunchShape over_clouds = {GridOf(shape.batch, 1), dim3(kScanThreads)};
  over_clouds.shared_bytes = kScanWarps * sizeof(int32_t);
  cudaError_t error =
      cudaMemsetAsync(split.cursor, 0, num_targets * sizeof(int32_t), stream);
  if (error == cudaSuccess) {
    error =
        Launch(stream, over_entries, CountOrFill<false>, index, shape, split);
  }
  if (error == cudaSuccess) {
    error = Launch(stream, over_clouds, StartOfEach, shape.batch,
                   shape.num_points, split);
  }
  if (error == cudaSuccess) {
    error =
        Launch(stream, over_entries, CountOrFill<true>, index, shape, split);
  }
  if (error != cudaSuccess) return error;
  auto* launch = CanUse16Bytes(num_channels, rows, points_grad)
                     ? LaunchSumRows<float4>
                     : LaunchSumRows<float>;
  return launch(stream, rows, index, weights, shape, num_channels, split,
                points_grad);
}

}  // namespace ban
