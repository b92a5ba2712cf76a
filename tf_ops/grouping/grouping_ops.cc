#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tensorflow {

using shape_inference::DimensionHandle;
using shape_inference::InferenceContext;
using shape_inference::ShapeHandle;

REGISTER_OP("Ban>BallQuery")
    .Input("xyz: float")
    .Input("centres: float")
    .Output("index: int32")
    .Output("count: int32")
    .Attr("radius: float")
    .Attr("num_neighbours: int >= 1")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle xyz, centres;
      DimensionHandle batch, unused;
      int64_t num_neighbours;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &xyz));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &centres));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(xyz, 2), 3, &unused));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(centres, 2), 3, &unused));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(xyz, 0), c->Dim(centres, 0), &batch));
      TF_RETURN_IF_ERROR(c->GetAttr("num_neighbours", &num_neighbours));
      const DimensionHandle num_centres = c->Dim(centres, 1);
      c->set_output(0, c->MakeShape({batch, num_centres, num_neighbours}));
      c->set_output(1, c->MakeShape({batch, num_centres}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Finds the first points inside balls; see tf_ops/grouping/grouping.py.

xyz: [B, N, 3] points in metres.
centres: [B, M, 3] in metres.
index: [B, M, num_neighbours] indices into N.
count: [B, M] number of hits.
)doc");

REGISTER_OP("Ban>GroupPoints")
    .Input("points: float")
    .Input("index: int32")
    .Output("output: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle points, index;
      DimensionHandle batch;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &points));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &index));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(points, 0), c->Dim(index, 0), &batch));
      c->set_output(0, c->MakeShape({batch, c->Dim(index, 1), c->Dim(index, 2),
                                     c->Dim(points, 2)}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Takes rows by index, K for each centre; see tf_ops/grouping/grouping.py.

points: [B, N, C].
index: [B, M, K] indices into N.
output: [B, M, K, C].
)doc");

REGISTER_OP("Ban>GroupPointsGrad")
    .Input("output_grad: float")
    .Input("index: int32")
    .Input("num_points: int32")
    .Output("points_grad: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle grad, index, scalar;
      DimensionHandle batch, num_points, unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 4, &grad));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &index));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(2), 0, &scalar));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(grad, 0), c->Dim(index, 0), &batch));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(grad, 1), c->Dim(index, 1), &unused));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(grad, 2), c->Dim(index, 2), &unused));
      TF_RETURN_IF_ERROR(c->MakeDimForScalarInput(2, &num_points));
      c->set_output(0, c->MakeShape({batch, num_points, c->Dim(grad, 3)}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Gradient of GroupPoints to its points.

output_grad: [B, M, K, C].
index: [B, M, K] indices into N.
num_points: N.
points_grad: [B, N, C].
)doc");

}  // namespace tensorflow
