import json
import os
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

from emulated_library import EmulatedLibrary
from tf_ops import library, record


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """A library that looks for its files in an empty folder, and has not been loaded yet."""
    monkeypatch.setattr(library, "LIBRARY", tmp_path / "_ban_ops.so")
    monkeypatch.setattr(library, "RECORD", tmp_path / "_ban_ops.json")
    library._load.cache_clear()
    yield tmp_path
    library._load.cache_clear()


def write_library(content=b"not a library", **changed):
    """Writes a library of this content, with a record that fits but for what is changed."""
    library.LIBRARY.write_bytes(content)
    real = json.loads(record.RECORD.read_text())
    fitting = {"library": record.of_library(library.LIBRARY), "sources": {}}
    library.RECORD.write_text(json.dumps({**real, **fitting, **changed}))


def test_native_kernels_are_the_rule_and_stock_ones_are_asked_for(monkeypatch):
    monkeypatch.delenv("BAN_TF_OPS", raising=False)
    assert not library.use_stock()
    monkeypatch.setenv("BAN_TF_OPS", "stock")
    assert library.use_stock()
    assert library.kernels("sampling").__name__ == "tf_ops.sampling.stock"
    monkeypatch.setenv("BAN_TF_OPS", "native")
    assert not library.use_stock()
    assert library.kernels("sampling").__name__ == "tf_ops.sampling.native"


def test_the_context_manager_ends_with_its_block_even_by_an_error():
    with pytest.raises(KeyError), library.stock_kernels():
        {}["missing"]
    assert not library.use_stock()
    with library.stock_kernels():
        assert library.use_stock()


def test_another_backend_means_stock_kernels_and_contradicts_native(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    monkeypatch.delenv("BAN_TF_OPS", raising=False)
    assert library.use_stock()
    monkeypatch.setenv("BAN_TF_OPS", "native")
    with pytest.raises(ValueError, match="BAN_TF_OPS=native, KERAS_BACKEND=jax"):
        library.use_stock()


def test_a_library_that_is_not_built_names_the_command(empty_folder):
    with pytest.raises(ImportError, match=r"not built.*bash build_ops.sh.*BAN_TF_OPS=stock"):
        library.ops()


def test_a_library_for_another_tensorflow_names_both_versions(empty_folder):
    write_library(tensorflow="2.17.1")
    message = f"built for TensorFlow 2.17.1, but TensorFlow {tf.__version__} is running"
    with pytest.raises(ImportError, match=message):
        library.ops()


def test_a_library_for_a_newer_processor_names_what_this_one_lacks(empty_folder, monkeypatch):
    monkeypatch.setattr(library, "PROCESSOR", empty_folder / "cpuinfo")
    library.PROCESSOR.write_text("vendor_id\t: Made\nflags\t\t: fpu avx avx2 avx512_bf16\n\n")
    write_library(instructions=["avx", "avx2", "avx512f", "fma"])
    with pytest.raises(ImportError, match=r"without avx512f, fma\..*BAN_MARCH=x86-64-v3 bash"):
        library.ops()


def test_the_record_names_the_instructions_that_a_build_for_this_processor_may_use():
    record = library.read_record()
    if record["machine"] != "x86_64" or "-march=native" not in record["flags"]:
        pytest.skip("the library was not built for the x86 processor at hand")
    here = set(library.PROCESSOR.read_text().split())
    assert set(record["instructions"]) <= here
    assert ("avx2" in record["instructions"]) == ("avx2" in here)


def test_a_file_that_is_no_library_says_so(empty_folder):
    write_library()
    with pytest.raises(ImportError, match=r"does not load under TensorFlow.*bash build_ops.sh"):
        library.ops()


def test_a_library_cut_short_is_refused_and_does_not_end_the_process(empty_folder):
    content = record.LIBRARY.read_bytes()
    write_library(content)
    library.LIBRARY.write_bytes(content[: len(content) // 2])
    message = rf"{library.LIBRARY} is damaged.*{len(content) // 2} bytes in place of {len(content)}"
    with pytest.raises(ImportError, match=message):
        library.ops()


def test_a_library_of_other_sources_is_refused_in_one_sentence(empty_folder):
    source = empty_folder / "sampling" / "sampling_cpu.cc"
    source.parent.mkdir()
    source.write_text("// as it was built")
    write_library(sources=record.of_sources([source], empty_folder))
    source.write_text("// changed since")
    with pytest.raises(ImportError, match=r"rebuild: bash build_ops\.sh --ops-only$") as refused:
        library.ops()
    assert "sampling/sampling_cpu.cc changed since" in str(refused.value)
    assert ". " not in str(refused.value)


def test_what_cannot_be_used_is_refused_before_work(empty_folder):
    with library.stock_kernels():
        library.require_usable()
    with pytest.raises(ImportError, match="not built"):
        library.require_usable()


def test_the_library_is_loaded_once():
    assert library.ops() is library.ops()


def test_every_op_has_a_cpu_kernel():
    kernels = library.registered_kernels()
    assert {"Ban>FarthestPointSample", "Ban>BallQuery", "Ban>ThreeNearest"} <= set(kernels)
    assert all("CPU" in devices for devices in kernels.values())


def test_the_fixture_runs_the_kernels_that_it_names(kernels):
    assert library.use_stock() == (kernels == "stock")
    assert isinstance(library.ops(), EmulatedLibrary) == kernels.startswith("emulated CUDA")


def test_the_report_tells_versions_flags_and_kernels(monkeypatch):
    monkeypatch.delenv("BAN_TF_OPS", raising=False)
    text = library.report()
    assert f"TensorFlow {tf.__version__}" in text
    assert "-ffp-contract=off" in text
    assert "in use: native kernels" in text
    assert "Ban>GatherPointsGrad" in text
    with library.stock_kernels():
        assert "in use: stock kernels" in library.report()


def test_the_report_says_when_nothing_is_built(empty_folder):
    with library.stock_kernels():
        assert "not built; build it with: bash build_ops.sh" in library.report()


def test_the_command_tells_what_was_built_of_a_library_that_does_not_load(
    empty_folder, monkeypatch, capsys
):
    monkeypatch.delenv("BAN_TF_OPS", raising=False)
    write_library(tensorflow="2.17.1")
    with pytest.raises(SystemExit, match=r"but TensorFlow .* is running"):
        library.main()
    assert "built for TensorFlow 2.17.1" in capsys.readouterr().out


def test_stock_kernels_run_under_jax_without_tensorflow():
    """Under another backend the ops import and run although TensorFlow cannot be imported."""
    program = """
import sys
sys.modules["tensorflow"] = None
import numpy as np
from tf_ops.grouping import grouping
from tf_ops.interpolation import interpolation
from tf_ops.sampling import sampling
xyz = np.arange(24, dtype="float32").reshape(1, 8, 3)
picks = sampling.farthest_point_sample(xyz, 3)
index, count = grouping.ball_query(xyz, sampling.gather_points(xyz, picks), 6.0, 4)
grouped = grouping.group_points(xyz, index)
distance, nearest = interpolation.three_nearest(xyz, xyz[:, :4])
weights = interpolation.three_nearest_weights(distance)
carried = interpolation.interpolate(xyz[:, :4], nearest, weights)
print(np.asarray(picks).tolist(), np.asarray(count).tolist(), carried.shape)
"""
    pytest.importorskip("jax", reason='not installed: pip install -e ".[jax]"')
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[[0, 7, 3]] [[2, 2, 3]] (1, 8, 3)"
