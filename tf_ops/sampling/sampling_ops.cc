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

}  // namespace tensorflow
