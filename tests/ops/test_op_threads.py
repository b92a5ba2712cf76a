"""Every op gives the same bits on any number of threads, and from run to run."""

import json
import subprocess
import sys

import pytest

import op_fingerprints
from places import SUPPORT

THREADS = (1, 2, 3, 5)


@pytest.fixture(scope="module")
def digests():
    """What a process with each number of threads prints; they run beside each other."""
    script = SUPPORT / "op_fingerprints.py"
    running = [
        subprocess.Popen(
            [sys.executable, str(script), str(threads)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for threads in THREADS
    ]
    printed = [process.communicate() for process in running]
    for process, (_, error) in zip(running, printed, strict=True):
        assert process.returncode == 0, error
    return [json.loads(output.splitlines()[-1]) for output, _ in printed]


@pytest.mark.parametrize("op", [run.__name__ for run in op_fingerprints.OPS])
def test_the_bits_are_the_same_on_1_2_3_and_5_threads_and_from_run_to_run(digests, op):
    assert len({digest for found in digests for digest in found[op]}) == 1


def test_thousands_of_short_calls_at_once_all_end_and_agree():
    script = SUPPORT / "many_short_calls.py"
    # Takes seconds, and minutes under the sanitizers on a machine that others share.
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0"]
