"""nvcc takes every kernel without a warning, where there is an nvcc."""

import subprocess

import pytest

import cuda_launchers
from tf_ops.building import toolchain


def compile_with_nvcc(source, folder, flags):
    try:
        cuda = cuda_launchers.find_cuda()
    except (FileNotFoundError, toolchain.BuildError) as error:
        pytest.skip(f"no CUDA compiler: {error}")
    command = [cuda.nvcc, *flags, "-o", str(folder / "compiled"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("source", cuda_launchers.sources(), ids=lambda path: path.stem)
def test_nvcc_compiles_every_kernel_without_a_warning(tmp_path, source):
    newest = toolchain.CUDA_ARCHITECTURES[-1]  # device code alone: the build does the rest
    flags = [*cuda_launchers.COMPILE_FLAGS, "-cubin", f"-arch=sm_{newest}"]
    compile_with_nvcc(source, tmp_path, flags)


@pytest.mark.slow
@pytest.mark.parametrize("source", cuda_launchers.sources(), ids=lambda path: path.stem)
def test_nvcc_compiles_every_kernel_for_every_architecture(tmp_path, source):
    flags = cuda_launchers.nvcc_flags(toolchain.CUDA_ARCHITECTURES)
    compile_with_nvcc(source, tmp_path, [*flags, "-c"])
