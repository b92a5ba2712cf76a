"""The exported model in a C program that knows only TensorFlow's C API."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

import served_networks
from ban_tf.serving import inspection

SOURCE = pathlib.Path(__file__).parent / "c_api" / "run_model.c"

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    compiler = shutil.which(os.environ.get("CC", "cc"))
    assert compiler, "a C compiler is needed: the ops are built with one too"
    library = pathlib.Path(tf.sysconfig.get_lib())
    path = tmp_path_factory.mktemp("c_api") / "run_model"
    command = [compiler, "-O1", "-Wall", "-Werror", str(SOURCE), "-o", str(path)]
    command += [f"-isystem{tf.sysconfig.get_include()}", f"-L{library}", f"-Wl,-rpath,{library}"]
    command += ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    subprocess.run(command, check=True, capture_output=True)
    return path


def run(program, model, request, folder):
    """int32 instances and classes `[B, N]`."""
    points, counts = request["points"], request["num_points"]
    sizes = np.array(points.shape, np.int32)
    (folder / "request").write_bytes(sizes.tobytes() + counts.tobytes() + points.tobytes())
    (meta_graph,) = inspection.read(model).meta_graphs
    signature = meta_graph.signature_def["outputs"]
    tensors = [signature.inputs[name].name for name in ("points", "num_points")]
    tensors += [signature.outputs[name].name for name in ("instance", "semantic")]
    done = subprocess.run(
        [program, model, folder / "request", folder / "out"],
        input="".join(f"{name}\n" for name in tensors),
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return np.fromfile(folder / "out", np.int32).reshape(2, *points.shape[:2])


def test_it_loads_and_answers_the_same(program, exported, model, tmp_path):
    request = served_networks.request(np.nan)
    instance, semantic = run(program, exported, request, tmp_path)
    expected = model("outputs", request)
    np.testing.assert_array_equal(instance, expected["instance"])
    np.testing.assert_array_equal(semantic, expected["semantic"])


def test_a_request_that_cannot_be_is_refused_in_a_sentence(program, exported, tmp_path):
    request = served_networks.request() | {"num_points": np.array([24, 5, 20], np.int32)}
    with pytest.raises(RuntimeError, match="`num_points` must be at least 12"):
        run(program, exported, request, tmp_path)
