"""Damaged scans of every format: read, or refused in one sentence; no crash, no hang, no nonsense.

SCAN_MUTATIONS=100000 makes so many mutations instead of 1000, of another seed at every run.
"""

import os
import resource
import signal
import time

import numpy as np
import pytest

import scan_files
from ban_tf.clouds.formats import bounds, scan
from ban_tf.clouds.problems import UnreadableError

NUM_MUTATIONS = int(os.environ.get("SCAN_MUTATIONS", 1000))
SEED = 0 if NUM_MUTATIONS <= 1000 else time.time_ns() % 2**32
EXTREMES = (0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**63 - 1, 2**64 - 1)
WORDS = (b"nan", b"-1", b"1e999", b"99999999999999999999", b"1000000000000", b"x", b"\n", b" ", b"")
FREE = 64 * 2**20  # bytes that a scan may seem to have
MOST_GROWTH = 256 * 2**20  # of the process, in bytes
LONGEST_S = 20  # of the processors, for one file


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to three faults: bytes that are other, gone, doubled or added."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(0, len(content) + 1))
        if rng.random() < 0.4:  # headers are short, and most can go wrong there
            start = int(rng.integers(0, min(len(content), 400) + 1))
        length = int(rng.integers(0, 40))
        kind = rng.integers(0, 7)
        if kind == 0 and start < len(content):
            content[start] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            content[start : start + length] = rng.bytes(length)
        elif kind == 2:
            del content[start:]
        elif kind == 3:
            del content[start : start + length]
        elif kind == 4:
            content[start:start] = content[start : start + length]
        elif kind == 5:
            value = EXTREMES[int(rng.integers(len(EXTREMES)))]
            size = int(rng.choice([1, 2, 4, 8]))
            content[start : start + size] = (value % 256**size).to_bytes(size, "little")
        else:
            word = WORDS[int(rng.integers(len(WORDS)))]
            content[start : start + int(rng.integers(0, 6))] = word
    return bytes(content)


@pytest.mark.parametrize("kind", scan_files.KINDS)
def test_what_is_damaged_is_read_or_refused(kind, tmp_path, monkeypatch):
    path = scan_files.write_or_skip(kind, tmp_path)
    monkeypatch.setattr(bounds, "free_bytes", lambda: FREE)
    whole = path.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = np.random.default_rng([SEED, scan_files.KINDS.index(kind)])
    num_read = 0
    for number in range(NUM_MUTATIONS // len(scan_files.KINDS)):
        path.write_bytes(mutated(whole, rng))
        try:
            num_read += is_sound(path)
        except Exception as error:
            kept = tmp_path.parent / f"{number}_{path.name}"
            path.rename(kept)
            raise AssertionError(f"seed {SEED}, mutation {number}, kept as {kept}") from error
    assert num_read > 0  # most faults in the values of points cannot be told
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MOST_GROWTH


def is_sound(path) -> bool:
    """Whether a file is read, to points that there can be; any error but ours goes through."""
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)  # which ends the process
    try:
        found = scan.read(path)
    except UnreadableError as error:
        if path.name not in str(error) or len(str(error)) > 1000 or "\n" in str(error):
            raise RuntimeError(f"no message for people: {error}") from error
        return False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    assert found.xyz.shape == (len(found), 3)
    assert np.isfinite(found.xyz).all(axis=1).any()
    assert found.colors is None or found.colors.shape == found.xyz.shape
    assert all(len(values) == len(found) for values in found.fields.values())
    return True
