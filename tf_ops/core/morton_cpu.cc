#include <algorithm>
#include <limits>

#include "tf_ops/core/morton.h"

namespace ban {
namespace {

constexpr int kMaxBits = 10;  // per axis: 30 bits fit a key

// About one point a cell where points fill a volume, more on surfaces.
int BitsPerAxis(int64_t num_points) {
  int bits = 3;
  while (bits < kMaxBits && (int64_t{1} << (3 * bits)) < 4 * num_points) ++bits;
  return bits;
}

// Puts two zero bits between any two bits of a 10-bit number.
constexpr uint32_t Spread(uint32_t v) {
  v = (v | (v << 16)) & 0x030000FF;
  v = (v | (v << 8)) & 0x0300F00F;
  v = (v | (v << 4)) & 0x030C30C3;
  return (v | (v << 2)) & 0x09249249;
}

// Looked up: three of them for every point are half the work otherwise.
struct SpreadTable {
  uint32_t spread[1 << kMaxBits] = {};
  constexpr SpreadTable() {
    for (uint32_t v = 0; v < 1 << kMaxBits; ++v) spread[v] = Spread(v);
  }
};
constexpr SpreadTable kSpreadTable;

struct Entry {
  uint32_t key;
  int32_t index;
};

// One stable pass of a radix sort, by `bits` bits from `shift` on.
void SortByDigit(const std::vector<Entry>& from, int shift, int bits,
                 std::vector<Entry>* to) {
  std::vector<int32_t> start(size_t{1} << bits, 0);
  const uint32_t mask = (1u << bits) - 1;
  for (const Entry& entry : from) ++start[(entry.key >> shift) & mask];
  int32_t sum = 0;
  for (int32_t& count : start) {
    const int32_t here = count;
    count = sum;
    sum += here;
  }
  for (const Entry& entry : from) {
    (*to)[start[(entry.key >> shift) & mask]++] = entry;
  }
}

}  // namespace

Bounds FindBounds(const float* cloud, int64_t num_points) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Bounds bounds = {{kInfinity, kInfinity, kInfinity},
                   {-kInfinity, -kInfinity, -kInfinity},
                   0};
  for (int64_t n = 0; n < num_points; ++n) {
    const float* point = cloud + n * 3;
    if (!IsFinite(point)) continue;
    ++bounds.num_finite;
    for (int axis = 0; axis < 3; ++axis) {
      bounds.low[axis] = std::min(bounds.low[axis], point[axis]);
      bounds.high[axis] = std::max(bounds.high[axis], point[axis]);
    }
  }
  if (bounds.num_finite == 0) return {{0, 0, 0}, {0, 0, 0}, 0};
  return bounds;
}

std::vector<int32_t> MortonOrder(const float* cloud, int64_t num_points,
                                 const Bounds& bounds) {
  const int bits = BitsPerAxis(num_points);
  const float cells = static_cast<float>(1 << bits);
  float longest = 0.0f;
  for (int axis = 0; axis < 3; ++axis) {
    // Halves, so that the widest range does not overflow.
    longest =
        std::max(longest, bounds.high[axis] * 0.5f - bounds.low[axis] * 0.5f);
  }
  // Where everything is one place, or the scale is no number, every key is 0.
  const float per_metre = 0.5f * cells / longest;
  const bool usable =
      longest > 0.0f && per_metre < std::numeric_limits<float>::max();
  std::vector<Entry> entries(bounds.num_finite), sorted(bounds.num_finite);
  size_t num_entries = 0;
  for (int64_t n = 0; n < num_points; ++n) {
    const float* point = cloud + n * 3;
    if (!IsFinite(point)) continue;
    uint32_t key = 0;
    for (int axis = 0; usable && axis < 3; ++axis) {
      const float at = (point[axis] - bounds.low[axis]) * per_metre;
      const auto cell = static_cast<int32_t>(std::min(at, cells - 1.0f));
      key |= kSpreadTable.spread[cell] << axis;
    }
    entries[num_entries++] = {key, static_cast<int32_t>(n)};
  }
  const int low_bits = 3 * bits / 2;
  SortByDigit(entries, 0, low_bits, &sorted);
  SortByDigit(sorted, low_bits, 3 * bits - low_bits, &entries);
  std::vector<int32_t> order(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) order[i] = entries[i].index;
  return order;
}

}  // namespace ban
