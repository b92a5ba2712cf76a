"""The tests of the point ops once more, on the CUDA kernels emulated on the CPU.

Every test body of the three modules that runs on a choice of kernels is run
here on the emulated ones: behind the same public functions, in place of the
compiled library.
"""

import inspect

import cuda_emulation
import keras
import numpy as np
import pytest
import test_grouping
import test_interpolation
import test_sampling
from emulated_library import EmulatedLibrary

from tf_ops import library
from tf_ops.native.memory import CudaError

if keras.config.backend() != "tensorflow":
    pytest.skip("the emulated kernels stand in for TensorFlow ops", allow_module_level=True)


@pytest.fixture(params=cuda_emulation.DEVICES)
def kernels(request, monkeypatch):
    """In place of the fixture of the same name that picks compiled or stock kernels."""
    emulated = EmulatedLibrary(request.param)
    monkeypatch.setattr(library, "ops", lambda: emulated)
    return f"emulated CUDA {request.param}"


for _module in (test_sampling, test_grouping, test_interpolation):
    for _name, _body in inspect.getmembers(_module, inspect.isfunction):
        if _name.startswith("test_") and "kernels" in inspect.signature(_body).parameters:
            globals()[f"{_module.__name__}_{_name}"] = _body


def test_every_module_has_bodies_here_and_they_reach_the_emulated_kernels(kernels):
    for module in ("sampling", "grouping", "interpolation"):
        assert sum(name.startswith(f"test_{module}_test_") for name in globals()) >= 8
    cloud = np.zeros((1, 2, 3), np.float32)
    with pytest.raises(CudaError, match="BanThreeNearestCuda failed"):
        library.kernels("interpolation").three_nearest(cloud, cloud)
