#include <algorithm>

#include "tf_ops/core/cuda_execution.h"
#include "tf_ops/grouping/grouping.h"

namespace ban {
namespace {

constexpr int kWarpsPerBlock = 8;
constexpr int kPointsPerLane = 4;  // read before the first is tested
constexpr int64_t kPointsPerRound = kPointsPerLane * kWarpSize;

// One warp per centre.  Its lanes test 32 points at a time, in index order; a
// ballot tells each lane how many hits lie before its own, which is its slot.
__global__ void __launch_bounds__(kWarpsPerBlock* kWarpSize)
    BallQuery(const float* __restrict__ xyz, const float* __restrict__ centres,
              int64_t batch, int64_t num_points, int64_t num_centres,
              float radius, int64_t num_neighbours, int32_t* __restrict__ index,
              int32_t* __restrict__ count) {
  // Here and not by the host, where TensorFlow flushes denormals to zero.
  const float radius2 = radius * radius;
  const int lane = threadIdx.x;
  const unsigned lanes_before = (1u << lane) - 1;
  const int64_t total = batch * num_centres;
  for (int64_t q = int64_t{blockIdx.x} * kWarpsPerBlock + threadIdx.y;
       q < total; q += int64_t{gridDim.x} * kWarpsPerBlock) {
    const float* cloud = xyz + q / num_centres * num_points * 3;
    const float cx = centres[q * 3];
    const float cy = centres[q * 3 + 1];
    const float cz = centres[q * 3 + 2];
    int32_t* slots = index + q * num_neighbours;
    int64_t found = 0;
    int32_t first_hit = 0;
    for (int64_t begin = 0; begin < num_points && found < num_neighbours;
         begin += kPointsPerRound) {
      bool hit[kPointsPerLane];
#pragma unroll
      for (int j = 0; j < kPointsPerLane; ++j) {
        const int64_t n = begin + j * kWarpSize + lane;
        const float* point = cloud + (n < num_points ? n : 0) * 3;
        hit[j] = n < num_points && SquaredDistance(point[0], point[1], point[2],
                                                   cx, cy, cz) < radius2;
      }
#pragma unroll
      for (int j = 0; j < kPointsPerLane; ++j) {
        const unsigned hits = __ballot_sync(kAllLanes, hit[j]);
        const int32_t n = static_cast<int32_t>(begin) + j * kWarpSize;
        if (found == 0 && hits != 0) first_hit = n + __ffs(hits) - 1;
        const int64_t slot = found + __popc(hits & lanes_before);
        if (hit[j] && slot < num_neighbours) slots[slot] = n + lane;
        found += __popc(hits);
      }
    }
    found = found < num_neighbours ? found : num_neighbours;
    for (int64_t k = found + lane; k < num_neighbours; k += kWarpSize) {
      slots[k] = first_hit;
    }
    if (lane == 0) count[q] = static_cast<int32_t>(found);
  }
}

}  // namespace
}  // namespace ban

extern "C" {

int BanBallQueryCuda(void* stream, const float* xyz, const float* centres,
                     int64_t batch, int64_t num_points, int64_t num_centres,
                     float radius, int64_t num_neighbours, int32_t* index,
                     int32_t* count) {
  const int64_t total = batch * num_centres;
  if (total == 0) return cudaSuccess;
  if (num_points > INT32_MAX) return cudaErrorInvalidValue;
  ban::LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>(
      std::min(ban::CeilDivide(total, ban::kWarpsPerBlock), ban::kMaxGridX)));
  shape.block = dim3(ban::kWarpSize, ban::kWarpsPerBlock);
  return ban::Launch(static_cast<cudaStream_t>(stream), shape, ban::BallQuery,
                     xyz, centres, batch, num_points, num_centres, radius,
                     num_neighbours, index, count);
}

}  // extern "C"
