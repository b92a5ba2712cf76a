#include <algorithm>

#include "tf_ops/native/rows.h"
#include "tf_ops/native/scatter.h"
#include "tf_ops/native/simd.h"
#include "tf_ops/native/streaming.h"

namespace ban {

int64_t FirstOutOfRange(const int32_t* index, int64_t count, int64_t bound) {
  // Whole chunks are tested without a branch; a bad chunk is searched.
  constexpr int64_t kChunk = 1024;
  const uint32_t limit = static_cast<uint32_t>(bound);
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(count, begin + kChunk);
    bool bad = false;
    for (int64_t i = begin; i < end; ++i) {
      bad |= static_cast<uint32_t>(index[i]) >= limit;
    }
    for (int64_t i = begin; bad && i < end; ++i) {
      if (static_cast<uint32_t>(index[i]) >= limit) return i;
    }
  }
  return -1;
}

namespace {

using simd::kWidth;

// Rows ahead whose lines are asked for, so that they are there in time.
constexpr int64_t kPrefetchRows = 8;
constexpr int64_t kCopyPrefetchRows = 4;

// Rows [begin, end) of all clouds, in whole vectors.
template <bool kStream>
void CopyVectors(const float* points, const int32_t* index, int64_t begin,
                 int64_t end, int64_t num_points, int64_t num_rows,
                 int64_t num_channels, float* output) {
  for (int64_t q = begin; q < end; ++q) {
    const int64_t row = q / num_rows * num_points + index[q];
    const float* from = points + row * num_channels;
    float* to = output + q * num_channels;
    const float* later = from;
    if (q + kCopyPrefetchRows < end) {
      const int64_t ahead = q + kCopyPrefetchRows;
      later = points +
              (ahead / num_rows * num_points + index[ahead]) * num_channels;
    }
    for (int64_t c = 0; c < num_channels; c += kWidth) {
      __builtin_prefetch(later + c);
      StoreOutput<kStream>(to + c, simd::Load(from + c));
    }
  }
  if (kStream) FinishStreaming();
}

void CopyRows(const float* points, const int32_t* index, int64_t begin,
              int64_t end, int64_t num_points, int64_t num_rows,
              int64_t num_channels, float* output) {
  for (int64_t q = begin; q < end; ++q) {
    const int64_t row = q / num_rows * num_points + index[q];
    std::copy_n(points + row * num_channels, num_channels,
                output + q * num_channels);
  }
}

}  // namespace

void GatherRowsCpu(Workers* workers, const float* points, const int32_t* index,
                   int64_t batch, int64_t num_points, int64_t num_rows,
                   int64_t num_channels, float* output) {
  const size_t bytes = batch * num_rows * num_channels * sizeof(float);
  if (bytes >= kStreamBytes) AdviseHugePages(output, bytes);
  const auto copy = CanStream(output, batch * num_rows, num_channels)
                        ? CopyVectors<true>
                    : num_channels % kWidth == 0 ? CopyVectors<false>
                                                 : CopyRows;
  ParallelFor(workers, batch * num_rows, 2.0 + 0.4 * num_channels,
              [&](int64_t begin, int64_t end) {
                copy(points, index, begin, end, num_points, num_rows,
                     num_channels, output);
              });
}

void GatherRowsGradCpu(Workers* workers, const float* output_grad,
                       const int32_t* index, int64_t batch, int64_t num_points,
                       int64_t num_rows, int64_t num_channels,
                       float* points_grad) {
  const auto scatter = [&](int64_t b, int64_t first, int64_t last) {
    const int32_t* rows = index + b * num_rows;
    const float* from = output_grad + b * num_rows * num_channels + first;
    float* to = points_grad + b * num_points * num_channels + first;
    for (int64_t q = 0; q < num_rows; ++q, from += num_channels) {
      if (q + kPrefetchRows < num_rows) {
        __builtin_prefetch(to + rows[q + kPrefetchRows] * num_channels, 1);
      }
      AddRow(
          to + rows[q] * num_channels, last - first,
          [&](int64_t c) { return simd::Load(from + c); },
          [&](int64_t c) { return from[c]; });
    }
  };
  ScatterClouds(workers, batch, num_points, num_channels,
                0.2 * num_rows * num_channels, points_grad, scatter);
}

}  // namespace ban
