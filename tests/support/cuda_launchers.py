"""The CUDA launchers called through ctypes, without TensorFlow.

    library = cuda_launchers.compile_library(Path("build/ban_cuda.so"))
    runtime = cuda_launchers.find_runtime()
    (index,) = cuda_launchers.CudaOps(library, runtime).farthest_point_sample(xyz, 64).run()

Tests run the emulated kernels through it and, where there is one, a GPU;
`benchmarks/gpu_ops.py` times the kernels through it. TensorFlow reaches the
same launchers from its own kernels.
"""

import ctypes
import math
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cuda_memory import Buffer, CudaError, CudaRuntime, Memory
from tf_ops.building import toolchain

ROOT = Path(__file__).parents[2]
# No fused multiply-add: distances must round as they do on the CPU.
COMPILE_FLAGS = (
    *("-std=c++17", "-O3", "-fmad=false", f"-I{ROOT}"),
    *("-Werror", "all-warnings", "-Xcompiler", "-fPIC,-Wall"),
)
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int64
_FLOAT, _DOUBLE = ctypes.c_float, ctypes.c_double
# The parameters of each launcher after the stream, as its header declares them.
_PARAMETERS: dict[str, list] = {
    "BanFarthestPointSampleCuda": [_POINTER, *[_INT] * 3, *[_POINTER] * 2],
    "BanGatherPointsCuda": [*[_POINTER] * 2, *[_INT] * 4, _POINTER],
    "BanGatherPointsGradCuda": [*[_POINTER] * 2, *[_INT] * 4, *[_POINTER] * 2],
    "BanBallQueryCuda": [*[_POINTER] * 2, *[_INT] * 3, _FLOAT, _INT, *[_POINTER] * 2],
    "BanThreeNearestCuda": [*[_POINTER] * 2, *[_INT] * 3, *[_POINTER] * 2],
    "BanInterpolateCuda": [*[_POINTER] * 3, *[_INT] * 4, _POINTER],
    "BanInterpolateGradCuda": [*[_POINTER] * 3, *[_INT] * 4, *[_POINTER] * 2],
    "BanMeanShiftCuda": [_POINTER, *[_INT] * 3, _DOUBLE, *[_INT] * 2, *[_POINTER] * 4],
}
_SCRATCH_SIZES = {
    "BanFarthestPointSampleScratchBytes": 3,
    "BanGatherPointsGradScratchBytes": 3,
    "BanInterpolateGradScratchBytes": 3,
    "BanMeanShiftScratchBytes": 3,
}


def sources() -> list[Path]:
    """Every CUDA source file of the ops, sorted."""
    return sorted((ROOT / "tf_ops").rglob("*.cu"))


def find_cuda() -> toolchain.Cuda:
    """The CUDA toolkit that `build_ops.sh` would use.

    Raises:
        FileNotFoundError: there is none.
        BuildError: there is one of another version, or without headers.
    """
    cuda = toolchain.find_cuda()
    if cuda is None:
        raise FileNotFoundError(
            "nvcc was not found. Put it on PATH, or name it in CUDACXX or CUDA_HOME."
        )
    return cuda


def find_runtime() -> CudaRuntime:
    """GPU 0 through the runtime library of the toolkit.

    Raises:
        FileNotFoundError: there is no toolkit.
        CudaError: there is no GPU, or its driver is older than the toolkit.
    """
    return CudaRuntime(find_cuda().library / "libcudart.so")


def nvcc_flags(architectures: Sequence[int]) -> list[str]:
    """The flags that the kernels are compiled with.

    Args:
        architectures: compute capabilities without the dot, e.g. `(75, 90)`;
            for the last of them PTX is added, which later GPUs translate.
    """
    flags = list(COMPILE_FLAGS)
    for number in architectures:
        flags += ["-gencode", f"arch=compute_{number},code=sm_{number}"]
    last = architectures[-1]
    return [*flags, "-gencode", f"arch=compute_{last},code=compute_{last}"]


def compile_library(
    destination: Path, architectures: Sequence[int] = toolchain.CUDA_ARCHITECTURES
) -> ctypes.CDLL:
    """Compiles the kernels with nvcc into a library of their own and loads it.

    Raises:
        FileNotFoundError: there is no nvcc.
        subprocess.CalledProcessError: a kernel does not compile; nvcc has
            printed why.
    """
    cuda = find_cuda()
    destination.parent.mkdir(parents=True, exist_ok=True)
    unfinished = destination.with_suffix(f".{os.getpid()}.so")
    command = [cuda.nvcc, *nvcc_flags(architectures), "-shared", "-cudart", "shared"]
    rpath = ["-Xlinker", f"-rpath={cuda.library}"]
    subprocess.run([*command, *rpath, "-o", unfinished, *sources()], check=True)
    os.replace(unfinished, destination)
    return load(destination)


def load(path: Path) -> ctypes.CDLL:
    """Loads a library of launchers and declares their parameters to ctypes."""
    library = ctypes.CDLL(str(path))
    for name, parameters in _PARAMETERS.items():
        getattr(library, name).argtypes = [_POINTER, *parameters]
        getattr(library, name).restype = ctypes.c_int
    for name, num_parameters in _SCRATCH_SIZES.items():
        getattr(library, name).argtypes = [_INT] * num_parameters
        getattr(library, name).restype = ctypes.c_size_t
    return library


@dataclass(frozen=True)
class Call:
    """A launcher with its arguments in place: it can be launched again and again."""

    ops: "CudaOps"
    name: str
    arguments: tuple
    outputs: tuple[Buffer, ...]

    def launch(self) -> None:
        """Queues the kernels on the default stream.

        Raises:
            CudaError: the launcher returned an error.
        """
        values = [a.pointer if isinstance(a, Buffer) else a for a in self.arguments]
        error = getattr(self.ops.library, self.name)(None, *values)
        if error:
            raise CudaError(f"{self.name} failed with CUDA error {error}")

    def run(self) -> tuple[np.ndarray, ...]:
        """Launches, waits and returns the outputs."""
        self.launch()
        return tuple(self.ops.memory.download(output) for output in self.outputs)


class CudaOps:
    """The ops of `tf_ops` on NumPy arrays, each as a `Call` that is ready to launch.

    Args:
        library: from `load` or `compile_library`.
        memory: where the kernels' arrays lie.
    """

    def __init__(self, library: ctypes.CDLL, memory: Memory):
        self.library = library
        self.memory = memory

    def _scratch(self, name: str, *sizes: int) -> Buffer:
        return self.memory.empty((getattr(self.library, name)(*sizes),), np.uint8)

    def farthest_point_sample(self, xyz: np.ndarray, num_samples: int) -> Call:
        """`xyz` `[B, N, 3]` to index `[B, M]`."""
        sizes = (*xyz.shape[:2], num_samples)
        index = self.memory.empty((xyz.shape[0], num_samples), np.int32)
        scratch = self._scratch("BanFarthestPointSampleScratchBytes", *sizes)
        arguments = (self.memory.upload(xyz), *sizes, scratch, index)
        return Call(self, "BanFarthestPointSampleCuda", arguments, (index,))

    def gather_points(self, points: np.ndarray, index: np.ndarray) -> Call:
        """`points` `[B, N, C]`, `index` `[B, ...]` to `[B, ..., C]`."""
        batch, num_points, num_channels = points.shape
        output = self.memory.empty((*index.shape, num_channels), np.float32)
        inputs = (self.memory.upload(points), self.memory.upload(index))
        sizes = (batch, num_points, math.prod(index.shape[1:]), num_channels)
        return Call(self, "BanGatherPointsCuda", (*inputs, *sizes, output), (output,))

    def gather_points_grad(self, grad: np.ndarray, index: np.ndarray, num_points: int) -> Call:
        """`grad` `[B, ..., C]`, `index` `[B, ...]` to `[B, N, C]`."""
        sizes = (index.shape[0], num_points, math.prod(index.shape[1:]))
        output = self.memory.empty((index.shape[0], num_points, grad.shape[-1]), np.float32)
        scratch = self._scratch("BanGatherPointsGradScratchBytes", *sizes)
        inputs = (self.memory.upload(grad), self.memory.upload(index))
        arguments = (*inputs, *sizes, grad.shape[-1], scratch, output)
        return Call(self, "BanGatherPointsGradCuda", arguments, (output,))

    def ball_query(
        self, xyz: np.ndarray, centres: np.ndarray, radius: float, num_neighbours: int
    ) -> Call:
        """`xyz` `[B, N, 3]`, `centres` `[B, M, 3]` to index `[B, M, K]` and count `[B, M]`."""
        index = self.memory.empty((*centres.shape[:2], num_neighbours), np.int32)
        count = self.memory.empty(centres.shape[:2], np.int32)
        inputs = (self.memory.upload(xyz), self.memory.upload(centres))
        sizes = (*xyz.shape[:2], centres.shape[1])
        arguments = (*inputs, *sizes, radius, num_neighbours, index, count)
        return Call(self, "BanBallQueryCuda", arguments, (index, count))

    def three_nearest(self, query: np.ndarray, reference: np.ndarray) -> Call:
        """`query` `[B, N, 3]`, `reference` `[B, M, 3]` to distance and index `[B, N, 3]`."""
        distance = self.memory.empty(query.shape, np.float32)
        index = self.memory.empty(query.shape, np.int32)
        inputs = (self.memory.upload(query), self.memory.upload(reference))
        arguments = (*inputs, *query.shape[:2], reference.shape[1], distance, index)
        return Call(self, "BanThreeNearestCuda", arguments, (distance, index))

    def interpolate(self, points: np.ndarray, index: np.ndarray, weights: np.ndarray) -> Call:
        """`points` `[B, M, C]`, `index` and `weights` `[B, N, 3]` to `[B, N, C]`."""
        batch, num_points, num_channels = points.shape
        output = self.memory.empty((batch, index.shape[1], num_channels), np.float32)
        inputs = [self.memory.upload(array) for array in (points, index, weights)]
        arguments = (*inputs, batch, num_points, index.shape[1], num_channels, output)
        return Call(self, "BanInterpolateCuda", arguments, (output,))

    def interpolate_grad(
        self, grad: np.ndarray, index: np.ndarray, weights: np.ndarray, num_points: int
    ) -> Call:
        """`grad` `[B, N, C]`, `index` and `weights` `[B, N, 3]` to `[B, M, C]`."""
        sizes = (grad.shape[0], num_points, grad.shape[1])
        output = self.memory.empty((grad.shape[0], num_points, grad.shape[2]), np.float32)
        scratch = self._scratch("BanInterpolateGradScratchBytes", *sizes)
        inputs = [self.memory.upload(array) for array in (grad, index, weights)]
        arguments = (*inputs, *sizes, grad.shape[2], scratch, output)
        return Call(self, "BanInterpolateGradCuda", arguments, (output,))

    def mean_shift(
        self, embedding: np.ndarray, bandwidth: float, bin_seeding: bool, max_iterations: int
    ) -> Call:
        """`embedding` `[B, N, E]` to labels `[B, N]`, centres `[B, N, E]`, num_clusters `[B]`."""
        outputs = (
            self.memory.empty(embedding.shape[:2], np.int32),
            self.memory.empty(embedding.shape, np.float32),
            self.memory.empty(embedding.shape[:1], np.int32),
        )
        scratch = self._scratch("BanMeanShiftScratchBytes", *embedding.shape)
        settings = (bandwidth, bin_seeding, max_iterations)
        arguments = (self.memory.upload(embedding), *embedding.shape, *settings, scratch, *outputs)
        return Call(self, "BanMeanShiftCuda", arguments, outputs)
