#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tensorflow {

using shape_inference::DimensionHandle;
using shape_inference::InferenceContext;
using shape_inference::ShapeHandle;

namespace {

// The sizes that the inputs of attention share, as far as they are known.
struct Sizes {
  DimensionHandle batch;
  DimensionHandle num_queries;
  DimensionHandle num_keys;
  DimensionHandle key_width;
  DimensionHandle num_channels;
};

absl::Status MergeSizes(InferenceContext* c, Sizes* sizes) {
  ShapeHandle query, key, value;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &query));
  TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &key));
  TF_RETURN_IF_ERROR(c->WithRank(c->input(2), 3, &value));
  TF_RETURN_IF_ERROR(c->Merge(c->Dim(query, 0), c->Dim(key, 0), &sizes->batch));
  TF_RETURN_IF_ERROR(c->Merge(sizes->batch, c->Dim(value, 0), &sizes->batch));
  sizes->num_queries = c->Dim(query, 1);
  TF_RETURN_IF_ERROR(
      c->Merge(c->Dim(key, 1), c->Dim(value, 1), &sizes->num_keys));
  TF_RETURN_IF_ERROR(
      c->Merge(c->Dim(query, 2), c->Dim(key, 2), &sizes->key_width));
  sizes->num_channels = c->Dim(value, 2);
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("Ban>Attend")
    .Input("query: float")
    .Input("key: float")
    .Input("value: float")
    .Output("output: float")
    .Output("log_sum_exp: float")
    .Attr("scale: float = 1.0")
    .SetShapeFn([](InferenceContext* c) {
      Sizes sizes;
      TF_RETURN_IF_ERROR(MergeSizes(c, &sizes));
      c->set_output(0, c->MakeShape({sizes.batch, sizes.num_queries,
                                     sizes.num_channels}));
      c->set_output(1, c->MakeShape({sizes.batch, sizes.num_queries}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
softmax(scale * query @ key^T) @ value; see tf_ops/attention/attention.py.

query: [B, N, D].
key: [B, M, D], M >= 1.
value: [B, M, C].
output: [B, N, C].
log_sum_exp: [B, N], the logarithm of the softmax's denominator.
)doc");

REGISTER_OP("Ban>AttendGrad")
    .Input("query: float")
    .Input("key: float")
    .Input("value: float")
    .Input("output: float")
    .Input("log_sum_exp: float")
    .Input("output_grad: float")
    .Input("log_sum_exp_grad: float")
    .Output("query_grad: float")
    .Output("key_grad: float")
    .Output("value_grad: float")
    .Attr("scale: float = 1.0")
    .SetShapeFn([](InferenceContext* c) {
      Sizes sizes;
      TF_RETURN_IF_ERROR(MergeSizes(c, &sizes));
      for (const int of_output : {3, 5}) {
        ShapeHandle output;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(of_output), 3, &output));
        TF_RETURN_IF_ERROR(
            c->Merge(sizes.batch, c->Dim(output, 0), &sizes.batch));
        TF_RETURN_IF_ERROR(
            c->Merge(sizes.num_queries, c->Dim(output, 1), &sizes.num_queries));
        TF_RETURN_IF_ERROR(c->Merge(sizes.num_channels, c->Dim(output, 2),
                                    &sizes.num_channels));
      }
      for (const int of_sum : {4, 6}) {
        ShapeHandle sum;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(of_sum), 2, &sum));
        TF_RETURN_IF_ERROR(c->Merge(sizes.batch, c->Dim(sum, 0), &sizes.batch));
        TF_RETURN_IF_ERROR(
            c->Merge(sizes.num_queries, c->Dim(sum, 1), &sizes.num_queries));
      }
      c->set_output(
          0, c->MakeShape({sizes.batch, sizes.num_queries, sizes.key_width}));
      c->set_output(
          1, c->MakeShape({sizes.batch, sizes.num_keys, sizes.key_width}));
      c->set_output(
          2, c->MakeShape({sizes.batch, sizes.num_keys, sizes.num_channels}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Gradient of Attend; computes the similarities again, block by block.

query: [B, N, D].
key: [B, M, D].
value: [B, M, C].
output: [B, N, C], as Attend returned it.
log_sum_exp: [B, N], as Attend returned it.
output_grad: [B, N, C].
log_sum_exp_grad: [B, N].
query_grad: [B, N, D].
key_grad: [B, M, D].
value_grad: [B, M, C].
)doc");

}  // namespace tensorflow
