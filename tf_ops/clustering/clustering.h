// Mean shift: the contract that the CPU loops and the CUDA launcher share.  No
// TensorFlow header is included here.
#ifndef BAN_TF_OPS_CLUSTERING_CLUSTERING_H_
#define BAN_TF_OPS_CLUSTERING_CLUSTERING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tf_ops/core/parallel.h"

namespace ban {

// Embeddings are at most this wide.
constexpr int kMaxEmbeddingWidth = 16;

struct MeanShiftOptions {
  double bandwidth;        // > 0, also as a float32
  bool bin_seeding;        // start from a grid's cells, not from every point
  int64_t max_iterations;  // >= 0; a seed moves once more than that, at most
};

enum class MeanShiftFault {
  kNone,
  kNotFinite,  // a point has a NaN or an infinity
  kOverflow,   // a sum, or a coordinate over the bandwidth, leaves float32
  kNoCentre,   // the bandwidth is lost in the rounding of the coordinates
};

struct MeanShiftStatus {
  MeanShiftFault fault = MeanShiftFault::kNone;
  int64_t block = 0;  // the first block with a fault
  int64_t point = 0;  // its first point with kNotFinite
};

// Clusters every block with a flat kernel, as `MeanShift(bandwidth,
// bin_seeding=..., max_iter=...)` of scikit-learn 1.9 does:
//   - seeds: the centres of the occupied cells of a grid as wide as the
//     bandwidth, in order of their first point; or the points
//   - every seed moves to the mean of the points at most a bandwidth away,
//     until it moves by at most bandwidth / 1000 or runs out of iterations
//   - of the ends, densest first (ties: the larger coordinates first), one is
//     kept if no kept one is within a bandwidth
//   - every point takes the label of the nearest kept end
// Where scikit-learn gives up, because no seed of the grid has a point within a
// bandwidth, the points are the seeds.
//
//   embedding  [B, N, E]  1 <= E <= kMaxEmbeddingWidth
//   labels     [B, N]     output, in [0, K_b); label 0 has the densest centre
//   centres    B times [K_b, E], output; K_b = 0 if N = 0
//
// Labels are scikit-learn's, and centres to the last bit, where its wheels for
// x86-64 Linux run (float64 distances, float32 sums in the order of its KD
// tree).  They do not depend on the number of threads.
MeanShiftStatus MeanShiftCpu(Workers* workers, const float* embedding,
                             int64_t batch, int64_t num_points, int width,
                             const MeanShiftOptions& options, int32_t* labels,
                             std::vector<std::vector<float>>* centres);

}  // namespace ban

// CUDA launcher with a plain C interface.  All pointers are device memory; the
// work is queued on `stream` (a cudaStream_t); the result is a cudaError_t.
extern "C" {

// As `MeanShiftCpu`, but
//   - centres [B, N, E] has room for as many clusters as points and ends in NaN
//     rows, and num_clusters [B] is an output: shapes must not depend on values
//   - a ball's sum is added up in an order of its own, so labels are
//     scikit-learn's unless these hang on how a tie is rounded; equally near
//     centres give the lower label
//   - a block with a fault has label -1 everywhere and num_clusters -1 (a
//     kernel cannot raise without stopping the stream)
// Results do not depend on the schedule or the GPU.
//   bandwidth  > 0, also as a float32     max_iterations >= 0
size_t BanMeanShiftScratchBytes(int64_t batch, int64_t num_points,
                                int64_t width);
int BanMeanShiftCuda(void* stream, const float* embedding, int64_t batch,
                     int64_t num_points, int64_t width, double bandwidth,
                     int64_t bin_seeding, int64_t max_iterations, void* scratch,
                     int32_t* labels, float* centres, int32_t* num_clusters);

}  // extern "C"

#endif  // BAN_TF_OPS_CLUSTERING_CLUSTERING_H_
