"""The progress of an evaluation counts blocks, whose number is an estimate until a cloud is cut."""

from pathlib import Path

import numpy as np
import pytest

from ban_tf import config
from ban_tf.data.store import StoredCloud
from ban_tf.experiments import block_progress
from ban_tf.experiments.block_progress import BlockProgress

BLOCKS = config.Blocks(size_m=1.0, stride_m=0.5, num_points=100)


def cloud(name: str, num_samples: int, *raw_points: int) -> StoredCloud:
    instances = np.array([(0, count, 5) for count in raw_points], np.int64).reshape(-1, 3)
    return StoredCloud(name, "", Path(name), num_samples, instances, None)


@pytest.mark.parametrize(
    ("protocol", "samples", "stored", "expected"),
    [
        ("legacy", BLOCKS, cloud("a", 7, 5000), 7),
        ("covering", config.Shapes(), cloud("a", 1, 5000), 1),
        ("covering", BLOCKS, cloud("a", 7, 600, 401), 41),  # each point in four blocks of 100
        ("covering", BLOCKS, cloud("a", 7, 100), 7),
        ("covering", BLOCKS, cloud("a", 7, -1), 7),  # prepared by others, who do not tell
    ],
)
def test_the_number_of_samples_is_told_beforehand(protocol, samples, stored, expected):
    assert block_progress.expected(stored, samples, protocol) == expected


def test_the_time_left_goes_by_blocks_and_is_corrected_as_clouds_are_cut(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    small, large = cloud("small", 4), cloud("large", 40)
    with BlockProgress((small, large), BLOCKS, "covering") as progress:
        progress.begin(small)
        now[0] = 20.0  # the network starts
        progress.add(2)
        now[0] += 5.0
        progress.add(3)
        progress.end(small)
        progress.begin(large)
        now[0] += 20.0
        progress.add(40)
        progress.end(large)
    assert capsys.readouterr().err.splitlines() == [
        "evaluating ...",
        "starting the network ...",
        "evaluated small, 1 of 2 clouds, 0:05, 0:40 left",
        "evaluated large, 2 of 2 clouds, 0:25, 0:00 left",
    ]


def test_a_cloud_that_was_done_before_counts_as_no_block(capsys):
    done, left = cloud("done", 10), cloud("left", 10)
    with BlockProgress((done, left), BLOCKS, "legacy") as progress:
        progress.begin(done)
        progress.end(done)
        progress.begin(left)
        progress.add(10)
        progress.end(left)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("evaluated left, 2 of 2 clouds")
    assert lines[-1].endswith("0:00 left")
