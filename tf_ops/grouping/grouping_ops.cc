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

}  // namespace tensorflow
