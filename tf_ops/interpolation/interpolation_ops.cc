#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tensorflow {

using shape_inference::DimensionHandle;
using shape_inference::InferenceContext;
using shape_inference::ShapeHandle;

REGISTER_OP("Ban>ThreeNearest")
    .Input("query: float")
    .Input("reference: float")
    .Output("squared_distance: float")
    .Output("index: int32")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle query, reference;
      DimensionHandle batch, unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &query));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &reference));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(query, 2), 3, &unused));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(reference, 2), 3, &unused));
      TF_RETURN_IF_ERROR(
          c->Merge(c->Dim(query, 0), c->Dim(reference, 0), &batch));
      const ShapeHandle neighbours = c->MakeShape({batch, c->Dim(query, 1), 3});
      c->set_output(0, neighbours);
      c->set_output(1, neighbours);
      return absl::OkStatus();
    })
    .Doc(R"doc(
Finds three nearest neighbours; see tf_ops/interpolation/interpolation.py.

query: [B, N, 3] in metres.
reference: [B, M, 3] in metres.
squared_distance: [B, N, 3] ascending.
index: [B, N, 3] indices into M.
)doc");

REGISTER_OP("Ban>Interpolate")
    .Input("points: float")
    .Input("index: int32")
    .Input("weights: float")
    .Output("output: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle points, index, weights;
      DimensionHandle batch, unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &points));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &index));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(index, 2), 3, &unused));
      TF_RETURN_IF_ERROR(c->Merge(index, c->input(2), &weights));
      TF_RETURN_IF_ERROR(
          c->Merge(c->Dim(points, 0), c->Dim(weights, 0), &batch));
      c->set_output(
          0, c->MakeShape({batch, c->Dim(weights, 1), c->Dim(points, 2)}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Weighted sum of three rows; see tf_ops/interpolation/interpolation.py.

points: [B, M, C].
index: [B, N, 3] indices into M.
weights: [B, N, 3].
output: [B, N, C].
)doc");

REGISTER_OP("Ban>InterpolateGrad")
    .Input("output_grad: float")
    .Input("index: int32")
    .Input("weights: float")
    .Input("num_points: int32")
    .Output("points_grad: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle grad, index, weights, scalar;
      DimensionHandle batch, num_points, unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &grad));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &index));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(index, 2), 3, &unused));
      TF_RETURN_IF_ERROR(c->Merge(index, c->input(2), &weights));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(3), 0, &scalar));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(grad, 0), c->Dim(weights, 0), &batch));
      TF_RETURN_IF_ERROR(
          c->Merge(c->Dim(grad, 1), c->Dim(weights, 1), &unused));
      TF_RETURN_IF_ERROR(c->MakeDimForScalarInput(3, &num_points));
      c->set_output(0, c->MakeShape({batch, num_points, c->Dim(grad, 2)}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Gradient of Interpolate to its points.

output_grad: [B, N, C].
index: [B, N, 3] indices into M.
weights: [B, N, 3].
num_points: M.
points_grad: [B, M, C].
)doc");

}  // namespace tensorflow
