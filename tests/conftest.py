import contextlib

import keras
import pytest
from hypothesis import settings

from tf_ops import library

# For tests that leave the number of examples to the profile: the same ones at every run, or, with
# --hypothesis-profile=extended, many and new ones (a failure prints how to repeat it).
settings.register_profile("repeated", deadline=None, derandomize=True, max_examples=40)
settings.register_profile("extended", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("repeated")

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
