#include <algorithm>

#include "tf_ops/core/indices.h"

namespace ban {

int64_t FirstOutOfRange(const int32_t* index, int64_t count, int64_t bound) {
  // The highest of a whole chunk is found without a branch, negative indices
  // being the highest of all; a bad chunk is searched.
  constexpr int64_t kChunk = 1024;
  const uint32_t limit = static_cast<uint32_t>(bound);
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(count, begin + kChunk);
    uint32_t highest = 0;
    for (int64_t i = begin; i < end; ++i) {
      highest = std::max(highest, static_cast<uint32_t>(index[i]));
    }
    for (int64_t i = begin; highest >= limit && i < end; ++i) {
      if (static_cast<uint32_t>(index[i]) >= limit) return i;
    }
  }
  return -1;
}

}  // namespace ban
