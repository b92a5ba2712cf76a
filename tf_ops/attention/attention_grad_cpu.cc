#include <algorithm>
#include <cstdint>
#include <vector>

#include "tf_ops/attention/attention.h"
#include "tf_ops/attention/packing.h"
#include "tf_ops/attention/tiles.h"

namespace ban {
namespace {

// Queries and keys of a tile.  Its weights and the gradients of its logits stay
// in cache while five products make or use them.  Each product that uses them
// sums over one of the two: long enough that its sums' loads do not count.
constexpr int64_t kQueries = 96;
constexpr int64_t kKeys = 96;
static_assert(kKeys % kLanes == 0, "a tile is cut into panels of keys");

constexpr double kLog2E = 1.4426950408889634;

// Rows of one batch item.
struct Range {
  int64_t first;
  int64_t count;
};

// Queries and keys of a cloud are cut into the same number of groups.  In round
// r, group g of the queries meets group (g + r) mod G of the keys.  No two
// meetings of a round share a group, so threads need no locks, and rounds
// follow each other: the order of every sum depends on the shape alone.
int64_t CountGroups(const AttentionShape& shape) {
  // Large groups meet less often, and each time they come from memory; many
  // groups keep more threads busy.  The largest has about 1024 rows.
  constexpr int64_t kMeetingsPerRound = 8;
  constexpr int64_t kLargest = 11 * kKeys;
  const int64_t longest = std::max(shape.num_queries, shape.num_keys);
  const int64_t size =
      std::clamp(RoundUp(longest * shape.batch / kMeetingsPerRound, kKeys),
                 kKeys, kLargest);
  return CeilDivide(longest, size);
}

// Rows in whole tiles, about as many in each group: who meets a small group
// waits for the others.
Range GroupRange(int64_t group, int64_t num_groups, int64_t total,
                 int64_t tile) {
  const int64_t tiles = CeilDivide(total, tile);
  const int64_t first = tiles * group / num_groups * tile;
  const int64_t end = tiles * (group + 1) / num_groups * tile;
  return {std::min(first, total),
          std::min(end, total) - std::min(first, total)};
}

// What the meetings share.  Rows are filled up with zeros to whole vectors:
// those of queries and keys have `key_step` floats, those of values
// `value_step`, and so have their gradients, which begin at zero.
struct Problem {
  AttentionShape shape;
  int64_t key_step;
  int64_t value_step;
  const float* query;            // [B, N, key_step]
  const float* key;              // [B, M, key_step]
  const float* output_grad;      // [B, N, value_step]
  const float* log_sum_exp;      // [B, N]
  const float* inner;            // [B, N], times scale
  const Panels& key_panels;      // times scale
  const Panels& value_panels;    // times scale
  AttentionGradients gradients;  // of such rows
};

// Keys whose rows, panels and gradients stay in the second-level cache while
// the queries of a meeting pass by.
int64_t KeysInCache(const Problem& problem) {
  constexpr int64_t kCacheFloats = 128 << 10;
  const int64_t floats = 3 * problem.key_step + 2 * problem.value_step + 1;
  return std::max<int64_t>(kCacheFloats / floats / kKeys, 1) * kKeys;
}

// The meeting of a group of queries with a group of keys of the same cloud.
class Meeting {
 public:
  explicit Meeting(const Problem& problem)
      : problem_(problem),
        shape_(problem.shape),
        scratch_({kQueries * kKeys, kQueries * kKeys}),
        weights_(scratch_.Take(kQueries * kKeys)),
        logits_grad_(scratch_.Take(kQueries * kKeys)) {}

  // Adds what the meeting gives to the three gradients.
  void Hold(int64_t item, Range queries, Range keys) {
    const int64_t keys_in_cache = KeysInCache(problem_);
    for (int64_t m = 0; m < keys.count; m += keys_in_cache) {
      const Range few = {keys.first + m,
                         std::min(keys_in_cache, keys.count - m)};
      for (int64_t n = 0; n < queries.count; n += kQueries) {
        MeetKeys(item,
                 {queries.first + n, std::min(kQueries, queries.count - n)},
                 few);
      }
    }
  }

 private:
  void MeetKeys(int64_t item, Range queries, Range keys) {
    queries.first += item * shape_.num_queries;  // counted over all items
    for (int64_t m = 0; m < keys.count; m += kKeys) {
      const Range few = {keys.first + m, std::min(kKeys, keys.count - m)};
      MakeTile(item, queries, few);
      UseTile(queries, {item * shape_.num_keys + few.first, few.count});
    }
  }

  // Makes, for query n and key m, weights = P(n, m) = exp(S - log_sum_exp) and
  // logits_grad = scale * P * (output_grad @ value^T - inner).
  void MakeTile(int64_t item, Range queries, Range keys) {
    for (int64_t m = 0; m < keys.count; m += kLanes) {
      MakeWeights(queries, problem_.key_panels.At(item, keys.first + m),
                  weights_ + m);
      MakeLogitsGrad(queries, problem_.value_panels.At(item, keys.first + m),
                     weights_ + m, logits_grad_ + m);
    }
  }

  void MakeWeights(Range queries, const float* keys, float* weights) {
    using simd::Floats;
    const int64_t step = problem_.key_step;
    const Factor<Layout::kRows> query{problem_.query + queries.first * step,
                                      step};
    const float* const log_sum_exp = problem_.log_sum_exp + queries.first;
    const Floats log2e = simd::Broadcast(static_cast<float>(kLog2E));
    ForTiles<kPanelVectors>(queries.count, [&](auto tile,
                                               int64_t n) BAN_INLINE_LAMBDA {
      tile.AddProducts(shape_.key_width, query.From(n), keys, kLanes);
      tile.ForEach([&](auto r, auto v) BAN_INLINE_LAMBDA {
        const Floats offset =
            simd::Broadcast(static_cast<float>(-kLog2E * log_sum_exp[n + r]));
        // Rounding may lift a weight above 1, of huge logits beyond any number.
        tile.at[r][v] = simd::Exp2(
            simd::Least(simd::Broadcast(0.0f),
                        simd::MultiplyAdd(tile.at[r][v], log2e, offset)));
      });
      tile.Store(weights + n * kKeys, kKeys);
    });
  }

  void MakeLogitsGrad(Range queries, const float* values, const float* weights,
                      float* logits_grad) {
    using simd::Floats;
    const int64_t step = problem_.value_step;
    const Factor<Layout::kRows> grad{
        problem_.output_grad + queries.first * step, step};
    const float* const inner = problem_.inner + queries.first;
    ForTiles<kPanelVectors>(
        queries.count, [&](auto tile, int64_t n) BAN_INLINE_LAMBDA {
          tile.AddProducts(shape_.num_channels, grad.From(n), values, kLanes);
          tile.ForEach([&](auto r, auto v) BAN_INLINE_LAMBDA {
            const Floats weight =
                simd::Load(weights + (n + r) * kKeys + v * simd::kWidth);
            tile.at[r][v] =
                weight * (tile.at[r][v] - simd::Broadcast(inner[n + r]));
          });
          tile.Store(logits_grad + n * kKeys, kKeys);
        });
  }

  // Queries and keys are counted over all items.
  void UseTile(Range queries, Range keys) {
    const int64_t key_step = problem_.key_step;
    const int64_t value_step = problem_.value_step;
    const AttentionGradients& gradients = problem_.gradients;
    const Factor<Layout::kColumns> weights{weights_, kKeys};
    const Factor<Layout::kColumns> by_key{logits_grad_, kKeys};
    const Factor<Layout::kRows> by_query{logits_grad_, kKeys};
    AddProducts(keys.count, queries.count, value_step, weights,
                problem_.output_grad + queries.first * value_step, value_step,
                gradients.value + keys.first * value_step, value_step);
    AddProducts(keys.count, queries.count, key_step, by_key,
                problem_.query + queries.first * key_step, key_step,
                gradients.key + keys.first * key_step, key_step);
    AddProducts(queries.count, keys.count, key_step, by_query,
                problem_.key + keys.first * key_step, key_step,
                gradients.query + queries.first * key_step, key_step);
  }

  const Problem& problem_;
  const AttentionShape shape_;
  Scratch scratch_;
  float* const weights_;      // of a tile: [kQueries, kKeys]
  float* const logits_grad_;  // the same
};

// The part of the logits' gradients that is one number a query, times `scale`:
// sum over the keys of P * dP, which equals output . output_grad, less the
// gradient of log_sum_exp.
std::vector<float> InnerProducts(Workers* workers, const AttentionShape& shape,
                                 const AttentionResults& results, float scale) {
  const int64_t width = shape.num_channels;
  std::vector<float> inner(shape.batch * shape.num_queries);
  ParallelFor(workers, shape.batch * shape.num_queries, 1.0 * width,
              [&](int64_t begin, int64_t end) {
                for (int64_t row = begin; row < end; ++row) {
                  double sum = -results.log_sum_exp_grad[row];
                  for (int64_t c = row * width; c < (row + 1) * width; ++c) {
                    sum += static_cast<double>(results.output[c]) *
                           results.output_grad[c];
                  }
                  inner[row] = static_cast<float>(scale * sum);
                }
              });
  return inner;
}

void HoldMeetings(Workers* workers, const Problem& problem) {
  const AttentionShape& shape = problem.shape;
  const int64_t groups = CountGroups(shape);
  const double ns_per_meeting = 3 * kNsPerProduct *
                                CeilDivide(shape.num_queries, groups) *
                                CeilDivide(shape.num_keys, groups) *
                                (shape.key_width + shape.num_channels + 8);
  for (int64_t round = 0; round < groups; ++round) {
    ParallelFor(workers, shape.batch * groups, ns_per_meeting,
                [&](int64_t begin, int64_t end) {
                  Meeting meeting(problem);
                  for (int64_t b = begin; b < end; ++b) {
                    const int64_t group = b % groups;
                    meeting.Hold(
                        b / groups,
                        GroupRange(group, groups, shape.num_queries, kQueries),
                        GroupRange((group + round) % groups, groups,
                                   shape.num_keys, kKeys));
                  }
                });
  }
}

}  // namespace

void AttendGradCpu(Workers* workers, const AttentionShape& shape,
                   const AttentionInputs& inputs,
                   const AttentionResults& results,
                   const AttentionGradients& gradients) {
  const std::vector<float> inner =
      InnerProducts(workers, shape, results, inputs.scale);
  const int64_t queries = shape.batch * shape.num_queries;
  const int64_t keys = shape.batch * shape.num_keys;
  const int64_t key_step = RoundUp(shape.key_width, simd::kWidth);
  const int64_t value_step = RoundUp(shape.num_channels, simd::kWidth);
  const PaddedRows query(inputs.query, queries, shape.key_width, key_step);
  const PaddedRows key(inputs.key, keys, shape.key_width, key_step);
  const PaddedRows output_grad(results.output_grad, queries, shape.num_channels,
                               value_step);
  const Panels key_panels(workers, inputs.key, shape.batch, shape.num_keys,
                          shape.key_width, inputs.scale);
  const Panels value_panels(workers, inputs.value, shape.batch, shape.num_keys,
                            shape.num_channels, inputs.scale);
  const PaddedSums query_grad(gradients.query, queries, shape.key_width,
                              key_step);
  const PaddedSums key_grad(gradients.key, keys, shape.key_width, key_step);
  const PaddedSums value_grad(gradients.value, keys, shape.num_channels,
                              value_step);
  HoldMeetings(workers,
               {shape,
                key_step,
                value_step,
                query.data(),
                key.data(),
                output_grad.data(),
                results.log_sum_exp,
                inner.data(),
                key_panels,
                value_panels,
                {query_grad.data(), key_grad.data(), value_grad.data()}});
  query_grad.Finish();
  key_grad.Finish();
  value_grad.Finish();
}

}  // namespace ban
