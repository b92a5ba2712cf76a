"""A scan in tiles stays within the memory that it was given."""

import json
import subprocess
import sys

import pytest

from places import ROOT

LIMIT_GIB = 2.4
POINTS = 6_000_000  # which take 4 GiB as a whole


@pytest.mark.slow
def test_a_scan_in_tiles_stays_within_its_memory(tmp_path):
    pytest.importorskip("lazrs", reason="lazrs is not installed (extra scans)")
    file = tmp_path / "measured.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "own_scan.py"), "--network", "cheap"]
    command += ["--points", str(POINTS), "--max-memory", f"{LIMIT_GIB}GiB", "--output", str(file)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    measured = json.loads(file.read_text())
    assert measured["in_tiles"]
    assert measured["points"] == POINTS
    assert measured["peak_gib"] <= LIMIT_GIB
