// Rows in the order in which tiles of products read them.  No TensorFlow header
// is included here.
#ifndef BAN_TF_OPS_ATTENTION_PACKING_H_
#define BAN_TF_OPS_ATTENTION_PACKING_H_

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>

#include "tf_ops/attention/tiles.h"
#include "tf_ops/core/parallel.h"

namespace ban {
namespace {

// Memory for tiles and packed rows, handed out in pieces that begin at the
// start of a cache line.
class Scratch {
 public:
  explicit Scratch(std::initializer_list<int64_t> sizes) {
    int64_t total = 0;
    for (const int64_t size : sizes) total += RoundUp(size, kLine);
    floats_.reset(static_cast<float*>(
        ::operator new(total * sizeof(float), std::align_val_t{kLineBytes})));
    next_ = floats_.get();
  }

  float* Take(int64_t size) {
    float* const piece = next_;
    next_ += RoundUp(size, kLine);
    return piece;
  }

 private:
  static constexpr int64_t kLineBytes = 64;
  static constexpr int64_t kLine = kLineBytes / sizeof(float);

  struct Release {
    void operator()(float* floats) const {
      ::operator delete(floats, std::align_val_t{kLineBytes});
    }
  };

  std::unique_ptr<float, Release> floats_;
  float* next_;
};

// Puts `num_rows` rows of [., width] on kLanes lanes: to[k * kLanes + row] =
// factor * from[row * width + k].  The lanes that are left become zero.
inline void PackLanes(const float* from, int64_t num_rows, int64_t width,
                      float factor, float* to) {
  for (int64_t k = 0; k < width; ++k, to += kLanes) {
    for (int64_t row = 0; row < num_rows; ++row) {
      to[row] = factor * from[row * width + k];
    }
    std::fill(to + num_rows, to + kLanes, 0.0f);
  }
}

// Rows with the keys of each item on the lanes, in panels [width, kLanes].
class Panels {
 public:
  Panels(Workers* workers, const float* rows, int64_t batch, int64_t num_keys,
         int64_t width, float factor)
      : per_item_(CeilDivide(num_keys, kLanes)),
        panel_size_(width * kLanes),
        scratch_({batch * per_item_ * panel_size_}),
        data_(scratch_.Take(batch * per_item_ * panel_size_)) {
    ParallelFor(workers, batch * per_item_, 2.0 * panel_size_,
                [&](int64_t begin, int64_t end) {
                  for (int64_t p = begin; p < end; ++p) {
                    const int64_t key = p % per_item_ * kLanes;
                    const int64_t row = p / per_item_ * num_keys + key;
                    PackLanes(rows + row * width,
                              std::min<int64_t>(kLanes, num_keys - key), width,
                              factor, data_ + p * panel_size_);
                  }
                });
  }

  // The panel that begins with that key, a multiple of kLanes.
  const float* At(int64_t item, int64_t key) const {
    return data_ + (item * per_item_ + key / kLanes) * panel_size_;
  }

 private:
  const int64_t per_item_;
  const int64_t panel_size_;
  Scratch scratch_;
  float* const data_;
};

// Rows of [num_rows, width] to read, each filled up with zeros to `step`
// floats; they are not copied where they are that wide already.
class PaddedRows {
 public:
  PaddedRows(const float* rows, int64_t num_rows, int64_t width, int64_t step)
      : scratch_({width == step ? 0 : num_rows * step}), rows_(rows) {
    if (width == step) return;
    float* const padded = scratch_.Take(num_rows * step);
    std::fill_n(padded, num_rows * step, 0.0f);
    for (int64_t row = 0; row < num_rows; ++row) {
      std::copy_n(rows + row * width, width, padded + row * step);
    }
    rows_ = padded;
  }

  const float* data() const { return rows_; }

 private:
  Scratch scratch_;
  const float* rows_;
};

// Rows of [num_rows, width] to sum up in, which begin at zero; each has room
// for `step` floats.
class PaddedSums {
 public:
  PaddedSums(float* rows, int64_t num_rows, int64_t width, int64_t step)
      : scratch_({width == step ? 0 : num_rows * step}),
        rows_(rows),
        num_rows_(num_rows),
        width_(width),
        step_(step),
        sums_(width == step ? rows : scratch_.Take(num_rows * step)) {
    std::fill_n(sums_, num_rows * step, 0.0f);
  }

  float* data() const { return sums_; }

  // Puts the sums where they belong, if they do not stand there.
  void Finish() const {
    if (sums_ == rows_) return;
    for (int64_t row = 0; row < num_rows_; ++row) {
      std::copy_n(sums_ + row * step_, width_, rows_ + row * width_);
    }
  }

 private:
  Scratch scratch_;
  float* const rows_;
  const int64_t num_rows_;
  const int64_t width_;
  const int64_t step_;
  float* const sums_;
};

}  // namespace
}  // namespace ban

#endif  // BAN_TF_OPS_ATTENTION_PACKING_H_
