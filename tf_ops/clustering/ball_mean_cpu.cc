#include <cstring>

#include "tf_ops/clustering/ball_mean.h"

namespace ban {
namespace {

// NumPy's pairwise summation of contiguous float32: eight partial sums up to
// 128 values, halves (at a multiple of eight) above.
float PairwiseSum(const float* values, int64_t count) {
  if (count < 8) {
    float sum = -0.0f;
    for (int64_t i = 0; i < count; ++i) sum += values[i];
    return sum;
  }
  if (count > 128) {
    const int64_t half = count / 2 / 8 * 8;
    return PairwiseSum(values, half) + PairwiseSum(values + half, count - half);
  }
  float partial[8];
  std::memcpy(partial, values, sizeof(partial));
  int64_t i = 8;
  for (; i + 8 <= count; i += 8) {
    for (int j = 0; j < 8; ++j) partial[j] += values[i + j];
  }
  float sum = ((partial[0] + partial[1]) + (partial[2] + partial[3])) +
              ((partial[4] + partial[5]) + (partial[6] + partial[7]));
  for (; i < count; ++i) sum += values[i];
  return sum;
}

}  // namespace

BallMean::BallMean(const float* points, const std::vector<int32_t>& order,
                   int width)
    : width_(width),
      row_(width <= 4   ? 4
           : width <= 8 ? 8
                        : 16),
      rows_((order.size() * row_ + kBlock - 1) / kBlock, Sixteen{}) {
  float* row = rows_.data()->lane;
  for (const int32_t index : order) {
    std::memcpy(row, points + index * int64_t{width}, width * sizeof(float));
    row += row_;
  }
}

void BallMean::Mean(const Ball& ball, float* mean) const {
  float sum[16];
  if (width_ == 1) {
    sum[0] = AddColumn(ball);
  } else if (row_ == 4) {
    AddRows<4>(ball, sum);
  } else if (row_ == 8) {
    AddRows<8>(ball, sum);
  } else {
    AddRows<16>(ball, sum);
  }
  const double count = static_cast<double>(ball.count);
  for (int e = 0; e < width_; ++e) {
    mean[e] = static_cast<float>(double{sum[e]} / count);
  }
}

// One addition after the other: the order is the result.
template <int kRow>
void BallMean::AddRows(const Ball& ball, float* sum) const {
  typedef float Row __attribute__((vector_size(4 * kRow)));
  const float* rows = rows_.data()->lane;
  Row total = {};  // +0, as in NumPy: a sum of -0 is +0
  for (const BlockHits& hits : ball.hits) {
    const float* block = rows + hits.block * int64_t{kBlock * kRow};
    Row row;
    if (hits.mask == 0xffffu) {
      for (int i = 0; i < kBlock; ++i) {
        std::memcpy(&row, block + i * kRow, sizeof(row));
        total += row;
      }
      continue;
    }
    for (uint32_t mask = hits.mask; mask != 0; mask &= mask - 1) {
      std::memcpy(&row, block + __builtin_ctz(mask) * kRow, sizeof(row));
      total += row;
    }
  }
  std::memcpy(sum, &total, sizeof(total));
}

float BallMean::AddColumn(const Ball& ball) const {
  const float* rows = rows_.data()->lane;
  std::vector<float> column;
  column.reserve(ball.count);
  for (const BlockHits& hits : ball.hits) {
    for (uint32_t mask = hits.mask; mask != 0; mask &= mask - 1) {
      const int64_t position =
          hits.block * int64_t{kBlock} + __builtin_ctz(mask);
      column.push_back(rows[position * row_]);
    }
  }
  return 0.0f + PairwiseSum(column.data(), column.size());
}

}  // namespace ban
