// Vectors of floats as wide as the machine that the file is compiled for:
// AVX-512, AVX2, NEON, or four floats of plain C++.  Arithmetic is written with
// the operators of the vector types that GCC and Clang share.
// No TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_SIMD_H_
#define BAN_TF_OPS_CORE_SIMD_H_

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

// `x`, in a register: compilers like to load a vector anew for each use, though
// loads may be what a loop waits for.
BAN_INLINE Floats InRegister(Floats x) {
#if defined(__AVX2__)
  asm("" : "+v"(x));
#elif defined(__aarch64__)
  asm("" : "+w"(x));
#endif
  return x;
}

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

// a < b ? a : b, so `b` where one is NaN.  (The masks of all ones, here and
// below, are instead of plain intrinsics, which make GCC 12 warn.)
BAN_INLINE Floats Least(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return a < b ? a : b;
#endif
}

// a > b ? a : b, so `b` where one is NaN.
BAN_INLINE Floats Greatest(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}

// 2^x within 2.5 units in the last place, for x <= 127; 0 where x < -150, also
// -inf; NaN where x is NaN.  Below -126 bits are lost, or all of them.
BAN_INLINE Floats Exp2(Floats x) {
#if defined(__AVX512DQ__)
  // f = x less the nearest integer: 0 where x is -inf.
  const Floats f = (Floats)_mm512_maskz_reduce_ps(0xffff, (__m512)x, 0);
  const Floats integer = x - f;
#else
  // At -127 the exponent's bits below are zero, and so is the result.
  x = Greatest(Broadcast(-127.0f), x);
  // Adding 1.5 * 2^23 rounds x to an integer, which then stands in the low
  // bits of the sum.
  const Floats magic = Broadcast(12582912.0f);
  const Floats shifted = x + magic;
  const Floats f = x - (shifted - magic);  // in [-1/2, 1/2]
#endif
  // 2^f by the polynomial of least relative error (9.2e-8) that is 1 at 0.
  Floats p = Broadcast(1.326472720e-3f);
  p = MultiplyAdd(p, f, Broadcast(9.671512640e-3f));
  p = MultiplyAdd(p, f, Broadcast(5.550733743e-2f));
  p = MultiplyAdd(p, f, Broadcast(2.402224209e-1f));
  p = MultiplyAdd(p, f, Broadcast(6.931469776e-1f));
  p = MultiplyAdd(p, f, Broadcast(1.0f));
#if defined(__AVX512DQ__)
  return (Floats)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)integer);
#else
  // The integer, moved to where a float has its exponent.
  const Bits power = ((Bits)shifted << 23) + (127u << 23);
  return p * (Floats)power;
#endif
}

}  // namespace simd
}  // namespace ban

#endif  // BAN_TF_OPS_CORE_SIMD_H_
