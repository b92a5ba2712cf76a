#include "tf_ops/core/cuda_rows.h"
#include "tf_ops/gathering/gathering.h"

namespace ban {
namespace {

template <typename Vector>
__global__ void GatherPoints(const Vector* __restrict__ points,
                             const int32_t* __restrict__ index, int64_t batch,
                             int64_t num_points, int64_t num_rows,
                             int64_t num_vectors, Vector* __restrict__ output) {
  const int64_t step = int64_t{gridDim.x} * blockDim.y;
  for (int64_t b = blockIdx.y; b < batch; b += gridDim.y) {
    const Vector* cloud = points + b * num_points * num_vectors;
    for (int64_t q = int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
         q < num_rows; q += step) {
      const int32_t n = index[b * num_rows + q];
      Vector* row = output + (b * num_rows + q) * num_vectors;
      for (int64_t v = threadIdx.x; v < num_vectors; v += blockDim.x) {
        row[v] = ValueOrZero(cloud, n, num_points, num_vectors, v);
      }
    }
  }
}

template <typename Vector>
cudaError_t LaunchGatherPoints(cudaStream_t stream, const float* points,
                               const int32_t* index, int64_t batch,
                               int64_t num_points, int64_t num_rows,
                               int64_t num_channels, float* output) {
  const int64_t num_vectors = num_channels * sizeof(float) / sizeof(Vector);
  const RowLayout layout = LayOutRows(batch, num_rows, num_vectors);
  return Launch(stream, {layout.grid, layout.block}, GatherPoints<Vector>,
                reinterpret_cast<const Vector*>(points), index, batch,
                num_points, num_rows, num_vectors,
                reinterpret_cast<Vector*>(output));
}

}  // namespace
}  // namespace ban

extern "C" {

int BanGatherPointsCuda(void* stream, const float* points, const int32_t* index,
                        int64_t batch, int64_t num_points, int64_t num_rows,
                        int64_t num_channels, float* output) {
  if (batch == 0 || num_rows == 0 || num_channels == 0) return cudaSuccess;
  auto* launch = ban::CanUse16Bytes(num_channels, points, output)
                     ? ban::LaunchGatherPoints<float4>
                     : ban::LaunchGatherPoints<float>;
  return launch(static_cast<cudaStream_t>(stream), points, index, batch,
                num_points, num_rows, num_channels, output);
}

size_t BanGatherPointsGradScratchBytes(int64_t batch, int64_t num_points,
                                       int64_t num_rows) {
  return ban::SumRowsScratchBytes({batch, num_points, num_rows});
}

int BanGatherPointsGradCuda(void* stream, const float* output_grad,
                            const int32_t* index, int64_t batch,
                            int64_t num_points, int64_t num_rows,
                            int64_t num_channels, void* scratch,
                            float* points_grad) {
  return ban::SumRowsCuda(static_cast<cudaStream_t>(stream), output_grad, index,
                          nullptr, {batch, num_points, num_rows}, num_channels,
                          scratch, points_grad);
}

}  // extern "C"
