import os
import subprocess
import sys

from places import ROOT

SCRIPT = ROOT / "benchmarks" / "gpu_ops.py"


def test_the_benchmark_says_what_is_missing_where_there_is_no_gpu(tmp_path):
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--output", str(tmp_path / "results.json")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1
    assert "needs an NVIDIA GPU, its driver, and nvcc. Received: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results.json").exists()
