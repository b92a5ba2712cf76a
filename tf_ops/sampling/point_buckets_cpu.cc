#include <algorithm>
#include <limits>

#include "tf_ops/core/morton.h"
#include "tf_ops/sampling/point_buckets.h"

namespace ban {
namespace {

using simd::Floats;
using simd::kWidth;

// Points in a bucket: smaller ones are reached less often, but there are more
// of them to test.
constexpr int64_t kBucketSize = 32;
constexpr int32_t kNone = std::numeric_limits<int32_t>::max();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int64_t CountBuckets(int64_t num_points) {
  return RoundUp(num_points, kBucketSize) / kBucketSize;
}

// first, first + 1, ...
BAN_INLINE simd::Ints LanesFrom(int64_t first) {
  return simd::BroadcastInt(static_cast<int32_t>(first)) + simd::Iota();
}

}  // namespace

BoxArray::BoxArray(int64_t num_boxes)
    : size_(RoundUp(num_boxes, kWidth)),
      sides_(6 * size_, 0.0f),
      largest_(size_, -1.0f) {}

void BoxArray::Set(int64_t box, const float* low, const float* high) {
  for (int axis = 0; axis < 3; ++axis) {
    sides_[2 * axis * size_ + box] = low[axis];
    sides_[(2 * axis + 1) * size_ + box] = high[axis];
  }
  largest_[box] = kInfinity;
}

void BoxArray::Extend(int64_t box, const float* low, const float* high) {
  if (largest_[box] < 0) return Set(box, low, high);
  for (int axis = 0; axis < 3; ++axis) {
    float& lowest = sides_[2 * axis * size_ + box];
    float& highest = sides_[(2 * axis + 1) * size_ + box];
    lowest = std::min(lowest, low[axis]);
    highest = std::max(highest, high[axis]);
  }
}

PointBuckets::PointBuckets(const float* cloud, int64_t num_points)
    : num_buckets_(CountBuckets(num_points)),
      buckets_(num_buckets_),
      groups_(buckets_.size() / kWidth),
      points_(num_buckets_ * kBucketSize * 4, 0.0f),
      index_(num_buckets_ * kBucketSize, kNone),
      farthest_(buckets_.size(), -1),
      reached_groups_(groups_.size() + kWidth),
      reached_buckets_(buckets_.size() + kWidth) {
  const Bounds bounds = FindBounds(cloud, num_points);
  const std::vector<int32_t> order = MortonOrder(cloud, num_points, bounds);
  const int64_t num_finite = bounds.num_finite;
  for (int64_t bucket = 0; bucket < num_buckets_; ++bucket) {
    const int64_t begin = std::min(bucket * kBucketSize, num_finite);
    const int64_t end = std::min(begin + kBucketSize, num_finite);
    FillBucket(cloud, bucket, begin, end, order.data());
  }
}

// Slots that are left over keep a distance of -1, which no pick changes.
void PointBuckets::FillBucket(const float* cloud, int64_t bucket, int64_t begin,
                              int64_t end, const int32_t* order) {
  float* x = points_.data() + bucket * kBucketSize * 4;
  float low[3] = {kInfinity, kInfinity, kInfinity};
  float high[3] = {-kInfinity, -kInfinity, -kInfinity};
  std::fill_n(x + 3 * kBucketSize, kBucketSize, -1.0f);
  for (int64_t n = begin; n < end; ++n) {
    const int64_t slot = n - begin;
    const float* point = cloud + static_cast<int64_t>(order[n]) * 3;
    index_[bucket * kBucketSize + slot] = order[n];
    for (int axis = 0; axis < 3; ++axis) {
      x[axis * kBucketSize + slot] = point[axis];
      low[axis] = std::min(low[axis], point[axis]);
      high[axis] = std::max(high[axis], point[axis]);
    }
    x[3 * kBucketSize + slot] = kInfinity;
  }
  if (begin == end) return;
  buckets_.Set(bucket, low, high);
  groups_.Extend(bucket / kWidth, low, high);
}

BAN_INLINE float PointBuckets::UpdateBucket(int64_t bucket, Floats x, Floats y,
                                            Floats z) {
  float* points = points_.data() + bucket * kBucketSize * 4;
  Floats largest = simd::Broadcast(-1.0f);
  for (int64_t n = 0; n < kBucketSize; n += kWidth) {
    float* at = points + n;
    const Floats distance = simd::SquaredLength(
        simd::Load(at) - x, simd::Load(at + kBucketSize) - y,
        simd::Load(at + 2 * kBucketSize) - z);
    const Floats nearest =
        simd::Least(distance, simd::Load(at + 3 * kBucketSize));
    simd::Store(at + 3 * kBucketSize, nearest);
    largest = simd::Greatest(nearest, largest);
  }
  return simd::LargestLane(largest);
}

// First all buckets that are reached, then their points: one loop over a list
// of ten is foreseen better by the processor than a loop of few in each group.
void PointBuckets::Update(Floats x, Floats y, Floats z) {
  int32_t* const groups = reached_groups_.data();
  int64_t num_groups = 0;
  for (int64_t first = 0; first < groups_.size(); first += kWidth) {
    num_groups += simd::Compress(groups + num_groups, LanesFrom(first),
                                 groups_.Reached(first, x, y, z));
  }
  int32_t* const buckets = reached_buckets_.data();
  int64_t num_buckets = 0;
  for (int64_t g = 0; g < num_groups; ++g) {
    const int64_t first = groups[g] * kWidth;
    num_buckets += simd::Compress(buckets + num_buckets, LanesFrom(first),
                                  buckets_.Reached(first, x, y, z));
  }
  float* const largest = buckets_.largest();
  for (int64_t b = 0; b < num_buckets; ++b) {
    largest[buckets[b]] = UpdateBucket(buckets[b], x, y, z);
    farthest_[buckets[b]] = -1;
  }
  for (int64_t g = 0; g < num_groups; ++g) {
    groups_.largest()[groups[g]] =
        simd::LargestLane(simd::Load(largest + groups[g] * kWidth));
  }
}

int32_t PointBuckets::FindInBucket(int64_t bucket, float distance) const {
  const float* nearest =
      points_.data() + bucket * kBucketSize * 4 + 3 * kBucketSize;
  const int32_t* index = index_.data() + bucket * kBucketSize;
  int32_t found = kNone;
  for (int64_t n = 0; n < kBucketSize; n += kWidth) {
    const uint32_t tied =
        simd::BitsEqual(simd::Load(nearest + n), simd::Broadcast(distance));
    if (tied == 0) continue;
    found = simd::SmallestLane(simd::LoadInts(index + n), tied, found);
  }
  return found;
}

BAN_INLINE int32_t PointBuckets::FindInGroup(int64_t group, float distance) {
  const int64_t first = group * kWidth;
  uint32_t tied = simd::BitsEqual(simd::Load(buckets_.largest() + first),
                                  simd::Broadcast(distance));
  int32_t found = kNone;
  for (; tied != 0; tied &= tied - 1) {
    const int64_t bucket = first + __builtin_ctz(tied);
    if (farthest_[bucket] < 0) {
      farthest_[bucket] = FindInBucket(bucket, distance);
    }
    found = std::min(found, farthest_[bucket]);
  }
  return found;
}

int32_t PointBuckets::Farthest(const float* point) {
  Update(simd::Broadcast(point[0]), simd::Broadcast(point[1]),
         simd::Broadcast(point[2]));
  const float* group_largest = groups_.largest();
  Floats largest = simd::Broadcast(-1.0f);
  for (int64_t first = 0; first < groups_.size(); first += kWidth) {
    largest = simd::Greatest(simd::Load(group_largest + first), largest);
  }
  const float distance = simd::LargestLane(largest);
  int32_t found = kNone;
  for (int64_t first = 0; first < groups_.size(); first += kWidth) {
    uint32_t tied = simd::BitsEqual(simd::Load(group_largest + first),
                                    simd::Broadcast(distance));
    for (; tied != 0; tied &= tied - 1) {
      found =
          std::min(found, FindInGroup(first + __builtin_ctz(tied), distance));
    }
  }
  return found;
}

}  // namespace ban
