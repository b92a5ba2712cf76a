#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tensorflow {

using shape_inference::DimensionHandle;
using shape_inference::InferenceContext;
using shape_inference::ShapeHandle;

REGISTER_OP("Ban>GatherPoints")
    .Input("points: float")
    .Input("index: int32")
    .Output("output: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle points, index, output;
      DimensionHandle batch;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &points));
      TF_RETURN_IF_ERROR(c->WithRankAtLeast(c->input(1), 2, &index));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(points, 0), c->Dim(index, 0), &batch));
      TF_RETURN_IF_ERROR(c->ReplaceDim(index, 0, batch, &index));
      TF_RETURN_IF_ERROR(
          c->Concatenate(index, c->Vector(c->Dim(points, 2)), &output));
      c->set_output(0, output);
      return absl::OkStatus();
    })
    .Doc(R"doc(
Takes rows by index; see tf_ops/gathering/gathering.py.

points: [B, N, C].
index: [B, ...] indices into N, with at least one axis after B.
output: [B, ..., C].
)doc");

REGISTER_OP("Ban>GatherPointsGrad")
    .Input("output_grad: float")
    .Input("index: int32")
    .Input("num_points: int32")
    .Output("points_grad: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle grad, index, rows, scalar;
      DimensionHandle num_points;
      TF_RETURN_IF_ERROR(c->WithRankAtLeast(c->input(0), 3, &grad));
      TF_RETURN_IF_ERROR(c->WithRankAtLeast(c->input(1), 2, &index));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(2), 0, &scalar));
      TF_RETURN_IF_ERROR(c->Subshape(grad, 0, -1, &rows));
      TF_RETURN_IF_ERROR(c->Merge(rows, index, &rows));
      TF_RETURN_IF_ERROR(c->MakeDimForScalarInput(2, &num_points));
      c->set_output(
          0, c->MakeShape({c->Dim(rows, 0), num_points, c->Dim(grad, -1)}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Gradient of GatherPoints to its points.

output_grad: [B, ..., C].
index: [B, ...] indices into N, with at least one axis after B.
num_points: N.
points_grad: [B, N, C].
)doc");

}  // namespace tensorflow
