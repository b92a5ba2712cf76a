// Vectors of floats as wide as the machine that the file is compiled for:
// AVX-512, AVX2, NEON, or four floats of plain C++.  Arithmetic is written with
// the operators of the vector types that GCC and Clang share.
// No TensorFlow header is included here.
#ifndef BAN_TF_OPS_NATIVE_SIMD_H_
#define BAN_TF_OPS_NATIVE_SIMD_H_

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Vectors stay in registers only if the functions they pass through are
// inlined.
#define BAN_INLINE inline __attribute__((always_inline))

namespace ban {
namespace simd {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
constexpr int kNumRegisters = 32;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
constexpr int kNumRegisters = 16;
#elif defined(__aarch64__)
constexpr int kWidth = 4;
constexpr int kNumRegisters = 32;
#else
constexpr int kWidth = 4;
constexpr int kNumRegisters = 16;
#endif

using Floats = float __attribute__((vector_size(kWidth * sizeof(float))));
using Bits = uint32_t __attribute__((vector_size(kWidth * sizeof(uint32_t))));

BAN_INLINE Floats Load(const float* from) {
  Floats x;
  std::memcpy(&x, from, sizeof(x));
  return x;
}

BAN_INLINE void Store(float* to, Floats x) { std::memcpy(to, &x, sizeof(x)); }

BAN_INLINE Floats Broadcast(float x) { return x - Floats{}; }

// a * b + c, rounded once where the machine can.
BAN_INLINE Floats MultiplyAdd(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__) && defined(__FMA__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

// The larger of both; `b` where one is NaN.
BAN_INLINE Floats Max(Floats a, Floats b) {
#if defined(__AVX512F__)
  // Without a mask, GCC 12 warns of a variable inside the intrinsic.
  return (Floats)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}

// Whether a < b in any lane.
BAN_INLINE bool AnyLess(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_LT_OQ)) !=
         0;
#else
  bool any = false;
  for (int lane = 0; lane < kWidth; ++lane) any |= a[lane] < b[lane];
  return any;
#endif
}

// 2^x within 2.5 units in the last place, for x <= 127; 0 where x < -126.5; NaN
// where x is NaN.
BAN_INLINE Floats Exp2(Floats x) {
  // At -127 the exponent's bits below are zero, and so is the result.
  x = Max(Broadcast(-127.0f), x);
  // Adding 1.5 * 2^23 rounds x to an integer, which then stands in the low
  // bits of the sum.
  const Floats magic = Broadcast(12582912.0f);
  const Floats shifted = x + magic;
  const Floats f = x - (shifted - magic);  // in [-1/2, 1/2]
  // 2^f by the polynomial of least relative error (9.2e-8) that is 1 at 0.
  Floats p = Broadcast(1.326472720e-3f);
  p = MultiplyAdd(p, f, Broadcast(9.671512640e-3f));
  p = MultiplyAdd(p, f, Broadcast(5.550733743e-2f));
  p = MultiplyAdd(p, f, Broadcast(2.402224209e-1f));
  p = MultiplyAdd(p, f, Broadcast(6.931469776e-1f));
  p = MultiplyAdd(p, f, Broadcast(1.0f));
  // The integer, moved to where a float has its exponent.
  const Bits power = ((Bits)shifted << 23) + (127u << 23);
  return p * (Floats)power;
}

}  // namespace simd
}  // namespace ban

#endif  // BAN_TF_OPS_NATIVE_SIMD_H_
