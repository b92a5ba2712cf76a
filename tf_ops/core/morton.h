// Points in the order of a Morton curve: neighbours in the order are mostly
// neighbours in space.  No TensorFlow header is included here.
#ifndef BAN_TF_OPS_CORE_MORTON_H_
#define BAN_TF_OPS_CORE_MORTON_H_

#include <cstdint>
#include <vector>

namespace ban {

// All three coordinates are finite.  (x - x is NaN for NaN and infinity.)
inline bool IsFinite(const float* point) {
  return (point[0] - point[0]) + (point[1] - point[1]) +
             (point[2] - point[2]) ==
         0.0f;
}

// The smallest box around the finite points; of no extent when there are none.
struct Bounds {
  float low[3];
  float high[3];
  int64_t num_finite;
};
Bounds FindBounds(const float* cloud, int64_t num_points);

// Lists the indices of the finite points of `cloud` [N, 3] along a Morton
// curve through `bounds`.  Points of one cell of the curve's grid stand in
// ascending order.
std::vector<int32_t> MortonOrder(const float* cloud, int64_t num_points,
                                 const Bounds& bounds);

}  // namespace ban

#endif  // BAN_TF_OPS_CORE_MORTON_H_
