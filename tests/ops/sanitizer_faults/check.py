"""Commits each fault in a process of its own and looks for the sanitizers' report of it.

Run by `.ci/sanitizers`, on the library that it has built.
"""

import concurrent.futures
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# The fault and what a report of it says; "none" must leave none.
REPORTS = {
    "none": None,
    "read past the input": "heap-buffer-overflow",
    "write past the output": "heap-buffer-overflow",
    "write before the output": "heap-buffer-overflow",
    "read what was freed": "heap-use-after-free",
    "vector index": "__n < this->size()",
    "cast out of range": "is outside the range of representable values of type 'int'",
    "cast of NaN": "nan is outside the range of representable values of type 'long int'",
    "integer overflow": "signed integer overflow",
    "shift too far": "shift exponent 3",
    "address not aligned": "misaligned address",
}


def commit(fault: str) -> None:
    """Runs the op on tensors that TensorFlow has allocated."""
    import tensorflow as tf

    from tf_ops import library

    points = tf.ones([5]) + tf.ones([5])
    library.ops().ban_fault(points=points, fault=fault)


def report(fault: str) -> str:
    """What the process of one fault leaves in its log and on its standard error."""
    with tempfile.TemporaryDirectory() as folder:
        options = f"{os.environ['ASAN_OPTIONS']}:log_path={folder}/log"
        environment = {**os.environ, "ASAN_OPTIONS": options}
        done = subprocess.run(
            [sys.executable, __file__, fault], env=environment, capture_output=True, text=True
        )
        if fault == "none" and done.returncode != 0:
            sys.exit(f"The op without a fault does not run:\n{done.stderr}")
        logs = sorted(Path(folder).glob("log*"))
        return done.stderr + "".join(path.read_text() for path in logs)


def main() -> None:
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = dict(zip(REPORTS, pool.map(report, REPORTS), strict=True))
    for fault, wanted in REPORTS.items():
        if wanted is None:
            caught = not any(words and words in found[fault] for words in REPORTS.values())
        else:
            caught = wanted in found[fault]
        if not caught:
            sys.exit(f"The sanitizers do not catch the fault '{fault}':\n{found[fault]}")
    print(f"The sanitizers catch all {len(REPORTS) - 1} faults on purpose.")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        commit(sys.argv[1])
    else:
        main()
