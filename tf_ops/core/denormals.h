// TensorFlow runs its kernels with denormal numbers flushed to zero.  The point
// ops promise distances and sums as IEEE 754, and NumPy, round them.  No
// TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_DENORMALS_H_
#define BAN_TF_OPS_CORE_DENORMALS_H_

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace ban {

// Keeps denormal numbers on this thread while it lives.
class KeepDenormals {
 public:
  KeepDenormals() : before_(Read()) { Write(before_ & ~kFlush); }
  ~KeepDenormals() { Write(before_); }
  KeepDenormals(const KeepDenormals&) = delete;
  KeepDenormals& operator=(const KeepDenormals&) = delete;

 private:
#if defined(__SSE2__)
  using Word = unsigned int;
  static constexpr Word kFlush = 0x8040;  // of results, of operands
  static Word Read() { return _mm_getcsr(); }
  static void Write(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = uint64_t;
  static constexpr Word kFlush = Word{1} << 24;
  static Word Read() {
    Word word;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void Write(Word word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
  using Word = int;
  static constexpr Word kFlush = 0;
  static Word Read() { return 0; }
  static void Write(Word) {}
#endif

  Word before_;
};

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_DENORMALS_H_
