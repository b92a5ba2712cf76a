// Indices that name points: what every op that reads one checks.
// No TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_INDICES_H_
#define BAN_TF_OPS_CORE_INDICES_H_

#include <cstdint>

namespace ban {

// The position of the first entry of `index[0 .. count)` that is not in
// [0, bound), or -1 when there is none.
int64_t FirstOutOfRange(const int32_t* index, int64_t count, int64_t bound);

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_INDICES_H_
