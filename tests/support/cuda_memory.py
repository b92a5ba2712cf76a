"""CUDA memory and events through the runtime library alone."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

_HOST_TO_DEVICE, _DEVICE_TO_HOST, _DEVICE_TO_DEVICE = 1, 2, 3  # cudaMemcpyKind
_MAJOR, _MINOR = 75, 76  # cudaDeviceAttr


class CudaError(RuntimeError):
    """A CUDA call returned an error."""


@dataclass(frozen=True)
class Buffer:
    """An array in the memory that kernels work on.

    Attributes:
        pointer: address of the first element.
        shape: its dimensions.
        dtype: type of its elements.
        owner: what keeps the memory alive.
    """

    pointer: int
    shape: tuple[int, ...]
    dtype: np.dtype
    owner: Any

    @property
    def num_bytes(self) -> int:
        """Size without padding."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


class Memory(Protocol):
    """Where the arrays of a launcher lie: a GPU, or the emulator's CPU."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Buffer:
        """Allocates an array whose content means nothing."""

    def upload(self, array: np.ndarray) -> Buffer:
        """Copies an array in."""

    def download(self, buffer: Buffer) -> np.ndarray:
        """Waits for the work launched so far and copies an array out."""


class _Allocation:
    """Frees device memory when the last buffer of it goes."""

    def __init__(self, runtime: "CudaRuntime", num_bytes: int):
        pointer = ctypes.c_void_p()
        runtime.call("cudaMalloc", ctypes.byref(pointer), ctypes.c_size_t(num_bytes))
        self.pointer = pointer.value or 0
        self._runtime = runtime

    def __del__(self) -> None:
        if hasattr(self, "pointer"):
            self._runtime.call("cudaFree", ctypes.c_void_p(self.pointer))


class CudaRuntime:
    """The CUDA runtime: the memory of GPU 0, and events to time kernels with.

    Args:
        library: path of `libcudart.so`.

    Raises:
        CudaError: there is no GPU, or its driver is older than the runtime.
        OSError: the library cannot be loaded.
    """

    def __init__(self, library: Path):
        self._library = ctypes.CDLL(str(library))
        self._library.cudaGetErrorString.restype = ctypes.c_char_p
        count = ctypes.c_int()
        self.call("cudaGetDeviceCount", ctypes.byref(count))

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function of the runtime; `CudaError` unless it succeeds."""
        self.check(name, getattr(self._library, name)(*arguments))

    def check(self, name: str, error: int) -> None:
        """Raises `CudaError` with the runtime's words for `error` unless it is 0."""
        if error:
            text = self._library.cudaGetErrorString(error).decode()
            raise CudaError(f"{name} failed: {text} (error {error})")

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Buffer:
        """Allocates an array whose content means nothing."""
        dtype = np.dtype(dtype)
        allocation = _Allocation(self, max(1, int(np.prod(shape)) * dtype.itemsize))
        return Buffer(allocation.pointer, tuple(shape), dtype, allocation)

    def upload(self, array: np.ndarray) -> Buffer:
        """Copies an array to the GPU."""
        array = np.ascontiguousarray(array)
        buffer = self.empty(array.shape, array.dtype)
        self._copy(buffer.pointer, array.ctypes.data, buffer.num_bytes, _HOST_TO_DEVICE)
        return buffer

    def download(self, buffer: Buffer) -> np.ndarray:
        """Waits for the work launched so far and copies an array from the GPU."""
        array = np.empty(buffer.shape, buffer.dtype)
        self._copy(array.ctypes.data, buffer.pointer, buffer.num_bytes, _DEVICE_TO_HOST)
        return array

    def _copy(self, target: int, source: int, num_bytes: int, kind: int) -> None:
        self.call(
            "cudaMemcpy",
            ctypes.c_void_p(target),
            ctypes.c_void_p(source),
            ctypes.c_size_t(num_bytes),
            ctypes.c_int(kind),
        )

    def copy_on_device(self, target: Buffer, source: Buffer) -> None:
        """Starts a copy within the GPU's memory."""
        self.call(
            "cudaMemcpyAsync",
            ctypes.c_void_p(target.pointer),
            ctypes.c_void_p(source.pointer),
            ctypes.c_size_t(source.num_bytes),
            ctypes.c_int(_DEVICE_TO_DEVICE),
            ctypes.c_void_p(),
        )

    def new_event(self) -> ctypes.c_void_p:
        """Makes an event; see `record` and `milliseconds`."""
        event = ctypes.c_void_p()
        self.call("cudaEventCreate", ctypes.byref(event))
        return event

    def record(self, event: ctypes.c_void_p) -> None:
        """Marks the point in the default stream that work has now been queued to."""
        self.call("cudaEventRecord", event, ctypes.c_void_p())

    def milliseconds(self, start: ctypes.c_void_p, end: ctypes.c_void_p) -> float:
        """Waits for `end` and returns the time between two recorded events."""
        self.call("cudaEventSynchronize", end)
        elapsed = ctypes.c_float()
        self.call("cudaEventElapsedTime", ctypes.byref(elapsed), start, end)
        return elapsed.value

    def compute_capability(self) -> tuple[int, int]:
        """Of GPU 0, e.g. `(9, 0)`."""
        return self._attribute(_MAJOR), self._attribute(_MINOR)

    def device_name(self) -> str:
        """Of GPU 0, e.g. `NVIDIA H200`, as the driver says it."""
        driver = ctypes.CDLL("libcuda.so.1")
        name, device = ctypes.create_string_buffer(256), ctypes.c_int()
        for error in (
            driver.cuInit(0),
            driver.cuDeviceGet(ctypes.byref(device), 0),
            driver.cuDeviceGetName(name, len(name), device),
        ):
            self.check("cuDeviceGetName", error)
        return name.value.decode()

    def _attribute(self, attribute: int) -> int:
        value = ctypes.c_int()
        self.call("cudaDeviceGetAttribute", ctypes.byref(value), attribute, 0)
        return value.value
