// Writing outputs that are larger than the caches.  No TensorFlow header is
// included here.
#ifndef BAN_TF_OPS_CORE_LARGE_OUTPUT_H_
#define BAN_TF_OPS_CORE_LARGE_OUTPUT_H_

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__AVX2__)
#include <cpuid.h>
#endif

#include "tf_ops/core/simd.h"

namespace ban {

// From this size on it matters how an output is written: a processor reads each
// line of it first, only to overwrite it.
constexpr size_t kLargeBytes = size_t{4} << 20;

// How an output is written.
enum class Write {
  kPlain,
  kAhead,   // each line is asked for, as one's own, before it is written
  kStream,  // past the caches, without reading; vectors must be aligned
};

// How far ahead of its writing a line is asked for.
constexpr int64_t kAheadFloats = 512;

#if defined(__AVX2__)
// The size of an AMD processor's third-level cache; 0, so that every large
// output is streamed, where it does not tell.
// (sysconf multiplies it by a count of cores that is wrong in virtual
// machines.)
inline size_t AmdCacheBytes() {
  constexpr unsigned kCacheProperties = 0x8000001d;
  constexpr unsigned kThirdLevel = 3;
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid_count(kCacheProperties, kThirdLevel, &eax, &ebx, &ecx,
                        &edx) == 0 ||
      (eax & 31) == 0) {
    return 0;
  }
  const size_t line_bytes = (ebx & 0xfff) + 1;
  const size_t lines_per_way = ((ebx >> 12) & 0x3ff) + 1;
  const size_t ways = (ebx >> 22) + 1;
  const size_t sets = size_t{ecx} + 1;
  return line_bytes * lines_per_way * ways * sets;
}
#endif

// The fastest way for so many threads to write rows of `num_channels` floats to
// `output`, each of which is made of `rows_read` others.
//
// Measured on one core, rows of 128 floats gathered into 13, 25 and 201 MB.
// Intel Cascade Lake: kAhead takes 1.0, 2.8 and 29 ms, kPlain 1.8, 3.8 and 37
// ms, kStream 2.0, 4.4 and 39 ms, because few streamed lines can be under way
// at a time.  AMD Zen 4, with 32 MiB of third-level cache: kStream takes 0.46,
// 0.90 and 8.2 ms, kPlain 0.31, 1.05 and 10.8 ms, kAhead 0.33, 0.98 and 10.9
// ms; but 13 MB, each row the sum of three, 0.56, 0.63 to 0.92, and 0.63.
// There two cores at once write into the cache twice as fast as one, but stream
// 27 to 50 GB/s together, where one streams 27: 25 MB gathered take them 0.5 to
// 0.9 ms by kStream, 0.6 to 0.7 by kPlain and 0.5 by kAhead.
inline Write FastestWrite(const float* output, int64_t num_rows,
                          int64_t num_channels, int64_t rows_read,
                          int num_threads) {
  const size_t bytes = num_rows * num_channels * sizeof(float);
  if (bytes < kLargeBytes) return Write::kPlain;
#if defined(__AVX2__)
  if (!__builtin_cpu_is("amd")) return Write::kAhead;
  static const size_t cache_bytes = AmdCacheBytes();
  constexpr size_t kVectorBytes = simd::kWidth * sizeof(float);
  if ((bytes >= cache_bytes ||
       bytes * (1 + rows_read) >= cache_bytes * num_threads) &&
      num_channels % simd::kWidth == 0 &&
      reinterpret_cast<uintptr_t>(output) % kVectorBytes == 0) {
    return Write::kStream;
  }
  if (num_threads > 1) return Write::kAhead;
#else
  (void)output;
  (void)rows_read;
  (void)num_threads;
#endif
  return Write::kPlain;
}

// Asks for pages of 2 MiB: for a fresh output of many MB, the first touch of
// each small page costs more than the writing.
inline void AdviseHugePages(void* data, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t kPage = uintptr_t{2} << 20;
  const uintptr_t begin =
      (reinterpret_cast<uintptr_t>(data) + kPage - 1) / kPage * kPage;
  const uintptr_t end =
      (reinterpret_cast<uintptr_t>(data) + bytes) / kPage * kPage;
  if (begin < end) {
    // Advice only: where it is not taken, pages stay small.
    (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  }
#else
  (void)data;
  (void)bytes;
#endif
}

// Stores a vector of an output.
template <Write kWrite>
BAN_INLINE void StoreOutput(float* to, simd::Floats x) {
#if defined(__AVX512F__)
  if (kWrite == Write::kStream) return _mm512_stream_ps(to, (__m512)x);
#elif defined(__AVX2__)
  if (kWrite == Write::kStream) return _mm256_stream_ps(to, (__m256)x);
#endif
  if (kWrite == Write::kAhead) __builtin_prefetch(to + kAheadFloats, 1, 3);
  simd::Store(to, x);
}

// Makes streamed stores visible to other threads.
inline void FinishStreaming() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_LARGE_OUTPUT_H_
