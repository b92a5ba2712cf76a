#include <algorithm>
#include <cstdint>
#include <vector>

#include "tf_ops/attention/attention.h"
#include "tf_ops/attention/tiles.h"

namespace ban {
namespace {

// Queries and keys of a tile.  Its weights and the gradients of its logits stay
// in cache while five products make or use them.
constexpr int64_t kQueries = 64;
constexpr int64_t kKeys = 64;

constexpr double kLog2E = 1.4426950408889634;

// Queries and keys of a cloud are cut into the same number of groups.  In round
// r, group g of the queries meets group (g + r) mod G of the keys.  No two
// meetings of a round share a group, so threads need no locks, and rounds
// follow each other: the order of every sum depends on the shape alone.
struct Schedule {
  int64_t num_groups;
  int64_t queries_per_group;
  int64_t keys_per_group;
};

Schedule Plan(const AttentionShape& shape) {
  // Large groups are packed less often, many groups keep more threads busy.
  constexpr int64_t kMeetingsPerRound = 16;
  constexpr int64_t kLargest = 256;
  const int64_t longest = std::max(shape.num_queries, shape.num_keys);
  const int64_t size =
      std::clamp(RoundUp(longest * shape.batch / kMeetingsPerRound, kKeys),
                 kKeys, kLargest);
  const int64_t groups = CeilDivide(longest, size);
  return {groups, CeilDivide(shape.num_queries, groups),
          CeilDivide(shape.num_keys, groups)};
}

// Rows of one batch item.
struct Range {
  int64_t first;
  int64_t count;
};

Range GroupRange(int64_t group, int64_t size, int64_t total) {
  const int64_t first = std::min(group * size, total);
  return {first, std::min(size, total - first)};
}

// The meeting of a group of queries with a group of keys of the same cloud.
class Meeting {
 public:
  Meeting(const AttentionShape& shape, const AttentionInputs& inputs,
          const AttentionResults& results, const float* inner,
          const AttentionGradients& gradients, int64_t keys_per_group)
      : shape_(shape),
        inputs_(inputs),
        results_(results),
        inner_(inner),
        gradients_(gradients),
        key_step_(RoundUp(shape.key_width, simd::kWidth)),
        value_step_(RoundUp(shape.num_channels, simd::kWidth)),
        scratch_({kKeys * kQueries, kKeys * kQueries, kQueries, kQueries,
                  kQueries * shape.key_width, kQueries * shape.num_channels,
                  kQueries * key_step_, kQueries * value_step_,
                  kQueries * key_step_, keys_per_group * key_step_,
                  keys_per_group * key_step_, keys_per_group * value_step_}),
        weights_(scratch_.Take(kKeys * kQueries)),
        logits_grad_(scratch_.Take(kKeys * kQueries)),
        log2_sum_(scratch_.Take(kQueries)),
        inner_lanes_(scratch_.Take(kQueries)),
        query_lanes_(scratch_.Take(kQueries * shape.key_width)),
        grad_lanes_(scratch_.Take(kQueries * shape.num_channels)),
        query_rows_(scratch_.Take(kQueries * key_step_)),
        grad_rows_(scratch_.Take(kQueries * value_step_)),
        query_grad_(scratch_.Take(kQueries * key_step_)),
        key_rows_(scratch_.Take(keys_per_group * key_step_)),
        key_grad_(scratch_.Take(keys_per_group * key_step_)),
        value_grad_(scratch_.Take(keys_per_group * value_step_)) {}

  // Adds what the meeting gives to the three gradients, or, where it is the
  // first of its groups, writes it.
  void Hold(int64_t item, Range queries, Range keys, bool is_first) {
    const int64_t key_row = item * shape_.num_keys + keys.first;
    PackRows(inputs_.key + key_row * shape_.key_width, keys.count,
             shape_.key_width, 1.0f, key_rows_, key_step_);
    std::fill_n(key_grad_, keys.count * key_step_, 0.0f);
    std::fill_n(value_grad_, keys.count * value_step_, 0.0f);
    for (int64_t n = 0; n < queries.count; n += kQueries) {
      const int64_t query_row = item * shape_.num_queries + queries.first + n;
      const int64_t count = std::min(kQueries, queries.count - n);
      TakeQueries(query_row, count);
      for (int64_t m = 0; m < keys.count; m += kKeys) {
        MeetKeys(count, key_row, m, std::min(kKeys, keys.count - m));
      }
      AddRows(query_grad_, key_step_, inputs_.scale, count, shape_.key_width,
              is_first, gradients_.query + query_row * shape_.key_width);
    }
    AddRows(key_grad_, key_step_, 1.0f, keys.count, shape_.key_width, is_first,
            gradients_.key + key_row * shape_.key_width);
    AddRows(value_grad_, value_step_, 1.0f, keys.count, shape_.num_channels,
            is_first, gradients_.value + key_row * shape_.num_channels);
  }

 private:
  static void AddRows(const float* from, int64_t from_step, float factor,
                      int64_t count, int64_t width, bool is_first, float* to) {
    for (int64_t row = 0; row < count; ++row) {
      for (int64_t k = 0; k < width; ++k) {
        const float before = is_first ? 0.0f : to[row * width + k];
        to[row * width + k] = before + factor * from[row * from_step + k];
      }
    }
  }

  void TakeQueries(int64_t row, int64_t count) {
    const float* const query = inputs_.query + row * shape_.key_width;
    const float* const grad = results_.output_grad + row * shape_.num_channels;
    PackLanes(query, count, shape_.key_width, inputs_.scale, kQueries,
              query_lanes_, kQueries);
    PackLanes(grad, count, shape_.num_channels, 1.0f, kQueries, grad_lanes_,
              kQueries);
    PackRows(query, count, shape_.key_width, inputs_.scale, query_rows_,
             key_step_);
    PackRows(grad, count, shape_.num_channels, 1.0f, grad_rows_, value_step_);
    for (int64_t n = 0; n < kQueries; ++n) {
      const bool is_query = n < count;
      log2_sum_[n] =
          is_query ? static_cast<float>(kLog2E * results_.log_sum_exp[row + n])
                   : 0.0f;
      inner_lanes_[n] = is_query ? inner_[row + n] : 0.0f;
    }
    std::fill_n(query_grad_, kQueries * key_step_, 0.0f);
  }

  // Makes, for key m and query n, weights = P(n, m) = exp(S - log_sum_exp) and
  // logits_grad = P * (output_grad @ value^T - inner).
  void MakeTile(int64_t key_row, int64_t num_keys) {
    const Factor<Layout::kRows> keys{inputs_.key + key_row * shape_.key_width,
                                     shape_.key_width};
    const Factor<Layout::kRows> values{
        inputs_.value + key_row * shape_.num_channels, shape_.num_channels};
    for (int64_t n = 0; n < kQueries; n += kLanes) {
      MultiplyRows<2, false>(num_keys, shape_.key_width, keys, query_lanes_ + n,
                             kQueries, {weights_ + n, kQueries});
      MultiplyRows<2, false>(num_keys, shape_.num_channels, values,
                             grad_lanes_ + n, kQueries,
                             {logits_grad_ + n, kQueries});
    }
    const simd::Floats log2e = simd::Broadcast(static_cast<float>(kLog2E));
    for (int64_t n = 0; n < kQueries; n += simd::kWidth) {
      const simd::Floats offset = -simd::Load(log2_sum_ + n);
      const simd::Floats inner = simd::Load(inner_lanes_ + n);
      for (int64_t at = n; at < num_keys * kQueries; at += kQueries) {
        const simd::Floats weight = simd::Exp2(
            simd::MultiplyAdd(simd::Load(weights_ + at), log2e, offset));
        simd::Store(weights_ + at, weight);
        simd::Store(logits_grad_ + at,
                    weight * (simd::Load(logits_grad_ + at) - inner));
      }
    }
  }

  void MeetKeys(int64_t num_queries, int64_t key_row, int64_t m,
                int64_t num_keys) {
    MakeTile(key_row + m, num_keys);
    const Factor<Layout::kRows> weights{weights_, kQueries};
    const Factor<Layout::kRows> by_key{logits_grad_, kQueries};
    const Factor<Layout::kColumns> by_query{logits_grad_, kQueries};
    MultiplyAdd(num_keys, num_queries, value_step_, weights, grad_rows_,
                value_step_, {value_grad_ + m * value_step_, value_step_});
    MultiplyAdd(num_keys, num_queries, key_step_, by_key, query_rows_,
                key_step_, {key_grad_ + m * key_step_, key_step_});
    MultiplyAdd(num_queries, num_keys, key_step_, by_query,
                key_rows_ + m * key_step_, key_step_, {query_grad_, key_step_});
  }

  const AttentionShape shape_;
  const AttentionInputs inputs_;
  const AttentionResults results_;
  const float* const inner_;
  const AttentionGradients gradients_;
  const int64_t key_step_;
  const int64_t value_step_;
  Scratch scratch_;
  // Of a tile: [kKeys, kQueries].
  float* const weights_;
  float* const logits_grad_;
  // Of a block of queries, on lanes: [., kQueries]; in rows: [kQueries, step].
  float* const log2_sum_;
  float* const inner_lanes_;
  float* const query_lanes_;
  float* const grad_lanes_;
  float* const query_rows_;
  float* const grad_rows_;
  float* const query_grad_;
  // Of the group of keys: [keys_per_group, step].
  float* const key_rows_;
  float* const key_grad_;
  float* const value_grad_;
};

// The part of the logits' gradients that is one number a query: sum over the
// keys of P * dP, which equals output . output_grad, less the gradient of
// log_sum_exp.
std::vector<float> InnerProducts(Workers* workers, const AttentionShape& shape,
                                 const AttentionResults& results) {
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
                  inner[row] = static_cast<float>(sum);
                }
              });
  return inner;
}

}  // namespace

void AttendGradCpu(Workers* workers, const AttentionShape& shape,
                   const AttentionInputs& inputs,
                   const AttentionResults& results,
                   const AttentionGradients& gradients) {
  const std::vector<float> inner = InnerProducts(workers, shape, results);
  const Schedule plan = Plan(shape);
  const double ns_per_meeting = 3 * kNsPerProduct * plan.queries_per_group *
                                plan.keys_per_group *
                                (shape.key_width + shape.num_channels + 8);
  for (int64_t round = 0; round < plan.num_groups; ++round) {
    ParallelFor(
        workers, shape.batch * plan.num_groups, ns_per_meeting,
        [&](int64_t begin, int64_t end) {
          Meeting meeting(shape, inputs, results, inner.data(), gradients,
                          plan.keys_per_group);
          for (int64_t b = begin; b < end; ++b) {
            const int64_t group = b % plan.num_groups;
            const Range queries =
                GroupRange(group, plan.queries_per_group, shape.num_queries);
            const Range keys = GroupRange((group + round) % plan.num_groups,
                                          plan.keys_per_group, shape.num_keys);
            meeting.Hold(b / plan.num_groups, queries, keys, round == 0);
          }
        });
  }
}

}  // namespace ban
