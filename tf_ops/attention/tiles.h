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
#include <utility>

#include "tf_ops/core/simd.h"

// The same for what is called with vectors or with compile-time constants.
#define BAN_INLINE_LAMBDA __attribute__((always_inline))

namespace ban {
namespace {

// The sums of a tile fill the registers that the vectors of the other factor
// and one broadcast leave: wide and low tiles need fewest loads a multiply-add.
constexpr int kNumSums = simd::kNumRegisters >= 32 ? 24 : 12;
constexpr int kMostVectors = simd::kNumRegisters >= 32 ? 4 : 2;
constexpr int kMostRows = 8;

constexpr int TileRows(int num_vectors) {
  return std::min(kMostRows, kNumSums / num_vectors);
}

// Panels of rows are as wide as a tile that is best for products of which
// nothing is read but the factors.
constexpr int kPanelVectors = simd::kNumRegisters >= 32 ? 3 : 2;
constexpr int kLanes = kPanelVectors * simd::kWidth;

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

// Calls `work` with 0, 1, ... as compile-time constants: vectors in arrays stay
// in registers only where every index is one.
template <int... kIndex, typename Work>
BAN_INLINE void Unroll(std::integer_sequence<int, kIndex...>,
                       const Work& work) {
  (work(std::integral_constant<int, kIndex>{}), ...);
}

template <int kCount, typename Work>
BAN_INLINE void Unroll(const Work& work) {
  Unroll(std::make_integer_sequence<int, kCount>{}, work);
}

// A tile of sums in registers: `kRows` rows of `kVectors` vectors.
template <int kRows, int kVectors>
struct Tile {
  simd::Floats at[kRows][kVectors];

  // Calls `work(r, v)` for each vector.
  template <typename Work>
  static BAN_INLINE void ForEach(const Work& work) {
    Unroll<kRows>([&](auto r) BAN_INLINE_LAMBDA {
      Unroll<kVectors>([&](auto v) BAN_INLINE_LAMBDA { work(r, v); });
    });
  }

  BAN_INLINE void Store(float* to, int64_t step) const {
    ForEach([&](auto r, auto v) BAN_INLINE_LAMBDA {
      simd::Store(to + r * step + v * simd::kWidth, at[r][v]);
    });
  }

  // Asks for what `AddTo` will add to.
  static BAN_INLINE void PrefetchSums(const float* to, int64_t step) {
    ForEach([&](auto r, auto v) BAN_INLINE_LAMBDA {
      __builtin_prefetch(to + r * step + v * simd::kWidth, 1, 3);
    });
  }

  BAN_INLINE void AddTo(float* to, int64_t step) const {
    ForEach([&](auto r, auto v) BAN_INLINE_LAMBDA {
      float* const sum = to + r * step + v * simd::kWidth;
      simd::Store(sum, simd::Load(sum) + at[r][v]);
    });
  }

  // at(row, lane) += the sum over k of a(row, k) * b[k * b_step + lane].
  template <Layout kLayout>
  BAN_INLINE void AddProducts(int64_t num_k, Factor<kLayout> a, const float* b,
                              int64_t b_step) {
    for (int64_t k = 0; k < num_k; ++k) {
      simd::Floats lanes[kVectors];
      Unroll<kVectors>([&](auto v) BAN_INLINE_LAMBDA {
        lanes[v] =
            simd::InRegister(simd::Load(b + k * b_step + v * simd::kWidth));
      });
      Unroll<kRows>([&](auto r) BAN_INLINE_LAMBDA {
        const simd::Floats factor = simd::Broadcast(a.At(r, k));
        Unroll<kVectors>([&](auto v) BAN_INLINE_LAMBDA {
          at[r][v] = simd::MultiplyAdd(factor, lanes[v], at[r][v]);
        });
      });
    }
  }
};

template <int kRows, int kVectors, typename Work>
void ForRest(int64_t num_rows, int64_t row, const Work& work) {
  if constexpr (kRows > 0) {
    if (num_rows == kRows) {
      work(Tile<kRows, kVectors>{}, row);
    } else {
      ForRest<kRows - 1, kVectors>(num_rows, row, work);
    }
  }
}

// Calls `work(tile, row)` with tiles of zeros that cover `num_rows` rows.
template <int kVectors, typename Work>
BAN_INLINE void ForTiles(int64_t num_rows, const Work& work) {
  constexpr int kRows = TileRows(kVectors);
  int64_t row = 0;
  for (; row + kRows <= num_rows; row += kRows) {
    work(Tile<kRows, kVectors>{}, row);
  }
  ForRest<kRows - 1, kVectors>(num_rows - row, row, work);
}

// sums(row, lane) += the sum over k of a(row, k) * b(k, lane) for the lanes of
// `kVectors` vectors.  A tile begins at zero: what it adds to is on its way
// meanwhile, and a sum of sums is rounded less than one long sum.
template <int kVectors, Layout kLayout>
void AddRows(int64_t num_rows, int64_t num_k, Factor<kLayout> a, const float* b,
             int64_t b_step, float* sums, int64_t step) {
  ForTiles<kVectors>(num_rows, [&](auto tile, int64_t row) BAN_INLINE_LAMBDA {
    float* const to = sums + row * step;
    tile.PrefetchSums(to, step);
    tile.AddProducts(num_k, a.From(row), b, b_step);
    tile.AddTo(to, step);
  });
}

// The same for the lanes of `num_vectors` <= kVectors vectors.
template <int kVectors, Layout kLayout>
void AddFewLanes(int64_t num_vectors, int64_t num_rows, int64_t num_k,
                 Factor<kLayout> a, const float* b, int64_t b_step, float* sums,
                 int64_t step) {
  if constexpr (kVectors > 0) {
    if (num_vectors == kVectors) {
      AddRows<kVectors>(num_rows, num_k, a, b, b_step, sums, step);
    } else {
      AddFewLanes<kVectors - 1>(num_vectors, num_rows, num_k, a, b, b_step,
                                sums, step);
    }
  }
}

// The same for `num_lanes` lanes, a multiple of the width of a vector.
template <Layout kLayout>
void AddProducts(int64_t num_rows, int64_t num_k, int64_t num_lanes,
                 Factor<kLayout> a, const float* b, int64_t b_step, float* sums,
                 int64_t step) {
  constexpr int64_t kMostLanes = kMostVectors * simd::kWidth;
  for (int64_t lane = 0; lane < num_lanes; lane += kMostLanes) {
    const int64_t lanes = std::min(kMostLanes, num_lanes - lane);
    AddFewLanes<kMostVectors>(lanes / simd::kWidth, num_rows, num_k, a,
                              b + lane, b_step, sums + lane, step);
  }
}

}  // namespace
}  // namespace ban

#endif  // BAN_TF_OPS_ATTENTION_TILES_H_
