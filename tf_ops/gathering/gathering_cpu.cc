#include <algorithm>
#include <cstring>
#include <vector>

#include "tf_ops/core/large_output.h"
#include "tf_ops/core/prefetch.h"
#include "tf_ops/core/scatter.h"
#include "tf_ops/core/simd.h"
#include "tf_ops/gathering/gathering.h"

namespace ban {

namespace {

using simd::kWidth;

// Vectors that are loaded before the first of them is stored.
constexpr int kChunk = 4;

// Vectors of a sum that stay in registers: 64 channels, if there is room.
constexpr int kSumVectors = std::min(64 / kWidth, simd::kNumRegisters / 2);

// How far ahead of its copy a row is asked for: in time to come from memory, or
// from the last cache, to the second, and from there to the first.
constexpr int64_t kFarBytes = 32 << 10;
constexpr int64_t kNearBytes = 4 << 10;

// How far ahead of its use a sum is asked for.
constexpr int64_t kSumsAhead = 8;  // rows

// Rows of a cloud by index.
struct Gather {
  const float* cloud;
  const int32_t* index;
  int64_t num_rows;
  int64_t num_channels;
  float* output;

  const float* Row(int64_t q) const { return cloud + index[q] * num_channels; }
};

// Copies in whole chunks of `kVectors`.
template <Write kWrite, int kVectors>
void CopyChunks(const Gather& gather) {
  const int64_t num_channels = gather.num_channels;
  const int64_t last = gather.num_rows - 1;
  const int64_t rows_far = RowsIn(kFarBytes, num_channels);
  const int64_t rows_near = RowsIn(kNearBytes, num_channels);
  float* to = gather.output;
  for (int64_t q = 0; q <= last; ++q, to += num_channels) {
    const float* const from = gather.Row(q);
    const float* const near = gather.Row(std::min(q + rows_near, last));
    const float* const far = gather.Row(std::min(q + rows_far, last));
    for (int64_t c = 0; c < num_channels; c += kVectors * kWidth) {
      PrefetchFar(far + c, kVectors * kWidth);
      PrefetchNear(near + c, kVectors * kWidth);
      simd::Floats chunk[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        chunk[v] = simd::Load(from + c + v * kWidth);
      }
      for (int v = 0; v < kVectors; ++v) {
        StoreOutput<kWrite>(to + c + v * kWidth, chunk[v]);
      }
    }
  }
}

template <Write kWrite>
void CopyVectors(const Gather& gather) {
  if (gather.num_channels % (2 * kChunk * kWidth) == 0) {
    CopyChunks<kWrite, 2 * kChunk>(gather);
  } else if (gather.num_channels % (kChunk * kWidth) == 0) {
    CopyChunks<kWrite, kChunk>(gather);
  } else {
    CopyChunks<kWrite, 1>(gather);
  }
}

// Copies in whole vectors, of which the last overlaps the one before.
template <Write kWrite>
void CopyWideRows(const Gather& gather) {
  const int64_t tail = gather.num_channels - kWidth;
  float* to = gather.output;
  for (int64_t q = 0; q < gather.num_rows; ++q, to += gather.num_channels) {
    const float* from = gather.Row(q);
    for (int64_t c = 0; c < tail; c += kWidth) {
      StoreOutput<kWrite>(to + c, simd::Load(from + c));
    }
    StoreOutput<kWrite>(to + tail, simd::Load(from + tail));
  }
}

// Copies rows of `kChannels`, or, if it is 0, of any number of channels.
template <int kChannels>
void CopyNarrowRows(const Gather& gather) {
  const int64_t width = kChannels > 0 ? kChannels : gather.num_channels;
  float* to = gather.output;
  for (int64_t q = 0; q < gather.num_rows; ++q, to += width) {
    std::memcpy(to, gather.cloud + gather.index[q] * width,
                width * sizeof(float));
  }
}

using Copy = void (*)(const Gather&);

template <Write kWrite>
Copy ChooseCopy(int64_t num_channels) {
  if (num_channels == 3) return CopyNarrowRows<3>;  // coordinates
  if (num_channels == 6) return CopyNarrowRows<6>;  // and colours
  if (num_channels == 9) return CopyNarrowRows<9>;  // and places in the room
  if (num_channels < kWidth) return CopyNarrowRows<0>;
  if (num_channels % kWidth != 0) return CopyWideRows<kWrite>;
  return CopyVectors<kWrite>;
}

// The fastest way to copy rows of so many channels.
Copy ChooseCopy(int64_t num_channels, Write write) {
  switch (write) {
    case Write::kAhead:
      return ChooseCopy<Write::kAhead>(num_channels);
    case Write::kStream:
      return CopyVectors<Write::kStream>;
    default:
      return ChooseCopy<Write::kPlain>(num_channels);
  }
}

// So many bytes of gradients lie in the second-level cache while they are added
// up, or nearly.
constexpr int64_t kCachedBytes = 1 << 20;

// The gradients of a cloud's rows, and the sums of the rows' points; `width` of
// their channels.
struct Scatter {
  const float* from;
  const int32_t* index;
  int64_t num_rows;
  int64_t num_points;
  int64_t num_channels;
  int64_t width;
  float* sums;

  float* Sum(int64_t q) const { return sums + index[q] * num_channels; }
};

// Adds in whole chunks, one row after the other.
void AddChunks(const Scatter& scatter) {
  constexpr int64_t kStep = kChunk * kWidth;
  const int64_t num_channels = scatter.num_channels;
  const int64_t last = scatter.num_rows - 1;
  const int64_t rows_far = RowsIn(kGradBytes, num_channels);
  for (int64_t q = 0; q <= last; ++q) {
    const float* const from = scatter.from + q * num_channels;
    const float* const far =
        scatter.from + std::min(q + rows_far, last) * num_channels;
    float* const to = scatter.Sum(q);
    const float* const near = scatter.Sum(std::min(q + kSumsAhead, last));
    for (int64_t c = 0; c < scatter.width; c += kStep) {
      PrefetchFar(far + c, kStep);
      PrefetchSum(near + c, kStep);
      simd::Floats sum[kChunk];
      for (int v = 0; v < kChunk; ++v) {
        const int64_t at = c + v * kWidth;
        sum[v] = simd::Load(to + at) + simd::Load(from + at);
      }
      for (int v = 0; v < kChunk; ++v) {
        simd::Store(to + c + v * kWidth, sum[v]);
      }
    }
  }
}

// Adds in whole chunks, one point after the other: each sum is written once.
// The rows of a point lie anywhere, which costs more than it saves unless they
// are in a cache.
void AddPoints(const Scatter& scatter) {
  constexpr int32_t kNone = -1;
  const int64_t num_channels = scatter.num_channels;
  // The rows of each point in ascending order: the first, and the next of each.
  std::vector<int32_t> first(scatter.num_points, kNone);
  std::vector<int32_t> next(scatter.num_rows);
  for (int64_t q = scatter.num_rows; q-- > 0;) {
    int32_t& row = first[scatter.index[q]];
    next[q] = row;
    row = static_cast<int32_t>(q);
  }
  for (int64_t n = 0; n < scatter.num_points; ++n) {
    for (int64_t c = 0; c < scatter.width; c += kSumVectors * kWidth) {
      simd::Floats sum[kSumVectors] = {};
      for (int32_t q = first[n]; q != kNone; q = next[q]) {
        const float* const from = scatter.from + q * num_channels + c;
        for (int v = 0; v < kSumVectors; ++v) {
          sum[v] += simd::Load(from + v * kWidth);
        }
      }
      float* const to = scatter.sums + n * num_channels + c;
      for (int v = 0; v < kSumVectors; ++v) {
        simd::Store(to + v * kWidth, sum[v]);
      }
    }
  }
}

void AddRows(const Scatter& scatter) {
  const float* from = scatter.from;
  for (int64_t q = 0; q < scatter.num_rows; ++q, from += scatter.num_channels) {
    PrefetchSum(scatter.Sum(std::min(q + kSumsAhead, scatter.num_rows - 1)), 1);
    AddRow(
        scatter.Sum(q), scatter.width,
        [&](int64_t c) { return simd::Load(from + c); },
        [&](int64_t c) { return from[c]; });
  }
}

using Add = void (*)(const Scatter&);

// The fastest way to add up so many rows.
Add ChooseAdd(const Scatter& scatter) {
  if (scatter.width % (kChunk * kWidth) != 0) return AddRows;
  const int64_t bytes = scatter.num_rows * scatter.width * sizeof(float);
  const bool by_point = bytes <= kCachedBytes &&
                        scatter.num_rows >= 2 * scatter.num_points &&
                        scatter.width % (kSumVectors * kWidth) == 0;
  return by_point ? AddPoints : AddChunks;
}

}  // namespace

void GatherPointsCpu(Workers* workers, const float* points,
                     const int32_t* index, int64_t batch, int64_t num_points,
                     int64_t num_rows, int64_t num_channels, float* output) {
  const size_t bytes = batch * num_rows * num_channels * sizeof(float);
  if (bytes == 0) return;  // perhaps without an address
  if (bytes >= kLargeBytes) AdviseHugePages(output, bytes);
  const Write write = FastestWrite(output, batch * num_rows, num_channels, 1,
                                   workers->num_threads());
  const Copy copy = ChooseCopy(num_channels, write);
  ParallelFor(
      workers, batch * num_rows, 2.0 + 0.4 * num_channels,
      [&](int64_t begin, int64_t end) {
        ForEachCloud(
            begin, end, num_rows, [&](int64_t b, int64_t first, int64_t last) {
              copy({points + b * num_points * num_channels, index + first,
                    last - first, num_channels, output + first * num_channels});
            });
        if (write == Write::kStream) FinishStreaming();
      });
}

void GatherPointsGradCpu(Workers* workers, const float* output_grad,
                         const int32_t* index, int64_t batch,
                         int64_t num_points, int64_t num_rows,
                         int64_t num_channels, float* points_grad) {
  const auto scatter = [&](int64_t b, int64_t first, int64_t last) {
    const Scatter rows = {
        output_grad + b * num_rows * num_channels + first,
        index + b * num_rows,
        num_rows,
        num_points,
        num_channels,
        last - first,
        points_grad + b * num_points * num_channels + first,
    };
    ChooseAdd(rows)(rows);
  };
  ScatterClouds(workers, batch, num_points, num_channels,
                0.2 * num_rows * num_channels, points_grad, scatter);
}

}  // namespace ban
