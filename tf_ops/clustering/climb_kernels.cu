#include "tf_ops/clustering/cuda_mean_shift.h"
#include "tf_ops/clustering/neighbour_rule.h"

namespace ban {
namespace {

constexpr int kThreads = 256;
constexpr int kWarpsPerBlock = 8;

// ---- Seeds ------------------------------------------------------------------

__global__ void __launch_bounds__(kThreads)
    Spread(const float* __restrict__ embedding, MeanShiftProblem problem,
           float cell) {
  const int64_t num_points = problem.num_points;
  const int width = problem.width;
  const MeanShiftArrays& arrays = problem.arrays;
  for (int64_t b = blockIdx.y; b < problem.batch; b += gridDim.y) {
    for (int64_t n = int64_t{blockIdx.x} * kThreads + threadIdx.x;
         n < num_points; n += int64_t{gridDim.x} * kThreads) {
      bool is_finite = true;
      for (int e = 0; e < problem.compiled_width; ++e) {
        const float value =
            e < width ? embedding[(b * num_points + n) * width + e] : 0.0f;
        is_finite = is_finite && isfinite(value);
        arrays.points[(b * problem.compiled_width + e) * num_points + n] =
            value;
        if (e < width && problem.options.bin_seeding) {
          arrays.rows[(b * width + e) * num_points + n] = rintf(value / cell);
        }
      }
      arrays.count[b * num_points + n] = 1;
      if (!is_finite) atomicMax(&arrays.state[b].has_fault, 1);
    }
  }
}

// One warp per point: it stands for its cell unless an earlier point does.
__global__ void __launch_bounds__(kWarpsPerBlock* kWarpSize)
    KeepFirstOfCell(MeanShiftProblem problem) {
  const int64_t num_points = problem.num_points;
  const MeanShiftArrays& arrays = problem.arrays;
  for (int64_t b = blockIdx.y; b < problem.batch; b += gridDim.y) {
    const float* cells = arrays.rows + b * problem.width * num_points;
    for (int64_t n = int64_t{blockIdx.x} * kWarpsPerBlock + threadIdx.y;
         n < num_points; n += int64_t{gridDim.x} * kWarpsPerBlock) {
      const bool is_first = FindEqual<false>(cells, nullptr, num_points,
                                             problem.width, n, 0, n) < 0;
      if (threadIdx.x == 0) {
        arrays.count[b * num_points + n] = is_first;
        if (is_first) atomicAdd(&arrays.state[b].num_cells, 1);
      }
    }
  }
}

// ---- Climbs -----------------------------------------------------------------

// A point is in the ball if its squared distance in float64 is at most
// `squared_radius`: one in float32 settles that unless it lies between
// `inside` and `possible`.
struct Reach {
  float inside, possible;
  double squared_radius;
};

Reach ReachOf(double radius, int width) {
  const double squared = radius * radius;
  const double slack = squared * FloatError(width);
  if (squared < kLeastFloatSquare || squared + slack > kMostFloatSquare) {
    return {-1.0f, INFINITY, squared};  // float32 settles nothing
  }
  return {static_cast<float>(squared - slack),
          static_cast<float>(squared + slack), squared};
}

template <int kWidth>
struct BallSum {
  float sum[kWidth];
  int32_t count;
};

// All lanes of a warp call it and get the same.  Lane l adds the points l,
// l + 32 ... in this order, then lanes are added pairwise: equal balls have
// equal sums, to the bit.
template <int kWidth>
__device__ __forceinline__ BallSum<kWidth> SumBall(
    const float* __restrict__ points, int64_t num_points,
    const float (&centre)[kWidth], const Reach& reach) {
  BallSum<kWidth> ball = {};
#pragma unroll 2
  for (int64_t n = threadIdx.x; n < num_points; n += kWarpSize) {
    float point[kWidth];
#pragma unroll
    for (int e = 0; e < kWidth; ++e) point[e] = points[e * num_points + n];
    const float squared = SquaredDistance(point, centre);
    if (squared > reach.possible) continue;
    // A NaN goes on to the exact distance and is refused there.
    if (!(squared <= reach.inside) &&
        !(ExactSquaredDistance(point, centre) <= reach.squared_radius)) {
      continue;
    }
#pragma unroll
    for (int e = 0; e < kWidth; ++e) ball.sum[e] += point[e];
    ++ball.count;
  }
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
#pragma unroll
    for (int e = 0; e < kWidth; ++e) {
      ball.sum[e] += __shfl_xor_sync(kAllLanes, ball.sum[e], distance);
    }
    ball.count += __shfl_xor_sync(kAllLanes, ball.count, distance);
  }
  return ball;
}

template <int kWidth>
__device__ __forceinline__ bool AllFinite(const float (&values)[kWidth]) {
  bool is_finite = true;
#pragma unroll
  for (int e = 0; e < kWidth; ++e) is_finite = is_finite && isfinite(values[e]);
  return is_finite;
}

// Moves `centre` to the ball's mean; returns how far, rounded as NumPy rounds
// the norm of float32.
template <int kWidth>
__device__ __forceinline__ float MoveToMean(const BallSum<kWidth>& ball,
                                            float (&centre)[kWidth]) {
  double squared = 0.0;
#pragma unroll
  for (int e = 0; e < kWidth; ++e) {
    const float mean = ball.sum[e] / static_cast<float>(ball.count);
    const float difference = mean - centre[e];
    const float square = difference * difference;
    squared += square;
    centre[e] = mean;
  }
  return sqrtf(static_cast<float>(squared));
}

struct ClimbRule {
  Reach reach;
  float cell;  // side of a cell of the grid
  float stop;  // a move that is no longer is the last
  int64_t max_iterations;
  bool from_points;  // seeds are the points, not the cells
  bool if_no_hit;    // only in blocks where no climb has found a point
};

// Returns the number of points in the last ball, whose mean is `centre` then;
// 0 if that ball is empty, -1 if its mean leaves the range of float32.
template <int kWidth>
__device__ __forceinline__ int32_t Climb(const float* points,
                                         int64_t num_points,
                                         const ClimbRule& rule,
                                         float (&centre)[kWidth]) {
  for (int64_t iteration = 0;; ++iteration) {
    const BallSum<kWidth> ball =
        SumBall(points, num_points, centre, rule.reach);
    if (ball.count == 0) return 0;
    const float moved = MoveToMean(ball, centre);
    if (!AllFinite(centre)) return -1;
    if (moved <= rule.stop || iteration == rule.max_iterations) {
      return ball.count;
    }
  }
}

// One warp per seed.  A warp reads its own slot before its first exchange of
// values and writes it after the last, so its lanes cannot overtake each other.
template <int kWidth>
__global__ void __launch_bounds__(kWarpsPerBlock* kWarpSize)
    ClimbFromSeeds(MeanShiftProblem problem, ClimbRule rule) {
  const int64_t num_points = problem.num_points;
  const int width = problem.width;
  for (int64_t b = blockIdx.y; b < problem.batch; b += gridDim.y) {
    BlockState* state = problem.arrays.state + b;
    if (rule.if_no_hit && state->has_hit != 0) continue;
    const float* points = problem.arrays.points + b * kWidth * num_points;
    float* rows = problem.arrays.rows + b * width * num_points;
    int32_t* count = problem.arrays.count + b * num_points;
    const bool from_points = rule.from_points || state->num_cells == num_points;
    for (int64_t n = int64_t{blockIdx.x} * kWarpsPerBlock + threadIdx.y;
         n < num_points; n += int64_t{gridDim.x} * kWarpsPerBlock) {
      if (!from_points && count[n] == 0) continue;
      float centre[kWidth] = {};
#pragma unroll
      for (int e = 0; e < kWidth; ++e) {
        if (e >= width) continue;
        centre[e] = from_points ? points[e * num_points + n]
                                : rows[e * num_points + n] * rule.cell;
      }
      if (!AllFinite(centre)) {
        if (threadIdx.x == 0) atomicMax(&state->has_fault, 1);
        continue;
      }
      const int32_t found = Climb(points, num_points, rule, centre);
      if (threadIdx.x != 0) continue;
      if (found < 0) atomicMax(&state->has_fault, 1);
      if (found > 0 && !rule.if_no_hit) atomicMax(&state->has_hit, 1);
      count[n] = found;
#pragma unroll
      for (int e = 0; e < kWidth; ++e) {
        if (e < width) rows[e * num_points + n] = centre[e];
      }
    }
  }
}

cudaError_t LaunchClimb(cudaStream_t stream, const MeanShiftProblem& problem,
                        const ClimbRule& rule) {
  const LaunchShape shape = {problem.GridOver(kWarpsPerBlock),
                             dim3(kWarpSize, kWarpsPerBlock)};
  return WithCompiledWidth(problem.compiled_width, [&](auto width) {
    return Launch(stream, shape, ClimbFromSeeds<width>, problem, rule);
  });
}

}  // namespace

cudaError_t FindSeedsCuda(cudaStream_t stream, const MeanShiftProblem& problem,
                          const float* embedding) {
  const LaunchShape by_point = {problem.GridOver(kThreads), dim3(kThreads)};
  const cudaError_t error =
      Launch(stream, by_point, Spread, embedding, problem,
             static_cast<float>(problem.options.bandwidth));
  if (error != cudaSuccess || !problem.options.bin_seeding) return error;
  const LaunchShape by_warp = {problem.GridOver(kWarpsPerBlock),
                               dim3(kWarpSize, kWarpsPerBlock)};
  return Launch(stream, by_warp, KeepFirstOfCell, problem);
}

cudaError_t ClimbCuda(cudaStream_t stream, const MeanShiftProblem& problem) {
  const MeanShiftOptions& options = problem.options;
  ClimbRule rule = {ReachOf(options.bandwidth, problem.compiled_width),
                    static_cast<float>(options.bandwidth),
                    static_cast<float>(1e-3 * options.bandwidth),
                    options.max_iterations,
                    !options.bin_seeding,
                    false};
  const cudaError_t error = LaunchClimb(stream, problem, rule);
  if (error != cudaSuccess || !options.bin_seeding) return error;
  rule.from_points = true;
  rule.if_no_hit = true;
  return LaunchClimb(stream, problem, rule);
}

}  // namespace ban
