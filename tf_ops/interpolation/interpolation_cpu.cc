#include <algorithm>

#include "tf_ops/core/denormals.h"
#include "tf_ops/core/large_output.h"
#include "tf_ops/core/prefetch.h"
#include "tf_ops/core/scatter.h"
#include "tf_ops/core/simd.h"
#include "tf_ops/interpolation/interpolation.h"

namespace ban {
namespace {

using simd::Floats;
using simd::kWidth;

// Three rows of a cloud and their weights.
struct Mixture {
  Mixture(const float* cloud, const int32_t* index, const float* weights,
          int64_t num_channels)
      : p0(cloud + index[0] * num_channels),
        p1(cloud + index[1] * num_channels),
        p2(cloud + index[2] * num_channels),
        w0(weights[0]),
        w1(weights[1]),
        w2(weights[2]) {}

  BAN_INLINE Floats Vector(int64_t c) const {
    return simd::Load(p0 + c) * w0 + simd::Load(p1 + c) * w1 +
           simd::Load(p2 + c) * w2;
  }

  // Asks for the line of each row that begins at channel c.
  BAN_INLINE void Prefetch(int64_t c) const {
    PrefetchNear(p0 + c, kLine);
    PrefetchNear(p1 + c, kLine);
    PrefetchNear(p2 + c, kLine);
  }

  float One(int64_t c) const { return p0[c] * w0 + p1[c] * w1 + p2[c] * w2; }

  const float *p0, *p1, *p2;
  float w0, w1, w2;
};

// The rows [begin, end), counted over all clouds, which lie in one cloud.
template <Write kWrite>
void MixRows(const float* cloud, const int32_t* index, const float* weights,
             int64_t begin, int64_t end, int64_t num_channels, float* output) {
  for (int64_t q = begin; q < end; ++q) {
    const Mixture mixture(cloud, index + q * 3, weights + q * 3, num_channels);
    const int64_t n = std::min(q + 1, end - 1);
    const Mixture next(cloud, index + n * 3, weights + n * 3, num_channels);
    float* to = output + q * num_channels;
    int64_t c = 0;
    for (; c + kLine <= num_channels; c += kLine) {
      next.Prefetch(c);
      for (int64_t v = c; v < c + kLine; v += kWidth) {
        StoreOutput<kWrite>(to + v, mixture.Vector(v));
      }
    }
    for (; c + kWidth <= num_channels; c += kWidth) {
      StoreOutput<kWrite>(to + c, mixture.Vector(c));
    }
    for (; c < num_channels; ++c) to[c] = mixture.One(c);
  }
}

decltype(&MixRows<Write::kPlain>) ChooseMix(Write write) {
  switch (write) {
    case Write::kAhead:
      return MixRows<Write::kAhead>;
    case Write::kStream:
      return MixRows<Write::kStream>;
    default:
      return MixRows<Write::kPlain>;
  }
}

// The gradients of a cloud's queries, and the sums of the points that they go
// to; `width` of their channels.
struct Spread {
  const float* from;
  const int32_t* index;
  const float* weights;
  int64_t num_queries;
  int64_t num_channels;
  int64_t width;
  float* sums;

  float* Sum(int64_t entry) const { return sums + index[entry] * num_channels; }
};

// Vectors of a gradient that are held while they are added to three sums.
constexpr int kChunk = 4;

// Adds in whole chunks.
void AddChunks(const Spread& spread) {
  constexpr int64_t kStep = kChunk * kWidth;
  const int64_t num_channels = spread.num_channels;
  const int64_t last = spread.num_queries - 1;
  const int64_t rows_far = RowsIn(kGradBytes, num_channels);
  for (int64_t q = 0; q <= last; ++q) {
    const float* const from = spread.from + q * num_channels;
    const float* const far =
        spread.from + std::min(q + rows_far, last) * num_channels;
    for (int64_t c = 0; c < spread.width; c += kStep) {
      PrefetchFar(far + c, kStep);
      Floats grad[kChunk];
      for (int v = 0; v < kChunk; ++v) {
        grad[v] = simd::Load(from + c + v * kWidth);
      }
      for (int64_t entry = q * 3; entry < q * 3 + 3; ++entry) {
        const float weight = spread.weights[entry];
        float* const to = spread.Sum(entry) + c;
        for (int v = 0; v < kChunk; ++v) {
          simd::Store(to + v * kWidth,
                      simd::Load(to + v * kWidth) + weight * grad[v]);
        }
      }
    }
  }
}

void AddRows(const Spread& spread) {
  for (int64_t entry = 0; entry < spread.num_queries * 3; ++entry) {
    const float* const from = spread.from + entry / 3 * spread.num_channels;
    const float weight = spread.weights[entry];
    AddRow(
        spread.Sum(entry), spread.width,
        [&](int64_t c) { return weight * simd::Load(from + c); },
        [&](int64_t c) { return weight * from[c]; });
  }
}

}  // namespace

void InterpolateCpu(Workers* workers, const float* points, const int32_t* index,
                    const float* weights, int64_t batch, int64_t num_points,
                    int64_t num_queries, int64_t num_channels, float* output) {
  const size_t bytes = batch * num_queries * num_channels * sizeof(float);
  if (bytes >= kLargeBytes) AdviseHugePages(output, bytes);
  const Write write = FastestWrite(output, batch * num_queries, num_channels, 3,
                                   workers->num_threads());
  const auto mix = ChooseMix(write);
  ParallelFor(workers, batch * num_queries, 5.0 + 0.4 * num_channels,
              [&](int64_t begin, int64_t end) {
                const KeepDenormals scope;
                ForEachCloud(begin, end, num_queries,
                             [&](int64_t b, int64_t first, int64_t last) {
                               mix(points + b * num_points * num_channels,
                                   index, weights, first, last, num_channels,
                                   output);
                             });
                if (write == Write::kStream) FinishStreaming();
              });
}

void InterpolateGradCpu(Workers* workers, const float* output_grad,
                        const int32_t* index, const float* weights,
                        int64_t batch, int64_t num_points, int64_t num_queries,
                        int64_t num_channels, float* points_grad) {
  const auto scatter = [&](int64_t b, int64_t first, int64_t last) {
    const int64_t entry = b * num_queries * 3;
    const Spread spread = {
        output_grad + b * num_queries * num_channels + first,
        index + entry,
        weights + entry,
        num_queries,
        num_channels,
        last - first,
        points_grad + b * num_points * num_channels + first,
    };
    spread.width % (kChunk * kWidth) == 0 ? AddChunks(spread) : AddRows(spread);
  };
  ScatterClouds(workers, batch, num_points, num_channels,
                0.5 * num_queries * num_channels, points_grad, scatter);
}

}  // namespace ban
