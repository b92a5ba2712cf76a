// Comparisons of vectors as bit masks, and what searching a vector takes.
// Beside simd.h; no TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_SIMD_MASKS_H_
#define BAN_TF_OPS_CORE_SIMD_MASKS_H_

#include <cstdint>
#include <cstring>

#include "tf_ops/core/simd.h"

namespace ban {
namespace simd {

using Ints = int32_t __attribute__((vector_size(kWidth * sizeof(int32_t))));

BAN_INLINE Ints LoadInts(const int32_t* from) {
  Ints x;
  std::memcpy(&x, from, sizeof(x));
  return x;
}

BAN_INLINE void StoreInts(int32_t* to, Ints x) {
  std::memcpy(to, &x, sizeof(x));
}

BAN_INLINE Ints BroadcastInt(int32_t x) { return x - Ints{}; }

// 0, 1, 2, ...
BAN_INLINE Ints Iota() {
  Ints lanes;
  for (int i = 0; i < kWidth; ++i) lanes[i] = i;
  return lanes;
}

#if defined(__AVX512F__)
// A mask as a number.  Through a register by force: when GCC 12 keeps the
// widened mask on the stack, it writes two bytes (kmovw) and reads four.
BAN_INLINE uint32_t MaskBits(__mmask16 mask) {
  uint32_t bits;
  asm("kmovw %1, %0" : "=r"(bits) : "k"(mask));
  return bits;
}
#endif

// One bit per lane, lane 0 lowest.
BAN_INLINE uint32_t LaneBits(Ints condition) {
#if defined(__AVX512F__)
  return MaskBits(
      _mm512_test_epi32_mask((__m512i)condition, (__m512i)condition));
#elif defined(__AVX2__)
  return static_cast<uint32_t>(_mm256_movemask_ps((__m256)condition));
#else
  uint32_t bits = 0;
  for (int i = 0; i < kWidth; ++i) bits |= (condition[i] & 1u) << i;
  return bits;
#endif
}

// a < b lane by lane; false where one is NaN.
BAN_INLINE uint32_t BitsLess(Floats a, Floats b) {
#if defined(__AVX512F__)
  return MaskBits(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ));
#else
  return LaneBits(a < b);
#endif
}

BAN_INLINE uint32_t BitsLessEqual(Floats a, Floats b) {
#if defined(__AVX512F__)
  return MaskBits(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ));
#else
  return LaneBits(a <= b);
#endif
}

BAN_INLINE uint32_t BitsEqual(Floats a, Floats b) {
#if defined(__AVX512F__)
  return MaskBits(_mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ));
#else
  return LaneBits(a == b);
#endif
}

BAN_INLINE uint32_t BitsLessInts(Ints a, Ints b) {
#if defined(__AVX512F__)
  return MaskBits(_mm512_cmp_epi32_mask((__m512i)a, (__m512i)b, _MM_CMPINT_LT));
#else
  return LaneBits(a < b);
#endif
}

// One truth value per lane, in the form that selects fastest.
#if defined(__AVX512F__)
using Mask = __mmask16;
BAN_INLINE Mask Less(Floats a, Floats b) {
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
}
BAN_INLINE Mask Equal(Floats a, Floats b) {
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
}
BAN_INLINE Mask LessInts(Ints a, Ints b) {
  return _mm512_cmp_epi32_mask((__m512i)a, (__m512i)b, _MM_CMPINT_LT);
}
BAN_INLINE bool NoLane(Mask mask) { return mask == 0; }
BAN_INLINE Floats Select(Mask mask, Floats yes, Floats no) {
  return (Floats)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
}
BAN_INLINE Ints Select(Mask mask, Ints yes, Ints no) {
  return (Ints)_mm512_mask_blend_epi32(mask, (__m512i)no, (__m512i)yes);
}
#else
using Mask = Ints;
BAN_INLINE Mask Less(Floats a, Floats b) { return a < b; }
BAN_INLINE Mask Equal(Floats a, Floats b) { return a == b; }
BAN_INLINE Mask LessInts(Ints a, Ints b) { return a < b; }
BAN_INLINE bool NoLane(Mask mask) { return LaneBits(mask) == 0; }
BAN_INLINE Floats Select(Mask mask, Floats yes, Floats no) {
  return mask ? yes : no;
}
BAN_INLINE Ints Select(Mask mask, Ints yes, Ints no) { return mask ? yes : no; }
#endif

// The largest lane; no lane is NaN.
BAN_INLINE float LargestLane(Floats x) {
#if defined(__AVX2__)
#if defined(__AVX512F__)
  const __m512 whole = (__m512)x;
  const __m256 wide = _mm256_max_ps(
      (__m256)_mm512_maskz_extractf64x4_pd(0xf, (__m512d)whole, 0),
      (__m256)_mm512_maskz_extractf64x4_pd(0xf, (__m512d)whole, 1));
#else
  const __m256 wide = (__m256)x;
#endif
  __m128 half =
      _mm_max_ps(_mm256_castps256_ps128(wide), _mm256_extractf128_ps(wide, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
#else
  float largest = x[0];
  for (int i = 1; i < kWidth; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
#endif
}

// The smallest of the lanes whose bit is set in `bits`, or `otherwise`.
BAN_INLINE int32_t SmallestLane(Ints x, uint32_t bits, int32_t otherwise) {
  for (; bits != 0; bits &= bits - 1) {
    const int32_t lane = x[__builtin_ctz(bits)];
    otherwise = lane < otherwise ? lane : otherwise;
  }
  return otherwise;
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// For each mask of eight lanes, the numbers of those that are set, in order.
struct LaneTable {
  uint8_t lanes[256][8] = {};
  constexpr LaneTable() {
    for (int bits = 0; bits < 256; ++bits) {
      int count = 0;
      for (int i = 0; i < 8; ++i) {
        if (bits >> i & 1) lanes[bits][count++] = static_cast<uint8_t>(i);
      }
    }
  }
};
inline constexpr LaneTable kLaneTable;
#endif

// Writes the lanes whose bit is set to `to`, one after another, and returns how
// many.  No branch depends on the bits; up to kWidth values are overwritten.
BAN_INLINE int Compress(int32_t* to, Ints x, uint32_t bits) {
#if defined(__AVX512F__)
  StoreInts(to, (Ints)_mm512_maskz_compress_epi32(static_cast<__mmask16>(bits),
                                                  (__m512i)x));
#elif defined(__AVX2__)
  const __m256i lanes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(
      reinterpret_cast<const __m128i*>(kLaneTable.lanes[bits])));
  StoreInts(to, (Ints)_mm256_permutevar8x32_epi32((__m256i)x, lanes));
#else
  int count = 0;
  for (int i = 0; i < kWidth; ++i) {
    to[count] = x[i];
    count += bits >> i & 1;
  }
#endif
  return __builtin_popcount(bits);
}

// The bits of the first `count` lanes, or of all when there are fewer.
BAN_INLINE uint32_t FirstLanes(int64_t count) {
  const int64_t lanes = count < kWidth ? count : kWidth;
  return static_cast<uint32_t>((uint64_t{1} << lanes) - 1);
}

// Squared distance, every step rounded: dx*dx + dy*dy + dz*dz.
BAN_INLINE Floats SquaredLength(Floats dx, Floats dy, Floats dz) {
  return dx * dx + dy * dy + dz * dz;
}

// How far apart two intervals are, or 0 where they meet.
BAN_INLINE Floats Gap(Floats low_a, Floats high_a, Floats low_b,
                      Floats high_b) {
  return Greatest(Greatest(low_b - high_a, low_a - high_b), Floats{});
}

}  // namespace simd
}  // namespace ban

#endif  // BAN_TF_OPS_CORE_SIMD_MASKS_H_
