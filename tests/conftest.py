import contextlib

import keras
import pytest

from tf_ops import library

KERNELS = ["native CPU", "stock"]
if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        KERNELS.append(pytest.param("native GPU", marks=pytest.mark.gpu))


@pytest.fixture(params=KERNELS)
def kernels(request):
    """Runs the test on each set of kernels: one contract, one test body."""
    with contextlib.ExitStack() as stack:
        if request.param == "stock":
            stack.enter_context(library.stock_kernels())
        else:
            stack.enter_context(tf.device(f"{request.param.split()[1]}:0"))
        yield request.param
