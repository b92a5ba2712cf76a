// Products of small matrices that stay in registers and first-level cache: what
// attention and its gradient are made of.  No TensorFlow header is included
// here.
//
// A tile keeps one axis of its product on the lanes of vectors and broadcasts
// the other.  Everything is in an unnamed namespace, because every file that
// includes it may be compiled for another machine.
#ifndef BAN_TF_OPS_ATTENTION_TILES_H_
#define BAN_TF_OPS_ATTENTION_TILES_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "tf_ops/native/simd.h"

namespace ban {
namespace {

// A tile is two vectors wide.  Its rows fill the registers that are left by
// the two vectors of the other factor and one broadcast.
constexpr int kLanes = 2 * simd::kWidth;
constexpr int kTileRows = simd::kNumRegisters >= 32 ? 8 : 6;

constexpr int64_t RoundUp(int64_t size, int64_t multiple) {
  return (size + multiple - 1) / multiple * multiple;
}

// Element (row, k) is `data[row * row_step + k * k_step]`.
struct Factor {
  const float* data;
  int64_t row_step;
  int64_t k_step;
};

// sums[row, lane] += the sum over k of a(row, k) * b[k * b_step + lane].
template <int kRows, int kVectors>
BAN_INLINE void MultiplyTile(int64_t num_k, const Factor& a, const float* b,
                             int64_t b_step, float* sums, int64_t sums_step) {
  simd::Floats sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = simd::Load(sums + r * sums_step + v * simd::kWidth);
    }
  }
  for (int64_t k = 0; k < num_k; ++k) {
    simd::Floats lanes[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      lanes[v] = simd::Load(b + k * b_step + v * simd::kWidth);
    }
    for (int r = 0; r < kRows; ++r) {
      const simd::Floats factor =
          simd::Broadcast(a.data[r * a.row_step + k * a.k_step]);
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = simd::MultiplyAdd(factor, lanes[v], sum[r][v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      simd::Store(sums + r * sums_step + v * simd::kWidth, sum[r][v]);
    }
  }
}
