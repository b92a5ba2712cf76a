#include <algorithm>

#include "tf_ops/native/rows.h"

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

void GatherRowsCpu(Workers* workers, const float* points, const int32_t* index,
                   int64_t batch, int64_t num_points, int64_t num_rows,
                   int64_t num_channels, float* output) {
  ParallelFor(workers, batch * num_rows, 0.2 * num_channels,
              [&](int64_t begin, int64_t end) {
                for (int64_t q = begin; q < end; ++q) {
                  const int64_t row = q / num_rows * num_points + index[q];
                  std::copy_n(points + row * num_channels, num_channels,
                              output + q * num_channels);
                }
              });
}

void GatherRowsGradCpu(Workers* workers, const float* output_grad,
                       const int32_t* index, int64_t batch, int64_t num_points,
                       int64_t num_rows, int64_t num_channels,
                       float* points_grad) {
  ParallelFor(workers, batch, 0.2 * num_rows * num_channels,
              [&](int64_t begin, int64_t end) {
                for (int64_t b = begin; b < end; ++b) {
                  float* rows = points_grad + b * num_points * num_channels;
                  std::fill_n(rows, num_points * num_channels, 0.0f);
                  for (int64_t q = b * num_rows; q < (b + 1) * num_rows; ++q) {
                    const float* grad = output_grad + q * num_channels;
                    float* row = rows + index[q] * num_channels;
                    for (int64_t c = 0; c < num_channels; ++c) {
                      row[c] += grad[c];
                    }
                  }
                }
              });
}

}  // namespace ban
