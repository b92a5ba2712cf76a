"""What the benchmarks share: how many threads run, and where results go.

Needs nothing but Python: `limit_threads` has to be called before TensorFlow or torch is imported.
"""

import json
import os
from pathlib import Path
from typing import Any

from ban_tf import disk

RESULTS = Path(__file__).parent / "results"


def limit_threads(count: int) -> None:
    """Keeps this process to `count` cores, and every library to as many threads, without a GPU."""
    for name in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{name}_NUM_THREADS"] = str(count)
    os.environ.update(TF_NUM_INTRAOP_THREADS=str(count), TF_NUM_INTEROP_THREADS="1")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # XLA takes its threads from the cores that the process may run on.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


def write(path: Path, results: dict[str, Any]) -> None:
    """Writes JSON, whole or not at all."""
    disk.write_whole(path, json.dumps(results, indent=2) + "\n")
