// Writing outputs that are larger than the caches.  No TensorFlow header is
// included here.
#ifndef BAN_TF_OPS_NATIVE_STREAMING_H_
#define BAN_TF_OPS_NATIVE_STREAMING_H_

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "tf_ops/native/simd.h"

namespace ban {

// From this size on an output is written past the caches: reading its lines
// first only to overwrite them would double the traffic.
constexpr size_t kStreamBytes = size_t{4} << 20;

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

// True if rows of `num_channels` floats at `output` can be streamed: vectors
// must be aligned.
inline bool CanStream(const float* output, int64_t num_rows,
                      int64_t num_channels) {
  constexpr size_t kVectorBytes = simd::kWidth * sizeof(float);
  return num_rows * num_channels * sizeof(float) >= kStreamBytes &&
         num_channels % simd::kWidth == 0 &&
         reinterpret_cast<uintptr_t>(output) % kVectorBytes == 0;
}

// Stores an aligned vector past the caches where kStream, where the machine
// has a way to.
template <bool kStream>
BAN_INLINE void StoreOutput(float* to, simd::Floats x) {
#if defined(__AVX512F__)
  if (kStream) return _mm512_stream_ps(to, (__m512)x);
#elif defined(__AVX2__)
  if (kStream) return _mm256_stream_ps(to, (__m256)x);
#endif
  simd::Store(to, x);
}

// Makes streamed stores visible to other threads.
inline void FinishStreaming() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

}  // namespace ban

#endif  // BAN_TF_OPS_NATIVE_STREAMING_H_
