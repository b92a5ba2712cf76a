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

// What a multiply-add of a tile takes: 100 GFLOP/s with AVX-512 on one core.
constexpr double kNsPerProduct = 0.02 * 16 / simd::kWidth;

constexpr int64_t CeilDivide(int64_t size, int64_t divisor) {
  return (size + divisor - 1) / divisor;
}

constexpr int64_t RoundUp(int64_t size, int64_t multiple) {
  return CeilDivide(size, multiple) * multiple;
}

// How the factor that is broadcast lies in memory.
enum class Layout { kRows, kColumns };

// A factor a(row, k): `data[row * step + k]` if it lies in rows, and
// `data[k * step + row]` if it lies in columns.
template <Layout kLayout>
struct Factor {
  const float* data;
  int64_t step;

  BAN_INLINE float At(int64_t row, int64_t k) const {
    return kLayout == Layout::kRows ? data[row * step + k]
                                    : data[k * step + row];
  }

  Factor From(int64_t row) const {
    return {data + (kLayout == Layout::kRows ? row * step : row), step};
  }
};

// Rows of vectors.
struct Matrix {
  float* data;
  int64_t step;
};

// sums(row, lane) [+]= the sum over k of a(row, k) * b(k, lane), where the
// lanes are those of `kVectors` vectors.
template <int kRows, int kVectors, bool kAdd, Layout kLayout>
BAN_INLINE void MultiplyTile(int64_t num_k, Factor<kLayout> a, const float* b,
                             int64_t b_step, Matrix sums) {
  simd::Floats sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      const float* from = sums.data + r * sums.step + v * simd::kWidth;
      sum[r][v] = kAdd ? simd::Load(from) : simd::Floats{};
    }
  }
  for (int64_t k = 0; k < num_k; ++k) {
    simd::Floats lanes[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      lanes[v] = simd::Load(b + k * b_step + v * simd::kWidth);
    }
    for (int r = 0; r < kRows; ++r) {
      const simd::Floats factor = simd::Broadcast(a.At(r, k));
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = simd::MultiplyAdd(factor, lanes[v], sum[r][v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      simd::Store(sums.data + r * sums.step + v * simd::kWidth, sum[r][v]);
    }
  }
}

// The last `num_rows` rows, fewer than a tile has.
template <int kRows, int kVectors, bool kAdd, Layout kLayout>
void MultiplyRest(int64_t num_rows, int64_t num_k, Factor<kLayout> a,
                  const float* b, int64_t b_step, Matrix sums) {
  if constexpr (kRows > 0) {
    if (num_rows == kRows) {
      MultiplyTile<kRows, kVectors, kAdd>(num_k, a, b, b_step, sums);
    } else {
      MultiplyRest<kRows - 1, kVectors, kAdd>(num_rows, num_k, a, b, b_step,
                                              sums);
    }
  }
}

// `MultiplyTile` for any number of rows.
template <int kVectors, bool kAdd, Layout kLayout>
void MultiplyRows(int64_t num_rows, int64_t num_k, Factor<kLayout> a,
                  const float* b, int64_t b_step, Matrix sums) {
  int64_t row = 0;
  for (; row + kTileRows <= num_rows; row += kTileRows) {
    MultiplyTile<kTileRows, kVectors, kAdd>(
        num_k, a.From(row), b, b_step,
        {sums.data + row * sums.step, sums.step});
  }
  MultiplyRest<kTileRows - 1, kVectors, kAdd>(
      num_rows - row, num_k, a.From(row), b, b_step,
      {sums.data + row * sums.step, sums.step});
}

// sums(row, lane) += the sum over k of a(row, k) * b(k, lane) for `num_lanes`
// lanes, a multiple of the width of a vector.
template <Layout kLayout>
void MultiplyAdd(int64_t num_rows, int64_t num_k, int64_t num_lanes,
                 Factor<kLayout> a, const float* b, int64_t b_step,
                 Matrix sums) {
  int64_t lane = 0;
  for (; lane + kLanes <= num_lanes; lane += kLanes) {
    MultiplyRows<2, true>(num_rows, num_k, a, b + lane, b_step,
                          {sums.data + lane, sums.step});
  }
  if (lane < num_lanes) {
    MultiplyRows<1, true>(num_rows, num_k, a, b + lane, b_step,
                          {sums.data + lane, sums.step});
  }
}

// Puts `num_rows` rows of [., width] on the lanes: to[k * to_step + row] =
// factor * from[row * width + k].  Lanes up to `num_lanes` become zero.
inline void PackLanes(const float* from, int64_t num_rows, int64_t width,
                      float factor, int64_t num_lanes, float* to,
                      int64_t to_step) {
  for (int64_t k = 0; k < width; ++k) {
    for (int64_t row = 0; row < num_rows; ++row) {
      to[k * to_step + row] = factor * from[row * width + k];
    }
    std::fill(to + k * to_step + num_rows, to + k * to_step + num_lanes, 0.0f);
  }
}

// Copies rows of [., width] and fills each with zeros up to `to_step`.
inline void PackRows(const float* from, int64_t num_rows, int64_t width,
                     float factor, float* to, int64_t to_step) {
  for (int64_t row = 0; row < num_rows; ++row) {
    for (int64_t k = 0; k < width; ++k) {
      to[row * to_step + k] = factor * from[row * width + k];
    }
    std::fill(to + row * to_step + width, to + (row + 1) * to_step, 0.0f);
  }
}

// Memory for the tiles of one thread, handed out in pieces that begin at the
// start of a cache line.
class Scratch {
 public:
  explicit Scratch(std::initializer_list<int64_t> sizes) {
    int64_t total = 0;
    for (const int64_t size : sizes) total += RoundUp(size, kLine);
    floats_.reset(static_cast<float*>(
        ::operator new(total * sizeof(float), std::align_val_t{kLineBytes})));
    next_ = floats_.get();
  }

  float* Take(int64_t size) {
    float* const piece = next_;
    next_ += RoundUp(size, kLine);
    return piece;
  }

 private:
  static constexpr int64_t kLineBytes = 64;
  static constexpr int64_t kLine = kLineBytes / sizeof(float);

  struct Release {
    void operator()(float* floats) const {
      ::operator delete(floats, std::align_val_t{kLineBytes});
    }
  };

  std::unique_ptr<float, Release> floats_;
  float* next_;
};

}  // namespace
}  // namespace ban

#endif  // BAN_TF_OPS_ATTENTION_TILES_H_
