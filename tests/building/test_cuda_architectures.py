"""Which GPUs the CUDA kernels are built for."""

import dataclasses

import pytest

from tf_ops.building import compile as compilation
from tf_ops.building import toolchain


@pytest.fixture
def toolkit(tmp_path, monkeypatch):
    """An `nvcc` that only pretends, and what lies beside it."""
    nvcc = tmp_path / "bin" / "nvcc"
    for path in (nvcc, tmp_path / "include" / "cuda_runtime_api.h"):
        path.parent.mkdir()
        path.touch()
    nvcc.write_text("#!/bin/sh\necho release 13.0\n")
    nvcc.chmod(0o755)
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64" / "libcudart_static.a").touch()
    for name in ("BAN_CUDA", "CUDACXX", "BAN_CUDA_ARCHITECTURES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (None, toolchain.CUDA_ARCHITECTURES),
        ("", toolchain.CUDA_ARCHITECTURES),
        ("90", (90,)),
        ("120, 75,75", (75, 120)),
    ],
)
def test_the_environment_chooses_them(toolkit, monkeypatch, chosen, expected):
    if chosen is not None:
        monkeypatch.setenv("BAN_CUDA_ARCHITECTURES", chosen)
    assert toolchain.find_cuda().architectures == expected


@pytest.mark.parametrize("chosen", ["sm_90", "9.0", "90;80", "90,", "0", "٩٠", "all"])
def test_anything_else_is_named(toolkit, monkeypatch, chosen):
    monkeypatch.setenv("BAN_CUDA_ARCHITECTURES", chosen)
    with pytest.raises(toolchain.BuildError, match=f"for example 90 or .*ARCHITECTURES={chosen}$"):
        toolchain.find_cuda()


def test_machine_code_is_made_for_each_and_later_gpus_compile_that_of_the_last(toolkit):
    cuda = dataclasses.replace(toolchain.find_cuda(), architectures=(75, 90))
    command = [word for word in compilation._cuda_command(cuda) if word.startswith("-gencode")]
    assert command == [
        "-gencode=arch=compute_75,code=sm_75",
        "-gencode=arch=compute_90,code=sm_90",
        "-gencode=arch=compute_90,code=compute_90",
    ]
