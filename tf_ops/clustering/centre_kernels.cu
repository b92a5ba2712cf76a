#include "tf_ops/clustering/cuda_mean_shift.h"
#include "tf_ops/clustering/neighbour_rule.h"

namespace ban {
namespace {

constexpr int kThreads = 256;
constexpr int kWarpsPerBlock = 8;

// ---- Centres ----------------------------------------------------------------

// One warp per slot.  Of equal ends the first stays, with the count of the
// last: scikit-learn makes them the keys of a dict.
__global__ void __launch_bounds__(kWarpsPerBlock* kWarpSize)
    WeighDistinctEnds(MeanShiftProblem problem) {
  const int64_t num_points = problem.num_points;
  for (int64_t b = blockIdx.y; b < problem.batch; b += gridDim.y) {
    const float* ends = problem.arrays.rows + b * problem.width * num_points;
    const int32_t* count = problem.arrays.count + b * num_points;
    for (int64_t n = int64_t{blockIdx.x} * kWarpsPerBlock + threadIdx.y;
         n < num_points; n += int64_t{gridDim.x} * kWarpsPerBlock) {
      int32_t weight = 0;
      if (count[n] > 0 && FindEqual<false>(ends, count, num_points,
                                           problem.width, n, 0, n) < 0) {
        weight = count[FindEqual<true>(ends, count, num_points, problem.width,
                                       n, n, num_points)];
      }
      if (threadIdx.x == 0) {
        problem.arrays.weight[b * num_points + n] = weight;
        if (weight > 0) atomicAdd(&problem.arrays.state[b].num_ends, 1);
      }
    }
  }
}

// By weight, then coordinates; the larger first.  Distinct ends are never
// equal.
__device__ __forceinline__ bool ComesBefore(const float* ends,
                                            const int32_t* weight,
                                            int64_t num_points, int width,
                                            int64_t a, int64_t b) {
  if (weight[a] != weight[b]) return weight[a] > weight[b];
  for (int e = 0; e < width; ++e) {
    const float left = ends[e * num_points + a];
    const float right = ends[e * num_points + b];
    if (left != right) return left > right;
  }
  return false;
}

// One warp per end: its place is the number of ends that come before it.
__global__ void __launch_bounds__(kWarpsPerBlock* kWarpSize)
    SortEnds(MeanShiftProblem problem) {
  const int64_t num_points = problem.num_points;
  for (int64_t b = blockIdx.y; b < problem.batch; b += gridDim.y) {
    const float* ends = problem.arrays.rows + b * problem.width * num_points;
    const int32_t* weight = problem.arrays.weight + b * num_points;
    for (int64_t n = int64_t{blockIdx.x} * kWarpsPerBlock + threadIdx.y;
         n < num_points; n += int64_t{gridDim.x} * kWarpsPerBlock) {
      if (weight[n] == 0) continue;
      int32_t place = 0;
      for (int64_t first = 0; first < num_points; first += kWarpSize) {
        const int64_t other = first + threadIdx.x;
        const bool is_before =
            other < num_points &&
            ComesBefore(ends, weight, num_points, problem.width, other, n);
        place += __popc(__ballot_sync(kAllLanes, is_before));
      }
      if (threadIdx.x == 0) {
        problem.arrays.order[b * num_points + place] = static_cast<int32_t>(n);
      }
    }
  }
}

// All lanes of a warp call it: the first place of [place, num_ends) that is not
// dropped, or num_ends.
__device__ __forceinline__ int32_t NextLeft(const int32_t* is_dropped,
                                            int32_t place, int32_t num_ends) {
  const int lane = threadIdx.x % kWarpSize;
  for (; place < num_ends; place += kWarpSize) {
    const bool is_left = place + lane < num_ends && !is_dropped[place + lane];
    const unsigned left = __ballot_sync(kAllLanes, is_left);
    if (left != 0) return place + __ffs(left) - 1;
  }
  return num_ends;
}

__device__ __forceinline__ bool IsWithin(const float* ends, int64_t num_points,
                                         int width, int64_t a, int64_t b,
                                         double squared_radius) {
  double squared = 0.0;
  for (int e = 0; e < width; ++e) {
    const double difference =
        double{ends[e * num_points + a]} - double{ends[e * num_points + b]};
    squared += difference * difference;
  }
  return squared <= squared_radius;
}

// One block of threads per block of points: it goes through the ends, densest
// first, keeps what is not dropped yet, and drops what lies within a bandwidth
// of it.
__global__ void __launch_bounds__(kThreads)
    KeepApart(MeanShiftProblem problem, float* __restrict__ centres,
              int32_t* __restrict__ num_clusters) {
  const int64_t num_points = problem.num_points;
  const int width = problem.width;
  const int thread = threadIdx.x;
  const double squared_radius =
      problem.options.bandwidth * problem.options.bandwidth;
  for (int64_t b = blockIdx.x; b < problem.batch; b += gridDim.x) {
    const float* ends = problem.arrays.rows + b * width * num_points;
    const int32_t* order = problem.arrays.order + b * num_points;
    int32_t* is_dropped = problem.arrays.count + b * num_points;
    const BlockState& state = problem.arrays.state[b];
    const int32_t num_ends = state.has_fault ? 0 : state.num_ends;
    for (int32_t i = thread; i < num_ends; i += kThreads) {
      is_dropped[i] = 0;
    }
    __syncthreads();
    int32_t num_kept = 0;
    for (int32_t place = 0;; ++place) {
      // A warp that is still looking may see what a faster one drops, but that
      // lies behind the place that both find.
      place = NextLeft(is_dropped, place, num_ends);
      if (place == num_ends) break;
      const int64_t kept = order[place];
      if (thread < width) {
        centres[(b * num_points + num_kept) * width + thread] =
            ends[thread * num_points + kept];
      }
      ++num_kept;
      for (int32_t i = place + 1 + thread; i < num_ends; i += kThreads) {
        if (!is_dropped[i] &&
            IsWithin(ends, num_points, width, order[i], kept, squared_radius)) {
          is_dropped[i] = 1;
        }
      }
      __syncthreads();
    }
    if (thread == 0) num_clusters[b] = num_kept > 0 ? num_kept : -1;
  }
}

// ---- Labels -----------------------------------------------------------------

// One thread per point.  A squared distance in float32 rules most centres out;
// the others are compared in float64, and ties go to the lowest label.
template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    LabelByNearest(MeanShiftProblem problem, float error,
                   const float* __restrict__ centres,
                   const int32_t* __restrict__ num_clusters,
                   int32_t* __restrict__ labels) {
  const int64_t num_points = problem.num_points;
  const int width = problem.width;
  for (int64_t b = blockIdx.y; b < problem.batch; b += gridDim.y) {
    const float* points = problem.arrays.points + b * kWidth * num_points;
    const int32_t num_centres = num_clusters[b];
    for (int64_t n = int64_t{blockIdx.x} * kThreads + threadIdx.x;
         n < num_points; n += int64_t{gridDim.x} * kThreads) {
      float point[kWidth];
#pragma unroll
      for (int e = 0; e < kWidth; ++e) point[e] = points[e * num_points + n];
      int32_t label = -1;
      double nearest = INFINITY;
      float limit = INFINITY;
      for (int32_t k = 0; k < num_centres; ++k) {
        const float* row = centres + (b * num_points + k) * width;
        float centre[kWidth] = {};
#pragma unroll
        for (int e = 0; e < kWidth; ++e) {
          if (e < width) centre[e] = row[e];
        }
        if (SquaredDistance(point, centre) > limit) continue;
        const double squared = ExactSquaredDistance(point, centre);
        if (!(squared < nearest)) continue;
        nearest = squared;
        label = k;
        // Tiny squares lose bits in float32 and rule nothing out.
        const double least = kLeastFloatSquare;
        limit = static_cast<float>((1.0 + 2.0 * error) *
                                   (squared > least ? squared : least));
      }
      labels[b * num_points + n] = label;
    }
  }
}

}  // namespace

cudaError_t ChooseCentresCuda(cudaStream_t stream,
                              const MeanShiftProblem& problem, float* centres,
                              int32_t* num_clusters) {
  const LaunchShape by_warp = {problem.GridOver(kWarpsPerBlock),
                               dim3(kWarpSize, kWarpsPerBlock)};
  cudaError_t error = Launch(stream, by_warp, WeighDistinctEnds, problem);
  if (error == cudaSuccess) error = Launch(stream, by_warp, SortEnds, problem);
  if (error != cudaSuccess) return error;
  const LaunchShape by_block = {
      dim3(static_cast<unsigned>(std::min(problem.batch, kMaxGridX))),
      dim3(kThreads)};
  return Launch(stream, by_block, KeepApart, problem, centres, num_clusters);
}

cudaError_t LabelCuda(cudaStream_t stream, const MeanShiftProblem& problem,
                      const float* centres, const int32_t* num_clusters,
                      int32_t* labels) {
  const LaunchShape shape = {problem.GridOver(kThreads), dim3(kThreads)};
  return WithCompiledWidth(problem.compiled_width, [&](auto width) {
    return Launch(stream, shape, LabelByNearest<width>, problem,
                  FloatError(width), centres, num_clusters, labels);
  });
}

}  // namespace ban
