#include <algorithm>
#include <memory>
#include <vector>

#include "tf_ops/core/denormals.h"
#include "tf_ops/core/simd_masks.h"
#include "tf_ops/grouping/cell_grid.h"
#include "tf_ops/grouping/grouping.h"

namespace ban {
namespace {

using simd::Floats;
using simd::kWidth;

// A cloud as x, y and z one after another, in whole vectors.
class Coordinates {
 public:
  Coordinates(const float* cloud, int64_t num_points)
      : num_points_(num_points),
        stride_((num_points + kWidth - 1) / kWidth * kWidth),
        x_(3 * stride_, 0.0f) {
    for (int64_t n = 0; n < num_points; ++n) {
      for (int axis = 0; axis < 3; ++axis) {
        x_[axis * stride_ + n] = cloud[n * 3 + axis];
      }
    }
  }

  // The first `num_neighbours` rows in the ball into `index`, which has room
  // for a vector more; returns how many.
  int64_t Search(const float* centre, float radius2, int64_t num_neighbours,
                 int32_t* index) const {
    const Floats cx = simd::Broadcast(centre[0]);
    const Floats cy = simd::Broadcast(centre[1]);
    const Floats cz = simd::Broadcast(centre[2]);
    const float* x = x_.data();
    simd::Ints row = simd::Iota();
    int64_t found = 0;
    for (int64_t n = 0; n < num_points_ && found < num_neighbours;
         n += kWidth) {
      const Floats distance = simd::SquaredLength(
          simd::Load(x + n) - cx, simd::Load(x + stride_ + n) - cy,
          simd::Load(x + 2 * stride_ + n) - cz);
      const uint32_t inside =
          simd::BitsLess(distance, simd::Broadcast(radius2)) &
          simd::FirstLanes(num_points_ - n);
      found += simd::Compress(index + found, row, inside);
      row += kWidth;
    }
    return std::min(found, num_neighbours);
  }

 private:
  int64_t num_points_;
  int64_t stride_;
  std::vector<float> x_;
};

// Measured, for the choice between one thread and several.
constexpr double kNsPerGridPoint = 10.0;
constexpr double kNsPerGridQuery = 250.0;

void Pad(int64_t found, int64_t num_neighbours, int32_t* index) {
  const int32_t first = found > 0 ? index[0] : 0;
  std::fill(index + found, index + num_neighbours, first);
}

struct Query {
  const float* xyz;
  const float* centres;
  int64_t num_points;
  int64_t num_centres;
  float radius;
  int64_t num_neighbours;
  int32_t* index;
  int32_t* count;

  // Answers the queries [begin, end), counted over all clouds; `search` is
  // called with the cloud, the centre and the place for the rows.
  template <typename Search>
  void Answer(int64_t begin, int64_t end, const Search& search) const {
    for (int64_t q = begin; q < end; ++q) {
      int32_t* rows = index + q * num_neighbours;
      const int64_t found = search(q / num_centres, centres + q * 3, rows);
      count[q] = static_cast<int32_t>(found);
      Pad(found, num_neighbours, rows);
    }
  }
};

void QueryAllPoints(Workers* workers, const Query& query, int64_t batch) {
  const double ns_per_query = 20.0 + 0.3 * query.num_points;
  const auto answer = [&](int64_t begin, int64_t end) {
    const KeepDenormals scope;
    const float radius2 = query.radius * query.radius;  // perhaps a denormal
    int64_t cloud_now = -1;
    std::vector<int32_t> found(query.num_neighbours + kWidth);
    std::unique_ptr<Coordinates> points;
    query.Answer(
        begin, end, [&](int64_t cloud, const float* centre, int32_t* rows) {
          if (cloud != cloud_now) {
            points.reset(new Coordinates(
                query.xyz + cloud * query.num_points * 3, query.num_points));
            cloud_now = cloud;
          }
          const int64_t count = points->Search(
              centre, radius2, query.num_neighbours, found.data());
          std::copy_n(found.data(), count, rows);
          return count;
        });
  };
  ParallelFor(workers, batch * query.num_centres, ns_per_query, answer);
}

// A grid for each cloud; then all threads share the queries of all clouds.
void QueryFewGrids(Workers* workers, const Query& query, int64_t batch) {
  std::vector<std::unique_ptr<CellGrid>> grids(batch);
  ParallelFor(
      workers, batch, kNsPerGridPoint * query.num_points,
      [&](int64_t begin, int64_t end) {
        const KeepDenormals scope;
        for (int64_t b = begin; b < end; ++b) {
          grids[b].reset(new CellGrid(query.xyz + b * query.num_points * 3,
                                      query.num_points, query.radius));
        }
      });
  ParallelFor(workers, batch * query.num_centres, kNsPerGridQuery,
              [&](int64_t begin, int64_t end) {
                const KeepDenormals scope;
                HitList hits(query.num_points);
                query.Answer(
                    begin, end,
                    [&](int64_t cloud, const float* centre, int32_t* rows) {
                      return grids[cloud]->Search(centre, query.num_neighbours,
                                                  &hits, rows);
                    });
              });
}

// Cloud by cloud: each grid is searched while it is still in the cache.
void QueryManyGrids(Workers* workers, const Query& query, int64_t batch) {
  const double ns_per_cloud =
      kNsPerGridPoint * query.num_points + kNsPerGridQuery * query.num_centres;
  ParallelFor(workers, batch, ns_per_cloud, [&](int64_t begin, int64_t end) {
    const KeepDenormals scope;
    HitList hits(query.num_points);
    for (int64_t b = begin; b < end; ++b) {
      const CellGrid grid(query.xyz + b * query.num_points * 3,
                          query.num_points, query.radius);
      query.Answer(b * query.num_centres, (b + 1) * query.num_centres,
                   [&](int64_t, const float* centre, int32_t* rows) {
                     return grid.Search(centre, query.num_neighbours, &hits,
                                        rows);
                   });
    }
  });
}

}  // namespace

void BallQueryCpu(Workers* workers, const float* xyz, const float* centres,
                  int64_t batch, int64_t num_points, int64_t num_centres,
                  float radius, int64_t num_neighbours, int32_t* index,
                  int32_t* count) {
  const Query query = {xyz,    centres,        num_points, num_centres,
                       radius, num_neighbours, index,      count};
  if (!CellGrid::Helps(num_points)) {
    QueryAllPoints(workers, query, batch);
  } else if (batch < 2 * workers->num_threads()) {
    QueryFewGrids(workers, query, batch);
  } else {
    QueryManyGrids(workers, query, batch);
  }
}

}  // namespace ban
