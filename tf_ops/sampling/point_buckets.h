// A cloud in buckets of neighbouring points, to sample it without visiting all
// points at every step.  No TensorFlow header is included here.
#ifndef BAN_TF_OPS_SAMPLING_POINT_BUCKETS_H_
#define BAN_TF_OPS_SAMPLING_POINT_BUCKETS_H_

#include <cstdint>
#include <vector>

#include "tf_ops/core/simd_masks.h"

namespace ban {

// Boxes in vectors: six arrays of coordinates, and for each box the largest
// distance that a point inside still has to its nearest pick.
class BoxArray {
 public:
  explicit BoxArray(int64_t num_boxes);

  // Number of boxes, rounded up to whole vectors.
  int64_t size() const { return size_; }

  void Set(int64_t box, const float* low, const float* high);

  // Grows `box` to hold [low, high].
  void Extend(int64_t box, const float* low, const float* high);

  // Which of the boxes [first, first + kWidth) have a point that a new pick
  // comes nearer to.  The distance to a box is computed in the same steps as
  // that to a point, and each step rounds monotonically: so it is never larger
  // than that of a point inside, to the last bit.
  BAN_INLINE uint32_t Reached(int64_t first, simd::Floats x, simd::Floats y,
                              simd::Floats z) const {
    const float* box = sides_.data() + first;
    const simd::Floats dx =
        simd::Gap(x, x, simd::Load(box), simd::Load(box + size_));
    const simd::Floats dy = simd::Gap(y, y, simd::Load(box + 2 * size_),
                                      simd::Load(box + 3 * size_));
    const simd::Floats dz = simd::Gap(z, z, simd::Load(box + 4 * size_),
                                      simd::Load(box + 5 * size_));
    return simd::BitsLess(simd::SquaredLength(dx, dy, dz),
                          simd::Load(largest_.data() + first));
  }

  float* largest() { return largest_.data(); }

 private:
  int64_t size_;
  std::vector<float> sides_;  // low x, high x, low y ... of every box
  std::vector<float> largest_;
};

// The state of farthest point sampling.  A new pick changes only the points it
// is nearer to than all picks before it, and soon these are few: buckets it
// cannot reach are passed over, kWidth of them (a group) with one test.
class PointBuckets {
 public:
  PointBuckets(const float* cloud, int64_t num_points);

  // Takes `point` into account and returns the point farthest from all so far;
  // ties go to the lowest index.
  int32_t Farthest(const float* point);

 private:
  void FillBucket(const float* cloud, int64_t bucket, int64_t begin,
                  int64_t end, const int32_t* order);
  float UpdateBucket(int64_t bucket, simd::Floats x, simd::Floats y,
                     simd::Floats z);
  void Update(simd::Floats x, simd::Floats y, simd::Floats z);
  int32_t FindInGroup(int64_t group, float distance);
  int32_t FindInBucket(int64_t bucket, float distance) const;

  int64_t num_buckets_;
  BoxArray buckets_;
  BoxArray groups_;
  // Bucket after bucket: x, y, z and the distance to the nearest pick.
  std::vector<float> points_;
  std::vector<int32_t> index_;
  // For each bucket, the index of its farthest point, or -1 when not known.
  std::vector<int32_t> farthest_;
  // Room for the numbers of those that a pick reaches, and a vector more.
  std::vector<int32_t> reached_groups_;
  std::vector<int32_t> reached_buckets_;
};

}  // namespace ban

#endif  // BAN_TF_OPS_SAMPLING_POINT_BUCKETS_H_
