#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tf_ops/clustering/clustering.h"

namespace tensorflow {

using shape_inference::DimensionHandle;
using shape_inference::InferenceContext;
using shape_inference::ShapeHandle;

REGISTER_OP("Ban>MeanShift")
    .Input("embedding: float")
    .Input("bandwidth: double")
    .Output("labels: int32")
    .Output("centres: float")
    .Output("num_clusters: int32")
    .Attr("bin_seeding: bool = true")
    .Attr("max_iterations: int >= 0 = 300")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle embedding, scalar;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &embedding));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 0, &scalar));
      const DimensionHandle batch = c->Dim(embedding, 0);
      const DimensionHandle width = c->Dim(embedding, 2);
      if (c->ValueKnown(width) &&
          (c->Value(width) < 1 || c->Value(width) > ban::kMaxEmbeddingWidth)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "MeanShift: embedding [B, N, E] must have E in [1, ",
            ban::kMaxEmbeddingWidth, "]. Received: E=", c->Value(width)));
      }
      c->set_output(0, c->MakeShape({batch, c->Dim(embedding, 1)}));
      c->set_output(1, c->MakeShape({batch, c->UnknownDim(), width}));
      c->set_output(2, c->MakeShape({batch}));
      return absl::OkStatus();
    })
    .Doc(R"doc(
Clusters every block with a flat kernel; see tf_ops/clustering/clustering.py.

embedding: [B, N, E].
bandwidth: radius of the kernel, in units of the embedding.
labels: [B, N].
centres: [B, Kmax, E], NaN after the clusters of a block.
num_clusters: [B].
bin_seeding: start from the occupied cells of a grid, not from every point.
max_iterations: moves of a seed after its first.
)doc");

}  // namespace tensorflow
