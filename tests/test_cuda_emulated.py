"""The tests of the point ops once more, on the CUDA kernels emulated on the CPU.

Every test body of these modules that runs on a choice of kernels is run
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
import test_mean_shift
import test_mean_shift_partition
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


_MODULES = {  # and the least number of bodies in each
    test_sampling: 8,
    test_grouping: 8,
    test_interpolation: 8,
    test_mean_shift: 4,
    test_mean_shift_partition: 9,
}
for _module in _MODULES:
    for _name, _body in inspect.getmembers(_module, inspect.isfunction):
        if _name.startswith("test_") and "kernels" in inspect.signature(_body).parameters:
            globals()[f"{_module.__name__}_{_name}"] = _body


def test_every_module_has_bodies_here_and_they_reach_the_emulated_kernels(kernels):
    for module, least in _MODULES.items():
        assert sum(name.startswith(f"{module.__name__}_test_") for name in globals()) >= least
    cloud = np.zeros((1, 2, 3), np.float32)
    with pytest.raises(CudaError, match="BanThreeNearestCuda failed"):
        library.kernels("interpolation").three_nearest(cloud, cloud)
