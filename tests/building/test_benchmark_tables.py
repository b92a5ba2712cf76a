import json
import subprocess
import sys

import pytest

from places import ROOT

SCRIPT = ROOT / "benchmarks" / "tables.py"


def tables(folder):
    command = [sys.executable, str(SCRIPT), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def results(tmp_path):
    """One op on one thread and on two, as benchmarks/cpu_ops.py writes them."""
    case = {
        "case": "grouping 13 MB",
        "medians_ms": {"ours": 0.5, "tf.gather": 0.75},
        "best_peer": "tf.gather",
        "ratio": 1.5,
        "demand": 1.3,
        "share_of_limit": 0.6,
        "copy_ms": 0.5,
    }
    for threads, ratio in ((1, 1.5), (2, 123.4)):
        path = tmp_path / f"cpu_ops_{threads}.json"
        path.write_text(json.dumps({"cases": [{**case, "ratio": ratio}]}))
    return tmp_path


def test_a_row_has_both_numbers_of_threads(results):
    assert tables(results).stdout.splitlines() == [
        "| op | one thread | fastest peer | ratio | two threads | asked | limit | copy |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| grouping 13 MB | 0.500 ms | tf.gather | 1.50x | 123x | 1.30x | 60% | 1.50x |",
    ]


def test_what_was_not_measured_with_two_threads_is_left_open(results):
    (results / "cpu_ops_2.json").unlink()
    assert "| 1.50x | - | 1.30x |" in tables(results).stdout


def test_an_empty_folder_is_refused_with_the_way_out(tmp_path):
    done = tables(tmp_path)
    assert done.returncode == 2
    assert (
        f"no results of the CPU benchmarks in '{tmp_path}'; run benchmarks/cpu_ops.py"
        in done.stderr
    )


@pytest.mark.parametrize("machine", ["cascade_lake", "zen_4", "zen_4_avx2"])
def test_every_committed_row_of_attention_is_in_the_page(machine):
    page = (SCRIPT.parents[1] / "docs" / "speed.md").read_text(encoding="utf-8")
    rows = tables(SCRIPT.parent / "results" / machine).stdout.splitlines()
    attention = [row for row in rows if "head" in row[: row.find(",")]]
    assert len(attention) >= 6
    assert all(row in page for row in attention)
