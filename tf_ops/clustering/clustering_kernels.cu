#include "tf_ops/clustering/cuda_mean_shift.h"

namespace ban {
namespace {

// The widths that kernels are compiled for; see `WithCompiledWidth`.
int CompiledWidth(int64_t width) {
  for (const int compiled : {2, 3, 4, 5, 6, 8, 12}) {
    if (width <= compiled) return compiled;
  }
  return kMaxEmbeddingWidth;
}

// Every array is made of 4-byte values.
MeanShiftArrays Split(void* scratch, int64_t batch, int64_t num_points,
                      int64_t width) {
  MeanShiftArrays arrays;
  const int64_t num_slots = batch * num_points;
  arrays.points = static_cast<float*>(scratch);
  arrays.rows = arrays.points + num_slots * CompiledWidth(width);
  arrays.count = reinterpret_cast<int32_t*>(arrays.rows + num_slots * width);
  arrays.weight = arrays.count + num_slots;
  arrays.order = arrays.weight + num_slots;
  arrays.state = reinterpret_cast<BlockState*>(arrays.order + num_slots);
  return arrays;
}

}  // namespace
}  // namespace ban

extern "C" {

size_t BanMeanShiftScratchBytes(int64_t batch, int64_t num_points,
                                int64_t width) {
  const int64_t values = ban::CompiledWidth(width) + width + 3;
  return batch * (num_points * values * 4 + sizeof(ban::BlockState));
}

int BanMeanShiftCuda(void* stream_pointer, const float* embedding,
                     int64_t batch, int64_t num_points, int64_t width,
                     double bandwidth, int64_t bin_seeding,
                     int64_t max_iterations, void* scratch, int32_t* labels,
                     float* centres, int32_t* num_clusters) {
  if (width < 1 || width > ban::kMaxEmbeddingWidth || num_points > INT32_MAX) {
    return cudaErrorInvalidValue;
  }
  const auto stream = static_cast<cudaStream_t>(stream_pointer);
  if (batch == 0) return cudaSuccess;
  if (num_points == 0) {
    return cudaMemsetAsync(num_clusters, 0, batch * sizeof(int32_t), stream);
  }
  const ban::MeanShiftProblem problem = {
      batch,
      num_points,
      static_cast<int>(width),
      ban::CompiledWidth(width),
      {bandwidth, bin_seeding != 0, max_iterations},
      ban::Split(scratch, batch, num_points, width)};
  cudaError_t error = cudaMemsetAsync(problem.arrays.state, 0,
                                      batch * sizeof(ban::BlockState), stream);
  if (error == cudaSuccess) {  // four bytes of ones are a NaN
    error = cudaMemsetAsync(centres, 0xff,
                            batch * num_points * width * sizeof(float), stream);
  }
  if (error == cudaSuccess) {
    error = ban::FindSeedsCuda(stream, problem, embedding);
  }
  if (error == cudaSuccess) error = ban::ClimbCuda(stream, problem);
  if (error == cudaSuccess) {
    error = ban::ChooseCentresCuda(stream, problem, centres, num_clusters);
  }
  if (error != cudaSuccess) return error;
  return ban::LabelCuda(stream, problem, centres, num_clusters, labels);
}

}  // extern "C"
