#include <algorithm>
#include <cmath>

#include "tf_ops/clustering/climber.h"

namespace ban {
namespace {

// Above this number of means, a climber forgets them all: a bound on memory.
constexpr int64_t kMostRemembered = int64_t{1} << 20;

// `np.linalg.norm(a - b)` in float32: the BLAS dot product multiplies in
// float32 and adds in float64 when there are few terms.
float Distance(const float* a, const float* b, int width) {
  double sum = 0.0;
  for (int e = 0; e < width; ++e) {
    const float difference = a[e] - b[e];
    const float square = difference * difference;
    sum += square;
  }
  return std::sqrt(static_cast<float>(sum));
}

}  // namespace

Climber::Climber(const BallIndex* index, const BallMean* mean, int width,
                 double bandwidth, int64_t max_iterations)
    : index_(index),
      mean_(mean),
      width_(width),
      stop_(static_cast<float>(1e-3 * bandwidth)),
      max_iterations_(max_iterations),
      centres_(width) {}

int32_t Climber::Climb(const float* seed, float* end) {
  if (centres_.size() > kMostRemembered) {
    centres_ = RowTable(width_);
    steps_.clear();
  }
  int64_t id = Number(seed);
  for (int64_t iteration = 0;; ++iteration) {
    if (steps_[id].count == kUnknown) Walk(id);
    const Step& step = steps_[id];
    if (step.count <= 0) return step.count;
    if (step.is_last || iteration == max_iterations_) {
      std::copy_n(centres_.row(step.next), width_, end);
      return step.count;
    }
    id = step.next;
  }
}

int64_t Climber::Number(const float* centre) {
  const int64_t id = centres_.Insert(centre);
  if (id == static_cast<int64_t>(steps_.size())) {
    steps_.push_back({kUnknown, -1, false});
  }
  return id;
}

void Climber::Walk(int64_t id) {
  float centre[16];
  float mean[16];
  std::copy_n(centres_.row(id), width_, centre);
  index_->Find(centre, &ball_);
  Step step = {static_cast<int32_t>(ball_.count), -1, true};
  if (ball_.count > 0) {
    mean_->Mean(ball_, mean);
    if (std::all_of(mean, mean + width_,
                    [](float value) { return std::isfinite(value); })) {
      step.next = static_cast<int32_t>(Number(mean));
      step.is_last = Distance(mean, centre, width_) <= stop_;
    } else {
      step.count = kOverflow;
    }
  }
  steps_[id] = step;
}

}  // namespace ban
