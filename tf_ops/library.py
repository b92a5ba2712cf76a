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
import json
import os
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

LIBRARY = Path(__file__).with_name("_ban_ops.so")
RECORD = Path(__file__).with_name("_ban_ops.json")
PROCESSOR = Path("/proc/cpuinfo")
VARIABLE = "BAN_TF_OPS"
BUILD = "bash build_ops.sh"
STOCK = f"{VARIABLE}=stock"

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
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in ("", "native", "stock"):
        raise ValueError(f'`{VARIABLE}` must be "native" or "stock". Received: {VARIABLE}={chosen}')
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
        ImportError: the library is not built, or was built for another TensorFlow or processor.
        RuntimeError: the op is being traced for XLA (`jit_compile=True`), which cannot compile it.
    """
    _refuse_xla()
    return _load()


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
    record = read_record()
    _check_version(record.get("tensorflow", "unknown"), tf.__version__)
    _check_processor(record.get("instructions", []))
    try:
        return tf.load_op_library(str(LIBRARY))
    except tf.errors.NotFoundError as error:
        raise ImportError(
            f"{LIBRARY} does not load under TensorFlow {tf.__version__}: {error.message}. "
            f"Rebuild it with: {BUILD}"
        ) from error


def _check_version(built: str, running: str) -> None:
    """TensorFlow keeps its C++ interface within a minor version only."""
    if built.split(".")[:2] != running.split(".")[:2]:
        raise ImportError(
            f"The compiled ops were built for TensorFlow {built}, but TensorFlow {running} is "
            f"running. Rebuild them with: {BUILD} --ops-only"
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
            f"Received: without {', '.join(lacking)}. Rebuild them here with: {BUILD} --ops-only; "
            f"or, where they are built, for an older processor: BAN_MARCH=x86-64-v3 {BUILD}"
        )


def read_record() -> dict[str, Any]:
    """Returns what `build_ops.sh` recorded beside the library; empty when nothing was built."""
    if not RECORD.exists():
        return {}
    return json.loads(RECORD.read_text())


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
    """Describes versions, what was built, and which kernels are in use."""
    lines = [f"Keras {keras.__version__}, backend {keras.config.backend()}"]
    record = read_record()
    if record:
        cuda = record["cuda"]
        archs = ", ".join(str(a) for a in record["cuda_architectures"])
        lines += [
            f"library: {LIBRARY}",
            f"  built for TensorFlow {record['tensorflow']} on {record['machine']}",
            f"  compiler: {record['compiler']}",
            f"  flags: {' '.join(record['flags'])}",
            f"  CUDA: {f'{cuda}, compute capability {archs}' if cuda else 'no, CPU only'}",
            f"  sources: {record['source_hash'][:16]}",
        ]
    else:
        lines.append(f"library: not built; build it with: {BUILD}")
    if use_stock():
        return "\n".join([*lines, "in use: stock kernels (keras.ops) for every op"])
    import tensorflow as tf

    lines[0] = f"TensorFlow {tf.__version__}, {lines[0]}"
    lines.append("in use: native kernels")
    width = max(len(name) for name in registered_kernels())
    lines += [f"  {n:{width}}  {', '.join(d)}" for n, d in registered_kernels().items()]
    gpus = len(tf.config.list_physical_devices("GPU"))
    lines.append(f"GPUs that TensorFlow sees: {gpus}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
