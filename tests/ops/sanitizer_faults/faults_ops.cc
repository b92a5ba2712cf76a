#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"

namespace ban {

REGISTER_OP("Ban>Fault")
    .Input("points: float")
    .Attr("fault: string")
    .Output("output: float")
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

}  // namespace ban
