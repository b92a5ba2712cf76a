"""The one compiled library: loads it on first use, says what was built, picks the kernels.

    python -m tf_ops.library        # versions, what was built, which kernels are in use

Native kernels, compiled C++ and CUDA, are the default under the TensorFlow backend of Keras. Stock
kernels, the same ops written in `keras.ops` only, run on request: with the environment variable
`BAN_TF_OPS=stock`, inside `with stock_kernels():`, or under another Keras backend. The choice is
made when an op is called, so a `tf.function` keeps the one it was traced with.
"""

import contextlib
import contextvars
import functools
import importlib
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from tf_ops import record as records
from tf_ops.choice import STOCK, VARIABLE, requested
from tf_ops.record import LIBRARY, REBUILD, RECORD

PROCESSOR = Path("/proc/cpuinfo")
BUILD = "bash build_ops.sh"

_stock_requested = contextvars.ContextVar("stock_requested", default=False)


def use_stock() -> bool:
    """Tells whether the next op runs on its stock kernel.

    Raises:
        ValueError: the environment variable `BAN_TF_OPS` is neither "native" nor "stock", or is
            "native" under another backend than TensorFlow.

    Example:
        >>> import tf_ops
        >>> with tf_ops.stock_kernels():
        ...     print(tf_ops.use_stock())
        True
    """
    chosen = requested()
    backend = keras.config.backend()
    if backend != "tensorflow":
        if chosen == "native":
            raise ValueError(
                "Native kernels are TensorFlow ops and need Keras's TensorFlow backend. Received: "
                f"{VARIABLE}=native, KERAS_BACKEND={backend}. Unset one of them."
            )
        return True
    return chosen == "stock" or _stock_requested.get()


@contextlib.contextmanager
def stock_kernels() -> Iterator[None]:
    """Runs the ops called inside on their stock kernels.

    A `tf.function` keeps the kernels that it was traced with.

    Example:
        >>> import numpy as np
        >>> import tf_ops
        >>> xyz = np.zeros((1, 4, 3), "float32")
        >>> with tf_ops.stock_kernels():
        ...     print(tf_ops.farthest_point_sample(xyz, 2).shape)
        (1, 2)
    """
    token = _stock_requested.set(True)
    try:
        yield
    finally:
        _stock_requested.reset(token)


def kernels(folder: str) -> types.ModuleType:
    """Returns the module that runs the ops of one folder, e.g. `tf_ops.sampling.native`.

    Args:
        folder: name of a folder of `tf_ops`, with a `native.py` and a `stock.py`.
    """
    return _module(f"tf_ops.{folder}.{'stock' if use_stock() else 'native'}")


# The cache also keeps AutoGraph, which cannot, from trying to convert the import.
_module = functools.cache(importlib.import_module)


def ops() -> Any:
    """Returns the generated wrappers of the compiled ops, e.g. `ops().ban_three_nearest`.

    Raises:
        ImportError: the library is not built, is damaged, or was built from other sources than
            those beside it, for another TensorFlow, or for another processor.
        RuntimeError: the op is being traced for XLA (`jit_compile=True`), which cannot compile it.
    """
    _refuse_xla()
    return _load()


def require_usable() -> None:
    """Returns if the kernels that are chosen can run, and loads them.

    Raises:
        ImportError: native kernels are chosen, and the library does not load; see `ops`.
        ValueError: the choice is none; see `use_stock`.

    Example:
        >>> import tf_ops
        >>> from tf_ops import library
        >>> with tf_ops.stock_kernels():
        ...     library.require_usable()
    """
    if not use_stock():
        _load()


def _refuse_xla() -> None:
    import tensorflow as tf

    if tf.executing_eagerly():
        return
    # The only sign of jit_compile=True while a function is traced; without this check the
    # function fails later, with a message that names no way out.
    from tensorflow.python.ops import control_flow_util

    if control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        raise RuntimeError(
            "The compiled ops of tf_ops cannot be compiled by XLA. Received: jit_compile=True. "
            f"Set the environment variable {STOCK} to run their stock kernels, which can, or use "
            "jit_compile=False (in Keras: model.compile(..., jit_compile=False))."
        )


@functools.lru_cache(maxsize=1)
def _load() -> Any:
    import tensorflow as tf

    if not LIBRARY.exists():
        raise ImportError(
            f"The compiled ops are not built: {LIBRARY} does not exist. Build them with: {BUILD}. "
            f"Or set the environment variable {STOCK} for the slower kernels without compilation."
        )
    record = records.read(RECORD)
    _check_version(record["tensorflow"], tf.__version__)
    _check_processor(record["instructions"])
    records.check_library(LIBRARY, record)
    records.check_sources(LIBRARY.parent, record)
    try:
        return tf.load_op_library(str(LIBRARY))
    except tf.errors.NotFoundError as error:
        raise ImportError(
            f"{LIBRARY} does not load under TensorFlow {tf.__version__}: {error.message}. "
            f"Rebuild it with: {REBUILD}"
        ) from error


def _check_version(built: str, running: str) -> None:
    """TensorFlow keeps its C++ interface within a minor version only."""
    if built.split(".")[:2] != running.split(".")[:2]:
        raise ImportError(
            f"The compiled ops were built for TensorFlow {built}, but TensorFlow {running} is "
            f"running. Rebuild them with: {REBUILD}"
        )


def _check_processor(needed: list[str]) -> None:
    """An instruction that the processor does not know would end the process without a word."""
    if not PROCESSOR.exists():  # not Linux: nothing to compare with
        return
    flags = re.search(r"^flags\s*:(.*)$", PROCESSOR.read_text(), re.MULTILINE)
    lacking = sorted(set(needed) - set(flags[1].split())) if flags else []
    if lacking:
        raise ImportError(
            "The compiled ops were built for a processor with instructions that this one lacks. "
            f"Received: without {', '.join(lacking)}. Rebuild them here with: {REBUILD}; "
            f"or, where they are built, for an older processor: BAN_MARCH=x86-64-v3 {BUILD}"
        )


def read_record() -> dict[str, Any]:
    """Returns what `build_ops.sh` recorded beside the library; empty when nothing was built.

    Raises:
        ImportError: the record is damaged, or the library has none.
    """
    return records.read(RECORD) if RECORD.exists() or LIBRARY.exists() else {}


def registered_kernels() -> dict[str, list[str]]:
    """Returns the devices ("CPU", "GPU") with a kernel, for every compiled op."""
    from tensorflow.python.framework import kernels as registry

    names = [name for name in dir(_load()) if name.startswith("Ban_")]
    op_names = sorted("Ban>" + name.removeprefix("Ban_") for name in names)
    return {
        name: sorted({k.device_type for k in registry.get_registered_kernels_for_op(name).kernel})
        for name in op_names
    }


def report() -> str:
    """Describes versions, what was built, and which kernels are in use.

    Raises:
        ImportError: the record of what was built is damaged, or native kernels do not load.
    """
    return "\n".join([*_versions(), *_built(), *_in_use()])


def _versions() -> list[str]:
    backend = keras.config.backend()
    line = f"Keras {keras.__version__}, backend {backend}"
    if backend != "tensorflow":
        return [line]
    import tensorflow as tf

    return [f"TensorFlow {tf.__version__}, {line}"]


def _built() -> list[str]:
    """Lines on the library, whether or not it can be loaded here."""
    record = read_record()
    if not record:
        return [f"library: not built; build it with: {BUILD}"]
    archs = ", ".join(str(a) for a in record["cuda_architectures"])
    return [
        f"library: {LIBRARY}",
        f"  built for TensorFlow {record['tensorflow']} on {record['machine']}",
        f"  compiler: {record['compiler']}",
        f"  flags: {' '.join(record['flags'])}",
        f"  CUDA: {record['cuda']}, compute capability {archs}"
        if archs
        else "  CUDA: no, CPU only",
        f"  sources: {record['source_hash'][:16]}",
    ]


def _in_use() -> list[str]:
    """Lines on the kernels, which are loaded for it."""
    if use_stock():
        return ["in use: stock kernels (keras.ops) for every op"]
    import tensorflow as tf

    kernels = registered_kernels()
    width = max(len(name) for name in kernels)
    return [
        "in use: native kernels",
        *(f"  {name:{width}}  {', '.join(devices)}" for name, devices in kernels.items()),
        f"GPUs that TensorFlow sees: {len(tf.config.list_physical_devices('GPU'))}",
    ]


def main() -> None:
    """Prints the report; what cannot be used ends it in one sentence, with exit code 1."""
    try:
        for part in (_versions, _built, _in_use):
            print("\n".join(part()), flush=True)
    except (ImportError, ValueError) as error:
        sys.exit(f"tf_ops.library: {error}")


if __name__ == "__main__":
    main()
