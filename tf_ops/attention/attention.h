// Softmax attention: the contract of the CPU loops.  No TensorFlow header is
// included here.
#ifndef BAN_TF_OPS_ATTENTION_ATTENTION_H_
#define BAN_TF_OPS_ATTENTION_ATTENTION_H_

#include <cstdint>

#include "tf_ops/core/parallel.h"

namespace ban {

struct AttentionShape {
  int64_t batch;         // B
  int64_t num_queries;   // N
  int64_t num_keys;      // M >= 1
  int64_t key_width;     // D
  int64_t num_channels;  // C
};

// The inputs of attention, and the factor on the inner products.
struct AttentionInputs {
  const float* query;  // [B, N, D]
  const float* key;    // [B, M, D]
  const float* value;  // [B, M, C]
  float scale;
};

// With S = scale * query @ key^T, of shape [B, N, M] and never held:
//   output       [B, N, C]  softmax(S) @ value
//   log_sum_exp  [B, N]     log(sum over m of exp(S))
// Sums are float32.  A row of S that holds NaN or +inf, or only -inf, gives a
// row of NaN.  Results do not depend on the number of threads.
//
// Source: Milakov and Gimelshein, "Online normalizer calculation for softmax",
// 2018; Rabe and Staats, "Self-attention does not need O(n^2) memory", 2021.
void AttendCpu(Workers* workers, const AttentionShape& shape,
               const AttentionInputs& inputs, float* output,
               float* log_sum_exp);

// What the gradient needs besides the inputs.
struct AttentionResults {
  const float* output;            // [B, N, C]
  const float* log_sum_exp;       // [B, N]
  const float* output_grad;       // [B, N, C]
  const float* log_sum_exp_grad;  // [B, N]
};

struct AttentionGradients {
  float* query;  // [B, N, D]
  float* key;    // [B, M, D]
  float* value;  // [B, M, C]
};

// The gradients of `AttendCpu`, from blocks of S that are computed again.
// Sums are float32 and added in an order that depends on the shape alone.  The
// weights of a row are off by what `log_sum_exp` is rounded by, a relative 6e-8
// of its magnitude, and never above 1; of logits beyond 1e7 little is left.
//
// Source: Dao et al., "FlashAttention", 2022, appendix B.2.
void AttendGradCpu(Workers* workers, const AttentionShape& shape,
                   const AttentionInputs& inputs,
                   const AttentionResults& results,
                   const AttentionGradients& gradients);

}  // namespace ban

#endif  // BAN_TF_OPS_ATTENTION_ATTENTION_H_
