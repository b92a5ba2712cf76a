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
CUDA_KERNELS = []
if keras.config.backend() == "tensorflow":
    import tensorflow as tf

    import cuda_emulation
    from emulated_library import EmulatedLibrary

    CUDA_KERNELS = [f"emulated CUDA, {device}" for device in cuda_emulation.DEVICES]
    if tf.config.list_physical_devices("GPU"):
        KERNELS.append(pytest.param("native GPU", marks=pytest.mark.gpu))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Makes what a test printed or logged text, which names of files need not be.

    Processes that share the tests (`-n`) could not send it to one another otherwise.
    """
    report = yield
    report.sections = [
        (title, content.encode(errors="backslashreplace").decode())
        for title, content in report.sections
    ]
    return report


def pytest_generate_tests(metafunc):
    """Runs a test that takes `kernels` on every set of kernels: one contract, one test body.

    A module whose ops have no CUDA kernel says so by `HAS_CUDA_KERNELS = False`.
    """
    if "kernels" in metafunc.fixturenames:
        emulated = CUDA_KERNELS if getattr(metafunc.module, "HAS_CUDA_KERNELS", True) else []
        metafunc.parametrize("kernels", [*KERNELS, *emulated], indirect=True)


@pytest.fixture
def kernels(request, monkeypatch):
    """The ops run on these kernels; the CUDA ones are emulated on the CPU, or run on a GPU."""
    kind, _, device = request.param.rpartition(" ")
    with contextlib.ExitStack() as stack:
        if request.param == "stock":
            stack.enter_context(library.stock_kernels())
        elif kind == "native":
            stack.enter_context(tf.device(f"{device}:0"))
        else:
            emulated = EmulatedLibrary(device)
            monkeypatch.setattr(library, "ops", lambda: emulated)
        yield request.param
