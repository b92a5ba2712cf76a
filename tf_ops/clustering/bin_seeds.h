// Where the climbs of mean shift begin.
#ifndef BAN_TF_OPS_CLUSTERING_BIN_SEEDS_H_
#define BAN_TF_OPS_CLUSTERING_BIN_SEEDS_H_

#include <cstdint>
#include <vector>

namespace ban {

// scikit-learn's `get_bin_seeds(points, bandwidth, min_bin_freq=1)`: the
// centres of the occupied cells of a grid whose lines are `bandwidth` apart,
// in the order in which the points meet them; the points themselves if every
// point has a cell of its own.
//   points [N, E]   returns [S, E], S <= N, maybe with infinities (if the
//   quotient of a coordinate and the bandwidth overflows)
std::vector<float> BinSeeds(const float* points, int64_t num_points, int width,
                            double bandwidth);

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_BIN_SEEDS_H_
