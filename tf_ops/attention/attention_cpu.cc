#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tf_ops/attention/attention.h"
#include "tf_ops/attention/tiles.h"

namespace ban {
namespace {

// Keys seen at a time: a tile of similarities takes at most half of a
// first-level cache of 32 KiB.
constexpr int64_t kKeys = 128;

// At most so many panels of `kLanes` queries share each block of keys while it
// is in the second-level cache.
constexpr int64_t kMostPanels = 16;

constexpr float kLog2E = 1.44269504f;
constexpr double kLn2 = 0.6931471805599453;

// Below every logit, and finite, also times log2(e): then exp(-inf - kLowest)
// is 0, not NaN.
constexpr float kLowest = -0.5f * std::numeric_limits<float>::max();

// The sums of a panel are scaled to the largest logit anew only when it has
// grown by this power of two: weights far above 1 are as exact as those below.
constexpr float kSlack = 4.0f;

// The state of a panel of queries after some of the keys; one query a lane.
// Weights are 2^(S * log2(e) + offset).
struct Panel {
  float* query;   // [D, kLanes], times scale
  float* sums;    // [C, kLanes]  sum of weight * value
  float* total;   // [kLanes]     sum of weights
  float* offset;  // [kLanes]     gives no S a weight above 2^kSlack
};

// Scales what the lanes from `v` on have summed up.
void Fade(int64_t num_channels, simd::Floats factor, int v,
          const Panel& panel) {
  simd::Store(panel.total + v, simd::Load(panel.total + v) * factor);
  for (int64_t c = 0; c < num_channels; ++c) {
    float* const at = panel.sums + c * kLanes + v;
    simd::Store(at, simd::Load(at) * factor);
  }
}

// Turns the tile S of [num_keys, kLanes] into weights, and the sums so far into
// sums of weights of the same offset.
void TakeExponentials(int64_t num_keys, int64_t num_channels, float* tile,
                      const Panel& panel) {
  using simd::Floats;
  const Floats log2e = simd::Broadcast(kLog2E);
  for (int v = 0; v < kLanes; v += simd::kWidth) {
    Floats highest = simd::Broadcast(kLowest);
    for (int64_t k = 0; k < num_keys; ++k) {
      highest = simd::Max(simd::Load(tile + k * kLanes + v), highest);
    }
    const Floats before = simd::Load(panel.offset + v);
    // Every weight and every change of offset refers to this rounded product
    // rather than to the logit itself: so its rounding cancels.
    Floats offset = before;
    const Floats wanted = -simd::Max(highest * log2e, -before);
    if (simd::AnyLess(wanted + simd::Broadcast(kSlack), before)) {
      offset = wanted;
      const Floats fade = simd::Exp2(offset - before);
      simd::Store(panel.offset + v, offset);
      Fade(num_channels, fade, v, panel);
    }
    Floats total{};
    for (int64_t k = 0; k < num_keys; ++k) {
      float* const at = tile + k * kLanes + v;
      const Floats weight =
          simd::Exp2(simd::MultiplyAdd(simd::Load(at), log2e, offset));
      simd::Store(at, weight);
      total += weight;
    }
    simd::Store(panel.total + v, simd::Load(panel.total + v) + total);
  }
}

void StartPanel(const AttentionShape& shape, const float* query,
                int64_t num_queries, float scale, const Panel& panel) {
  PackLanes(query, num_queries, shape.key_width, scale, kLanes, panel.query,
            kLanes);
  std::fill_n(panel.sums, shape.num_channels * kLanes, 0.0f);
  std::fill_n(panel.offset, kLanes, -kLowest * kLog2E);
  std::fill_n(panel.total, kLanes, 0.0f);
}

void FinishPanel(const AttentionShape& shape, const Panel& panel,
                 int64_t num_queries, float* output, float* log_sum_exp) {
  const int64_t channels = shape.num_channels;
  for (int64_t q = 0; q < num_queries; ++q) {
    const float total = panel.total[q];
    for (int64_t c = 0; c < channels; ++c) {
      output[q * channels + c] = panel.sums[c * kLanes + q] / total;
    }
    log_sum_exp[q] = static_cast<float>(std::log(static_cast<double>(total)) -
                                        panel.offset[q] * kLn2);
  }
}

// A block of at most `size` queries, a multiple of kLanes, against all keys of
// its batch item.
class QueryBlock {
 public:
  QueryBlock(const AttentionShape& shape, int64_t size)
      : shape_(shape),
        size_(size),
        scratch_({kKeys * kLanes, size * shape.key_width,
                  size * shape.num_channels, size, size}),
        tile_(scratch_.Take(kKeys * kLanes)),
        query_(scratch_.Take(size * shape.key_width)),
        sums_(scratch_.Take(size * shape.num_channels)),
        total_(scratch_.Take(size)),
        offset_(scratch_.Take(size)) {}

  void Attend(const AttentionInputs& inputs, int64_t item, int64_t first,
              float* output, float* log_sum_exp) {
    const int64_t row = item * shape_.num_queries + first;
    const int64_t count = std::min(size_, shape_.num_queries - first);
    for (int64_t p = 0; p < count; p += kLanes) {
      StartPanel(shape_, inputs.query + (row + p) * shape_.key_width,
                 std::min<int64_t>(kLanes, count - p), inputs.scale, At(p));
    }
    for (int64_t m = 0; m < shape_.num_keys; m += kKeys) {
      const int64_t num_keys = std::min(kKeys, shape_.num_keys - m);
      const int64_t key_row = item * shape_.num_keys + m;
      for (int64_t p = 0; p < count; p += kLanes) {
        AddKeys(num_keys, inputs.key + key_row * shape_.key_width,
                inputs.value + key_row * shape_.num_channels, At(p));
      }
    }
    for (int64_t p = 0; p < count; p += kLanes) {
      FinishPanel(shape_, At(p), std::min<int64_t>(kLanes, count - p),
                  output + (row + p) * shape_.num_channels,
                  log_sum_exp + row + p);
    }
  }

 private:
  Panel At(int64_t p) const {
    return {query_ + p * shape_.key_width, sums_ + p * shape_.num_channels,
            total_ + p, offset_ + p};
  }

  void AddKeys(int64_t num_keys, const float* key, const float* value,
               const Panel& panel) {
    const Factor<Layout::kRows> keys{key, shape_.key_width};
    const Factor<Layout::kColumns> values{value, shape_.num_channels};
    MultiplyRows<2, false>(num_keys, shape_.key_width, keys, panel.query,
                           kLanes, {tile_, kLanes});
    TakeExponentials(num_keys, shape_.num_channels, tile_, panel);
    MultiplyRows<2, true>(shape_.num_channels, num_keys, values, tile_, kLanes,
                          {panel.sums, kLanes});
  }

  const AttentionShape shape_;
  const int64_t size_;
  Scratch scratch_;
  float* const tile_;
  float* const query_;
  float* const sums_;
  float* const total_;
  float* const offset_;
};

}  // namespace

void AttendCpu(Workers* workers, const AttentionShape& shape,
               const AttentionInputs& inputs, float* output,
               float* log_sum_exp) {
  // Panels do not depend on each other: how many share a block is a matter of
  // speed alone.
  const int64_t panels = CeilDivide(shape.num_queries, kLanes);
  const int64_t threads = workers->num_threads();
  const int64_t panels_per_block = std::clamp<int64_t>(
      shape.batch * panels / (threads * kBlocksPerThread), 1, kMostPanels);
  const int64_t size = panels_per_block * kLanes;
  const int64_t blocks = CeilDivide(shape.num_queries, size);
  const double ns_per_block = kNsPerProduct * size * shape.num_keys *
                              (shape.key_width + shape.num_channels + 8);
  ParallelFor(workers, shape.batch * blocks, ns_per_block,
              [&](int64_t begin, int64_t end) {
                QueryBlock block(shape, size);
                for (int64_t b = begin; b < end; ++b) {
                  block.Attend(inputs, b / blocks, b % blocks * size, output,
                               log_sum_exp);
                }
              });
}

}  // namespace ban
