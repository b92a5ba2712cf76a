"""nvcc takes every kernel without a warning, where there is an nvcc."""

import subprocess

import pytest

from tf_ops.building import toolchain
from tf_ops.core import launchers


def compile_with_nvcc(source, folder, flags):
    try:
        cuda = launchers.find_cuda()
    except (FileNotFoundError, toolchain.BuildError) as error:
        pytest.skip(f"no CUDA compiler: {error}")
    command = [cuda.nvcc, *flags, "-o", str(folder / "compiled"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("source", launchers.sources(), ids=lambda path: path.stem)
def test_nvcc_compiles_every_kernel_without_a_warning(tmp_path, source):
    newest = toolchain.CUDA_ARCHITECTURES[-1]  # device code alone: the build does the rest
    flags = [*launchers.COMPILE_FLAGS, "-cubin", f"-arch=sm_{newest}"]
    compile_with_nvcc(source, tmp_path, flags)


@pytest.mark.slow
@pytest.mark.parametrize("source", launchers.sources(), ids=lambda path: path.stem)
def test_nvcc_compiles_every_kernel_for_every_architecture(tmp_path, source):
    flags = launchers.nvcc_flags(toolchain.CUDA_ARCHITECTURES)
    compile_with_nvcc(source, tmp_path, [*flags, "-c"])
