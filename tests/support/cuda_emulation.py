"""Builds the CUDA kernels for the emulator and gives them memory with guards."""

import ctypes
import functools
import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import cuda_launchers
from cuda_memory import Buffer
from places import ROOT
from tf_ops.building import toolchain

EMULATOR = ROOT / "tests" / "cuda" / "emulator"
BUILD = ROOT / "build" / "cuda_emulator"
# The kernels' two ways of finding a warp's maximum, and clusters of blocks, are
# chosen by compute capability; small grids make blocks take several shares.
SMALL_GRIDS = ("-DBAN_MAX_GRID_X=3", "-DBAN_MAX_GRID_Y=2")
DEVICES = {"cc75": (750, SMALL_GRIDS), "cc90": (900, ())}
GUARD_BYTES = 256
GUARD, FILL = 0xA5, 0xFF


def compile_sources(sources: list[Path], capability: int, macros: Sequence[str] = ()) -> Path:
    """Compiles CUDA sources and the emulator into a library; once per content."""
    flags = [
        *("-x", "c++", "-std=c++17", "-O1", "-fPIC", "-shared"),
        *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"),
        *("-ffp-contract=off", "-fno-strict-aliasing"),
        *("-DBAN_EMULATE_CUDA", f"-D__CUDA_ARCH__={capability}", *macros),
        *(f"-I{ROOT}", f"-I{EMULATOR}"),
    ]
    compiler = toolchain.find_compiler()
    headers = [*sorted((ROOT / "tf_ops").rglob("*.h")), *sorted(EMULATOR.glob("*.h"))]
    sources = [*sources, EMULATOR / "scheduler.cc"]
    digest = hashlib.sha256("\0".join([compiler.version, *flags]).encode())
    for path in [*headers, *sources]:
        digest.update(str(path).encode() + path.read_bytes())
    library = BUILD / f"{digest.hexdigest()[:24]}.so"
    if not library.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        unfinished = library.with_suffix(f".{os.getpid()}")
        command = [*compiler.command.split(), *flags, "-o", str(unfinished), *map(str, sources)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        os.replace(unfinished, library)
    return library


def declare_emulator(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declares the emulator's own functions to ctypes."""
    library.ban_emulator_take_failure.restype = ctypes.c_char_p
    library.ban_emulator_set_schedule.argtypes = [ctypes.c_uint64]
    library.ban_emulator_set_schedule.restype = None
    return library


@functools.lru_cache
def library(device: str) -> ctypes.CDLL:
    """The launchers of tf_ops on one of the emulated `DEVICES`."""
    path = compile_sources(cuda_launchers.sources(), *DEVICES[device])
    return declare_emulator(cuda_launchers.load(path))


class GuardedMemory:
    """The CPU's memory; arrays start out as NaN and lie between guard bytes."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Buffer:
        dtype = np.dtype(dtype)
        num_bytes = int(np.prod(shape)) * dtype.itemsize
        memory = np.full(num_bytes + 2 * GUARD_BYTES + 16, GUARD, np.uint8)
        begin = GUARD_BYTES + -(memory.ctypes.data + GUARD_BYTES) % 16
        memory[begin : begin + num_bytes] = FILL
        return Buffer(memory.ctypes.data + begin, tuple(shape), dtype, (memory, begin, num_bytes))

    def upload(self, array: np.ndarray) -> Buffer:
        buffer = self.empty(array.shape, array.dtype)
        memory, begin, num_bytes = buffer.owner
        memory[begin : begin + num_bytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return buffer

    def download(self, buffer: Buffer) -> np.ndarray:
        memory, begin, num_bytes = buffer.owner
        inside = memory[begin : begin + num_bytes]
        return inside.view(buffer.dtype).reshape(buffer.shape).copy()

    def check_guards(self, buffer: Buffer) -> None:
        memory, begin, num_bytes = buffer.owner
        assert (memory[:begin] == GUARD).all(), "a kernel wrote before an array"
        assert (memory[begin + num_bytes :] == GUARD).all(), "a kernel wrote past an array"


class EmulatedOps(cuda_launchers.CudaOps):
    """`CudaOps` on the emulator; see `run`."""

    def __init__(self, device: str):
        super().__init__(library(device), GuardedMemory())

    def run(self, call: cuda_launchers.Call, seed: int = 0) -> tuple[np.ndarray, ...]:
        """Runs a call under the interleaving of threads that `seed` stands for."""
        self.library.ban_emulator_set_schedule(seed)
        try:
            results = call.run()
        finally:
            failure = self.library.ban_emulator_take_failure().decode()
            assert not failure, failure
        for argument in call.arguments:
            if isinstance(argument, Buffer):
                self.memory.check_guards(argument)
        return results
