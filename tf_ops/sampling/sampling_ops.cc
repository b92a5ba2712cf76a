#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace tensorflow {

using shape_inference::DimensionHandle;
using shape_inference::InferenceContext;
using shape_inference::ShapeHandle;

REGISTER_OP("Ban>FarthestPointSample")
    .Input("xyz: float")
    .Output("index: int32")
    .Attr("num_samples: int >= 1")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle xyz;
      DimensionHandle unused;
      int64_t num_samples;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &xyz));
      TF_RETURN_IF_ERROR(c->WithValue(c->Dim(xyz, 2), 3, &unused));
      TF_RETURN_IF_ERROR(c->GetAttr("num_samples", &num_samples));
      c->set_output(0, c->MakeShape({c->Dim(xyz, 0), num_samples}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Picks points that are far apart; see tf_ops/sampling/sampling.py.

xyz: [B, N, 3] coordinates in metres.
index: [B, num_samples] indices into N.
)doc");

REGISTER_OP("Ban>GatherPoints")
    .Input("points: float")
    .Input("index: int32")
    .Output("output: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle points, index;
      DimensionHandle batch;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &points));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 2, &index));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(points, 0), c->Dim(index, 0), &batch));
      c->set_output(0,
                    c->MakeShape({batch, c->Dim(index, 1), c->Dim(points, 2)}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Takes rows by index; see tf_ops/sampling/sampling.py.

points: [B, N, C].
index: [B, M] indices into N.
output: [B, M, C].
)doc");

REGISTER_OP("Ban>GatherPointsGrad")
    .Input("output_grad: float")
    .Input("index: int32")
    .Input("num_points: int32")
    .Output("points_grad: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle grad, index, scalar;
      DimensionHandle batch, num_points, unused;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &grad));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 2, &index));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(2), 0, &scalar));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(grad, 0), c->Dim(index, 0), &batch));
      TF_RETURN_IF_ERROR(c->Merge(c->Dim(grad, 1), c->Dim(index, 1), &unused));
      TF_RETURN_IF_ERROR(c->MakeDimForScalarInput(2, &num_points));
      c->set_output(0, c->MakeShape({batch, num_points, c->Dim(grad, 2)}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Gradient of GatherPoints to its points.

output_grad: [B, M, C].
index: [B, M] indices into N.
num_points: N.
points_grad: [B, N, C].
)doc");

}  // namespace tensorflow
