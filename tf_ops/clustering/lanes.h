// Sixteen floats at a time: the unit in which points are stored and compared.
#ifndef BAN_TF_OPS_CLUSTERING_LANES_H_
#define BAN_TF_OPS_CLUSTERING_LANES_H_

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <cstring>

namespace ban {

// Points in a block, and boxes in a group.
constexpr int kBlock = 16;

// One coordinate of every point of a block.
struct alignas(64) Sixteen {
  float lane[kBlock];
};

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
constexpr int kParts = kBlock / kLanes;

// What one register holds; operators work lane by lane (GCC and Clang).
typedef float Lanes __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntLanes __attribute__((vector_size(4 * kLanes)));

inline Lanes Load(const Sixteen& values, int part) {
  Lanes lanes;
  std::memcpy(&lanes, values.lane + part * kLanes, sizeof(lanes));
  return lanes;
}

inline void Store(Lanes lanes, int part, Sixteen* values) {
  std::memcpy(values->lane + part * kLanes, &lanes, sizeof(lanes));
}

inline Lanes Max(Lanes a, Lanes b) { return a > b ? a : b; }
inline Lanes Min(Lanes a, Lanes b) { return a < b ? a : b; }

// Bit i is set where a[i] <= b.
inline uint32_t MaskLessEqual(Lanes a, float b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)a, _mm512_set1_ps(b), _CMP_LE_OQ);
#elif defined(__AVX2__)
  return _mm256_movemask_ps(
      _mm256_cmp_ps((__m256)a, _mm256_set1_ps(b), _CMP_LE_OQ));
#else
  uint32_t mask = 0;
  for (int i = 0; i < kLanes; ++i) mask |= uint32_t{a[i] <= b} << i;
  return mask;
#endif
}

// Squared distances of `kLanes` points of the block `points` [E] to `query`
// [E], in float32 and therefore off by a few units in the last place.
inline Lanes SquaredDistances(const Sixteen* points, const float* query,
                              int width, int part) {
  Lanes sum = {};
  for (int e = 0; e < width; ++e) {
    const Lanes difference = Load(points[e], part) - query[e];
    sum += difference * difference;
  }
  return sum;
}

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_LANES_H_
