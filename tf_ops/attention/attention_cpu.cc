#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tf_ops/attention/attention.h"
#include "tf_ops/attention/packing.h"
#include "tf_ops/attention/tiles.h"
#include "tf_ops/core/simd_masks.h"

namespace ban {
namespace {

// Keys seen at a time: their similarities with a panel of queries take at most
// three quarters of a first-level cache of 32 KiB.
constexpr int64_t kKeys = 128;

// At most so many panels of `kLanes` queries share each block of keys while it
// is in the second-level cache.
constexpr int64_t kMostPanels = 16;

constexpr float kLog2E = 1.44269504f;
constexpr double kLn2 = 0.6931471805599453;

// Below every logit, and finite: then 2^(-inf - kLowest) is 0, not NaN.
constexpr float kLowest = -0.5f * std::numeric_limits<float>::max();

// The sums of a panel are scaled to the largest logit anew only when it has
// grown by this power of two: weights far above 1 are as exact as those below.
constexpr float kSlack = 4.0f;

// The state of a panel of queries after some of the keys; one query a lane.
// Logits are S * log2(e), by the queries' factor: their difference to the
// largest is exact where it matters, however large they are.  Weights are
// 2^(logit + offset).
struct Panel {
  float* query;        // [D, kLanes], times scale * log2(e)
  float* weights;      // [kKeys, kLanes]  of the keys at hand
  float* block_total;  // [kLanes]     sum of these weights
  float* total;        // [kLanes]     sum of the weights of the keys before
  float* sums;         // [C, kLanes]  sum of weight * value of the keys before
  float* offset;       // [kLanes]     gives no logit a weight above 2^kSlack
};

void ScaleRows(int64_t num_rows, simd::Floats factor, float* rows) {
  for (int64_t row = 0; row < num_rows; ++row) {
    float* const at = rows + row * kLanes;
    simd::Store(at, simd::Load(at) * factor);
  }
}

// Lowers the offsets of the lanes from `lane` on, where `wanted` is lower, also
// in what they have summed up and in the weights of the first `num_keys` keys.
__attribute__((noinline)) void LowerOffset(int64_t num_keys,
                                           int64_t num_channels,
                                           simd::Floats wanted, int lane,
                                           const Panel& panel) {
  const simd::Floats before = simd::Load(panel.offset + lane);
  const simd::Floats offset = -simd::Greatest(-wanted, -before);
  const simd::Floats factor = simd::Exp2(offset - before);
  simd::Store(panel.offset + lane, offset);
  ScaleRows(num_keys, factor, panel.weights + lane);
  ScaleRows(1, factor, panel.block_total + lane);
  ScaleRows(1, factor, panel.total + lane);
  ScaleRows(num_channels, factor, panel.sums + lane);
}

// Turns the logits of the keys from `key` on into weights.
template <int kRows, int kVectors>
BAN_INLINE void TakeExponentials(int64_t key, int64_t num_channels,
                                 const Panel& panel,
                                 Tile<kRows, kVectors>* tile) {
  using simd::Floats;
  Unroll<kVectors>([&](auto v) BAN_INLINE_LAMBDA {
    Floats highest = simd::Broadcast(kLowest);
    Unroll<kRows>([&](auto r) BAN_INLINE_LAMBDA {
      highest = simd::Greatest(tile->at[r][v], highest);
    });
    const Floats wanted = -highest;
    const Floats before = simd::Load(panel.offset + v * simd::kWidth);
    if (__builtin_expect(
            simd::BitsLess(wanted + simd::Broadcast(kSlack), before) != 0, 0)) {
      LowerOffset(key, num_channels, wanted, v * simd::kWidth, panel);
    }
  });
  Unroll<kVectors>([&](auto v) BAN_INLINE_LAMBDA {
    const Floats offset = simd::Load(panel.offset + v * simd::kWidth);
    float* const total = panel.block_total + v * simd::kWidth;
    Floats sum = simd::Load(total);
    Unroll<kRows>([&](auto r) BAN_INLINE_LAMBDA {
      tile->at[r][v] = simd::Exp2(tile->at[r][v] + offset);
      sum += tile->at[r][v];
    });
    simd::Store(total, sum);
  });
}

void StartPanel(const AttentionShape& shape, const float* query,
                int64_t num_queries, float scale, const Panel& panel) {
  PackLanes(query, num_queries, shape.key_width, scale * kLog2E, panel.query);
  std::fill_n(panel.sums, shape.num_channels * kLanes, 0.0f);
  std::fill_n(panel.offset, kLanes, -kLowest);
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
        scratch_({size * shape.key_width, kKeys * kLanes, kLanes, size,
                  size * shape.num_channels, size}),
        query_(scratch_.Take(size * shape.key_width)),
        weights_(scratch_.Take(kKeys * kLanes)),
        block_total_(scratch_.Take(kLanes)),
        total_(scratch_.Take(size)),
        sums_(scratch_.Take(size * shape.num_channels)),
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
    return {
        query_ + p * shape_.key_width,   weights_,   block_total_, total_ + p,
        sums_ + p * shape_.num_channels, offset_ + p};
  }

  void AddKeys(int64_t num_keys, const float* key, const float* value,
               const Panel& panel) {
    const Factor<Layout::kRows> keys{key, shape_.key_width};
    const Factor<Layout::kColumns> values{value, shape_.num_channels};
    std::fill_n(panel.block_total, kLanes, 0.0f);
    ForTiles<kPanelVectors>(
        num_keys, [&](auto tile, int64_t k) BAN_INLINE_LAMBDA {
          tile.AddProducts(shape_.key_width, keys.From(k), panel.query, kLanes);
          TakeExponentials(k, shape_.num_channels, panel, &tile);
          tile.Store(panel.weights + k * kLanes, kLanes);
        });
    for (int lane = 0; lane < kLanes; ++lane) {
      panel.total[lane] += panel.block_total[lane];
    }
    AddRows<kPanelVectors>(shape_.num_channels, num_keys, values, panel.weights,
                           kLanes, panel.sums, kLanes);
  }

  const AttentionShape shape_;
  const int64_t size_;
  Scratch scratch_;
  float* const query_;
  float* const weights_;
  float* const block_total_;
  float* const total_;
  float* const sums_;
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
