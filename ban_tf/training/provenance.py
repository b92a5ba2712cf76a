"""Where results come from: revision of the code, versions, machine, time."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from typing import Any

CPU_INFO = pathlib.Path("/proc/cpuinfo")


def collect() -> dict[str, Any]:
    """Revision, versions, machine and the time now, in the form that goes into a JSON file.

    Example:
        >>> from ban_tf.training import provenance
        >>> sorted(provenance.collect())
        ['machine', 'revision', 'started', 'threads', 'versions']
    """
    versions: dict[str, str | None] = {}
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "scikit-learn", "h5py"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "revision": _git_revision(),
        "versions": {"python": platform.python_version(), **versions},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {_cpu()}",
        "threads": num_threads(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def num_threads() -> int:
    """On how many threads TensorFlow sums up: other numbers round differently, from the same seed.

    Example:
        >>> from ban_tf.training import provenance
        >>> provenance.num_threads() >= 1
        True
    """
    asked = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    # Those of the processors that this process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu() -> str:
    """What the processor calls itself; Linux says it in one place alone."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _git_revision() -> str:
    here = pathlib.Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
