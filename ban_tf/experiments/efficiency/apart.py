"""Times a system in a process of its own; see `measure`."""

import subprocess
import sys
from pathlib import Path

from ban_tf.experiments.efficiency.records import Efficiency


def measure_apart(request: Path) -> Efficiency:
    """Times what a file of a `Request` asks for.

    Raises:
        RuntimeError: the process failed; the message ends with its last line.
    """
    command = [sys.executable, "-m", "ban_tf.experiments.efficiency.measure", str(request)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"timing failed: {reason}")
    return Efficiency.from_json(done.stdout.splitlines()[-1])
