#include <algorithm>
#include <cmath>

#include "tf_ops/core/cuda_rows.h"
#include "tf_ops/interpolation/interpolation.h"

namespace ban {
namespace {

// ---- Three nearest --------------------------------------------------------

constexpr int kQueries = 128;  // threads of a block, one query each
constexpr int kTile = 512;     // references in shared memory at a time

struct Nearest {
  float distance[3] = {INFINITY, INFINITY, INFINITY};
  int32_t index[3] = {-1, -1, -1};

  // NaN and infinity are never nearer than what is there.
  __device__ __forceinline__ void Offer(float offered, int32_t m) {
    if (!(offered < distance[2])) return;
    const bool first = offered < distance[0];
    const bool second = offered < distance[1];
    distance[2] = second ? distance[1] : offered;
    index[2] = second ? index[1] : m;
    distance[1] = first ? distance[0] : second ? offered : distance[1];
    index[1] = first ? index[0] : second ? m : index[1];
    distance[0] = first ? offered : distance[0];
    index[0] = first ? m : index[0];
  }

  // Gives slots without a reference at finite distance the lowest indices that
  // are not taken.
  __device__ __forceinline__ void FillUp() {
    int32_t next = 0;
    for (int s = 0; s < 3; ++s) {
      if (index[s] >= 0) continue;
      while (next == index[0] || next == index[1] || next == index[2]) ++next;
      index[s] = next;
    }
  }
};

// A block holds a tile of references in shared memory, where all its threads
// read the same one at the same time.
__global__ void __launch_bounds__(kQueries)
    ThreeNearest(const float* __restrict__ query,
                 const float* __restrict__ reference, int64_t batch,
                 int64_t num_queries, int32_t num_references,
                 float* __restrict__ squared_distance,
                 int32_t* __restrict__ index) {
  float4* tile = DynamicShared<float4>();
  const int64_t n = int64_t{blockIdx.x} * kQueries + threadIdx.x;
  for (int64_t b = blockIdx.y; b < batch; b += gridDim.y) {
    const float* cloud = reference + b * num_references * 3;
    const int64_t q = b * num_queries + (n < num_queries ? n : 0);
    const float qx = query[q * 3];
    const float qy = query[q * 3 + 1];
    const float qz = query[q * 3 + 2];
    Nearest nearest;
    for (int32_t begin = 0; begin < num_references; begin += kTile) {
      const int32_t size = min(kTile, num_references - begin);
      __syncthreads();  // every thread has read the tile before
      for (int32_t i = threadIdx.x; i < size; i += kQueries) {
        const float* point = cloud + (int64_t{begin} + i) * 3;
        tile[i] = make_float4(point[0], point[1], point[2], 0.0f);
      }
      __syncthreads();
#pragma unroll 8
      for (int32_t i = 0; i < size; ++i) {
        const float4 point = tile[i];
        nearest.Offer(SquaredDistance(point.x, point.y, point.z, qx, qy, qz),
                      begin + i);
      }
    }
    if (n >= num_queries) continue;
    nearest.FillUp();
    for (int s = 0; s < 3; ++s) {
      squared_distance[q * 3 + s] = nearest.distance[s];
      index[q * 3 + s] = nearest.index[s];
    }
  }
}

// ---- Interpolation --------------------------------------------------------

template <typename Vector>
__global__ void Interpolate(const Vector* __restrict__ points,
                            const int32_t* __restrict__ index,
                            const float* __restrict__ weights, int64_t batch,
                            int64_t num_points, int64_t num_queries,
                            int64_t num_vectors, Vector* __restrict__ output) {
  const int64_t step = int64_t{gridDim.x} * blockDim.y;
  for (int64_t b = blockIdx.y; b < batch; b += gridDim.y) {
    const Vector* cloud = points + b * num_points * num_vectors;
    for (int64_t n = int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
         n < num_queries; n += step) {
      const int64_t q = b * num_queries + n;
      int32_t at[3];
      float weight[3];
#pragma unroll
      for (int k = 0; k < 3; ++k) {
        at[k] = index[q * 3 + k];
        weight[k] = weights[q * 3 + k];
      }
      for (int64_t v = threadIdx.x; v < num_vectors; v += blockDim.x) {
        Vector part[3];
#pragma unroll
        for (int k = 0; k < 3; ++k) {
          part[k] = Times(ValueOrZero(cloud, at[k], num_points, num_vectors, v),
                          weight[k]);
        }
        output[q * num_vectors + v] = Plus(Plus(part[0], part[1]), part[2]);
      }
    }
  }
}

template <typename Vector>
cudaError_t LaunchInterpolate(cudaStream_t stream, const float* points,
                              const int32_t* index, const float* weights,
                              int64_t batch, int64_t num_points,
                              int64_t num_queries, int64_t num_channels,
                              float* output) {
  const int64_t num_vectors = num_channels * sizeof(float) / sizeof(Vector);
  const RowLayout layout = LayOutRows(batch, num_queries, num_vectors);
  return Launch(stream, {layout.grid, layout.block}, Interpolate<Vector>,
                reinterpret_cast<const Vector*>(points), index, weights, batch,
                num_points, num_queries, num_vectors,
                reinterpret_cast<Vector*>(output));
}

}  // namespace
}  // namespace ban

extern "C" {

int BanThreeNearestCuda(void* stream, const float* query,
                        const float* reference, int64_t batch,
                        int64_t num_queries, int64_t num_references,
                        float* squared_distance, int32_t* index) {
  if (batch == 0 || num_queries == 0) return cudaSuccess;
  // The indices of the last tile must fit into 32 bits.
  if (num_references < 3 || num_references > INT32_MAX - ban::kTile) {
    return cudaErrorInvalidValue;
  }
  ban::LaunchShape shape;
  shape.grid =
      dim3(static_cast<unsigned>(ban::CeilDivide(num_queries, ban::kQueries)),
           static_cast<unsigned>(std::min(batch, ban::kMaxGridY)));
  shape.block = dim3(ban::kQueries);
  shape.shared_bytes = ban::kTile * sizeof(float4);
  return ban::Launch(static_cast<cudaStream_t>(stream), shape,
                     ban::ThreeNearest, query, reference, batch, num_queries,
                     num_references, squared_distance, index);
}

int BanInterpolateCuda(void* stream, const float* points, const int32_t* index,
                       const float* weights, int64_t batch, int64_t num_points,
                       int64_t num_queries, int64_t num_channels,
                       float* output) {
  if (batch == 0 || num_queries == 0 || num_channels == 0) return cudaSuccess;
  auto* launch = ban::CanUse16Bytes(num_channels, points, output)
                     ? ban::LaunchInterpolate<float4>
                     : ban::LaunchInterpolate<float>;
  return launch(static_cast<cudaStream_t>(stream), points, index, weights,
                batch, num_points, num_queries, num_channels, output);
}

size_t BanInterpolateGradScratchBytes(int64_t batch, int64_t num_points,
                                      int64_t num_queries) {
  return ban::SumRowsScratchBytes({batch, num_points, num_queries * 3, 3});
}

int BanInterpolateGradCuda(void* stream, const float* output_grad,
                           const int32_t* index, const float* weights,
                           int64_t batch, int64_t num_points,
                           int64_t num_queries, int64_t num_channels,
                           void* scratch, float* points_grad) {
  return ban::SumRowsCuda(static_cast<cudaStream_t>(stream), output_grad, index,
                          weights, {batch, num_points, num_queries * 3, 3},
                          num_channels, scratch, points_grad);
}

}  // extern "C"
