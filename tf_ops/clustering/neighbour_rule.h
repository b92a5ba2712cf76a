// Which of its two searches scikit-learn uses, and the arithmetic of the
// second.
//
// `NearestNeighbors(algorithm="auto")` searches a KD tree unless the points are
// few or wide; then it forms |q|^2 - 2 q.p + |p|^2 in float64, whose rounding
// differs from that of a sum of squared differences.
#ifndef BAN_TF_OPS_CLUSTERING_NEIGHBOUR_RULE_H_
#define BAN_TF_OPS_CLUSTERING_NEIGHBOUR_RULE_H_

#include <algorithm>
#include <cstdint>

namespace ban {

// `n_neighbors` of a radius search (its default) and of the label search.
constexpr int kRadiusNeighbours = 5;
constexpr int kLabelNeighbours = 1;

inline bool SearchesTree(int64_t num_points, int width, int num_neighbours) {
  return width <= 15 && num_neighbours < num_points / 2;
}

// Products of two float32 are exact in float64, and for fewer than sixteen
// terms every BLAS kernel seen adds them in this order.
inline double DotProduct(const float* a, const float* b, int width) {
  double sum = 0.0;
  for (int e = 0; e < width; ++e) sum += double{a[e]} * double{b[e]};
  return sum;
}

inline double ExpandedSquaredDistance(const float* query, double query_norm,
                                      const float* point, double point_norm,
                                      int width) {
  const double middle = -2.0 * DotProduct(query, point, width);
  return std::max(0.0, (query_norm + middle) + point_norm);
}

// Bound on the relative error of a squared distance of E <= 16 coordinates in
// float32, of either sign; the coordinates' differences are rounded once.
inline float FloatError(int width) {
  constexpr float kHalfUlp = 0x1p-24f;
  return 1.1f * static_cast<float>(width + 4) * kHalfUlp;
}

// Bound on the error of an expanded squared distance, relative to the sum of
// the two squared norms.
constexpr double kExpansionError = 64 * 0x1p-53;

// Squared distances in this range neither overflow nor lose bits in float32.
constexpr double kLeastFloatSquare = 1e-30;
constexpr double kMostFloatSquare = 1e+30;

}  // namespace ban

#endif  // BAN_TF_OPS_CLUSTERING_NEIGHBOUR_RULE_H_
