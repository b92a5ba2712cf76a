#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "tf_ops/core/denormals.h"
#include "tf_ops/core/morton.h"
#include "tf_ops/interpolation/interpolation.h"
#include "tf_ops/interpolation/neighbour_search.h"

namespace ban {
namespace {

using simd::kWidth;

// One cloud: its queries, its references and where the results go.
struct Cloud {
  const float* query;
  const float* reference;
  int64_t num_references;
  float* squared_distance;
  int32_t* index;
};

// The contract to the letter, for the few queries that have not found three
// references at a finite distance: NaN counts as +inf, and +inf is a distance.
void SearchOne(const Cloud& cloud, int64_t row) {
  const float* at = cloud.query + row * 3;
  float* d = cloud.squared_distance + row * 3;
  int32_t* where = cloud.index + row * 3;
  int found = 0;
  for (int64_t m = 0; m < cloud.num_references; ++m) {
    const float* point = cloud.reference + m * 3;
    const float dx = point[0] - at[0];
    const float dy = point[1] - at[1];
    const float dz = point[2] - at[2];
    float distance = dx * dx + dy * dy + dz * dz;
    if (std::isnan(distance)) distance = std::numeric_limits<float>::infinity();
    int slot = found;
    while (slot > 0 && distance < d[slot - 1]) --slot;
    if (slot == 3) continue;
    found = std::min(found + 1, 3);
    for (int s = found - 1; s > slot; --s) {
      d[s] = d[s - 1];
      where[s] = where[s - 1];
    }
    d[slot] = distance;
    where[slot] = static_cast<int32_t>(m);
  }
}

void WriteVector(const ThreeNearest& nearest, const Cloud& cloud,
                 const int32_t* rows, int64_t count) {
  uint32_t missing =
      nearest.Write(rows, count, cloud.squared_distance, cloud.index);
  for (; missing != 0; missing &= missing - 1) {
    SearchOne(cloud, rows[__builtin_ctz(missing)]);
  }
}

// Offers every reference to the queries [begin, end).
void SearchAll(const Cloud& cloud, int64_t begin, int64_t end) {
  int32_t rows[kWidth];
  for (int64_t n = begin; n < end; n += kWidth) {
    const int64_t count = std::min<int64_t>(kWidth, end - n);
    std::iota(rows, rows + count, static_cast<int32_t>(n));
    ThreeNearest nearest(cloud.query, rows, count);
    for (int64_t m = 0; m < cloud.num_references; ++m) {
      nearest.Offer<true>(cloud.reference + m * 3, static_cast<int32_t>(m));
    }
    WriteVector(nearest, cloud, rows, count);
  }
}

// The places [begin, end) in the search's order of the queries.
void SearchBoxes(const Cloud& cloud, const NeighbourSearch& search,
                 int64_t begin, int64_t end) {
  const std::vector<int32_t>& order = search.query_order();
  end = std::min<int64_t>(end, order.size());
  std::vector<float> bounds;
  for (int64_t n = begin; n < end; n += kWidth) {
    const int64_t count = std::min<int64_t>(kWidth, end - n);
    ThreeNearest nearest(cloud.query, order.data() + n, count);
    search.Search(&nearest, &bounds);
    WriteVector(nearest, cloud, order.data() + n, count);
  }
}

}  // namespace

void ThreeNearestCpu(Workers* workers, const float* query,
                     const float* reference, int64_t batch, int64_t num_queries,
                     int64_t num_references, float* squared_distance,
                     int32_t* index) {
  const auto cloud = [&](int64_t b) -> Cloud {
    const int64_t place = b * num_queries * 3;
    return {query + place, reference + b * num_references * 3, num_references,
            squared_distance + place, index + place};
  };
  const bool boxes = NeighbourSearch::Helps(num_references);
  std::vector<std::unique_ptr<NeighbourSearch>> searches(boxes ? batch : 0);
  const double ns_to_sort = 15.0 * (num_queries + num_references);
  ParallelFor(workers, searches.size(), ns_to_sort,
              [&](int64_t begin, int64_t end) {
                const KeepDenormals scope;
                for (int64_t b = begin; b < end; ++b) {
                  const Cloud here = cloud(b);
                  searches[b].reset(new NeighbourSearch(
                      here.query, num_queries, here.reference, num_references));
                  for (int64_t n = 0; n < num_queries; ++n) {
                    if (!IsFinite(here.query + n * 3)) SearchOne(here, n);
                  }
                }
              });
  const double ns_per_query = boxes ? 60.0 : 5.0 + 0.3 * num_references;
  const int64_t per_cloud = (num_queries + kWidth - 1) / kWidth;
  ParallelFor(workers, batch * per_cloud, ns_per_query * kWidth,
              [&](int64_t begin, int64_t end) {
                const KeepDenormals scope;
                while (begin < end) {
                  const int64_t b = begin / per_cloud;
                  const int64_t stop = std::min(end, (b + 1) * per_cloud);
                  const int64_t first = (begin - b * per_cloud) * kWidth;
                  const int64_t last =
                      std::min(num_queries, (stop - b * per_cloud) * kWidth);
                  if (boxes) {
                    SearchBoxes(cloud(b), *searches[b], first, last);
                  } else {
                    SearchAll(cloud(b), first, last);
                  }
                  begin = stop;
                }
              });
}

}  // namespace ban
