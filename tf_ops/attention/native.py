"""The compiled kernel of attention and its gradient; called through `attention.py`."""

from typing import Any

import tensorflow as tf

from tf_ops import library
from tf_ops.attention import stock


@tf.autograph.experimental.do_not_convert  # nothing here depends on a tensor's value
def attend(query: Any, key: Any, value: Any, scale: float = 1.0) -> tf.Tensor:
    """As `attention.attend`. On a GPU, which has no compiled kernel, the stock one runs."""
    stock.check(query, key, value)
    query, key, values = (tf.cast(x, tf.float32) for x in (query, key, value))
    if _is_on_gpu(query):
        output = stock.attend(query, key, values, scale)
    else:
        output = library.ops().ban_attend(query=query, key=key, value=values, scale=scale).output
    return tf.cast(output, value.dtype)


def _is_on_gpu(tensor: tf.Tensor) -> bool:
    """Tells where an op on `tensor` will run; a graph without a device will take a GPU's."""
    device = tf.DeviceSpec.from_string(tensor.device or "").device_type
    return device == "GPU" or (device is None and bool(tf.config.list_physical_devices("GPU")))


@tf.RegisterGradient("Ban>Attend")
def _attend_grad(op: Any, output_grad: tf.Tensor, log_sum_exp_grad: tf.Tensor) -> list[tf.Tensor]:
    query, key, value = op.inputs
    output, log_sum_exp = op.outputs
    gradients = library.ops().ban_attend_grad(
        query=query,
        key=key,
        value=value,
        output=output,
        log_sum_exp=log_sum_exp,
        output_grad=output_grad,
        log_sum_exp_grad=log_sum_exp_grad,
        scale=op.get_attr("scale"),
    )
    return [gradients.query_grad, gradients.key_grad, gradients.value_grad]


@tf.RegisterGradient("Ban>AttendGrad")
def _attend_grad_grad(op: Any, *output_grads: Any) -> None:
    raise NotImplementedError(
        "The compiled attention has no second derivative: its gradient, the op Ban>AttendGrad, "
        "cannot be differentiated again. Set the environment variable "
        f"{library.STOCK}, or put `with tf_ops.stock_kernels():` around what is to be "
        "differentiated twice: the stock attention can be."
    )
