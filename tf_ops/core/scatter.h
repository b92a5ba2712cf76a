// Sums of weighted rows by index, with one writer for each sum: the gradients
// of gathering, grouping and interpolation.  No TensorFlow header is included
// here.
#ifndef BAN_TF_OPS_CORE_SCATTER_H_
#define BAN_TF_OPS_CORE_SCATTER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tf_ops/core/denormals.h"
#include "tf_ops/core/large_output.h"
#include "tf_ops/core/parallel.h"
#include "tf_ops/core/simd.h"

namespace ban {

// Channels that one thread sums at least, where a cloud is split by channels.
constexpr int64_t kMinChannelsPerThread = 16;

// How far ahead of its addition a row of gradients is asked for.
constexpr int64_t kGradBytes = 8 << 10;

// row[c] += term(c), a vector at a time; `term` is called with kWidth channels
// from c on, and `term_one` with the channels that are left over.
template <typename Term, typename TermOne>
BAN_INLINE void AddRow(float* row, int64_t num_channels, const Term& term,
                       const TermOne& term_one) {
  int64_t c = 0;
  for (; c + simd::kWidth <= num_channels; c += simd::kWidth) {
    simd::Store(row + c, simd::Load(row + c) + term(c));
  }
  for (; c < num_channels; ++c) row[c] += term_one(c);
}

// Calls `scatter(b, first, last)` so that every channel of every cloud of
// `sums` [B, N, C] is in exactly one call, after setting it to 0.  A call sums
// the channels [first, last) of cloud b, in the order of its rows: so the
// result does not depend on how the work is split.
template <typename Scatter>
void ScatterClouds(Workers* workers, int64_t batch, int64_t num_points,
                   int64_t num_channels, double ns_per_cloud, float* sums,
                   const Scatter& scatter) {
  const size_t bytes = batch * num_points * num_channels * sizeof(float);
  if (bytes >= kLargeBytes) AdviseHugePages(sums, bytes);
  // With fewer clouds than threads want, clouds are split by channels.
  const int64_t wanted = workers->num_threads() * kBlocksPerThread;
  const int64_t most =
      std::max<int64_t>(1, num_channels / kMinChannelsPerThread);
  const int64_t slices =
      workers->num_threads() == 1 || batch == 0
          ? 1
          : std::min(most, std::max<int64_t>(1, wanted / batch));
  const int64_t width = (num_channels + slices - 1) / slices;
  ParallelFor(workers, batch * slices, ns_per_cloud / slices,
              [&](int64_t begin, int64_t end) {
                const KeepDenormals scope;
                for (int64_t part = begin; part < end; ++part) {
                  const int64_t b = part / slices;
                  const int64_t first =
                      std::min(num_channels, part % slices * width);
                  const int64_t last = std::min(num_channels, first + width);
                  float* cloud = sums + b * num_points * num_channels;
                  for (int64_t n = 0; n < num_points && first < last; ++n) {
                    std::memset(cloud + n * num_channels + first, 0,
                                (last - first) * sizeof(float));
                  }
                  scatter(b, first, last);
                }
              });
}

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_SCATTER_H_
