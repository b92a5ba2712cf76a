"""What an exported model is and answers, without a server."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

import served_networks
from ban_tf.clouds.cloud import unlabelled
from ban_tf.config import Labels
from ban_tf.data.samples import Frame
from ban_tf.data.samples import features as made_before
from ban_tf.serving import assets, export, graph, inspection, warm_up
from served_networks import NUM_POINTS
from tf_ops import library
from tf_ops.clustering import clustering

LABELS = {"semantic", "instance", "confidence", "iterations"}
INPUTS = {
    "serving_default": {"points", "num_points"},
    "outputs": {"points", "num_points"},
    "network": {"points", "num_points"},
    "points": {"xyz", "rgb", "room_min", "room_max", "num_points"},
    "about": {"num_points"},
}
OUTPUTS = {
    "serving_default": LABELS,
    "outputs": LABELS | {"logits", "embedding"},
    "network": {"logits", "embedding"},
    "points": LABELS,
    "about": {"fingerprint", "card"},
}

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def signatures(folder):
    (meta_graph,) = inspection.read(folder).meta_graphs
    return {
        name: signature
        for name, signature in meta_graph.signature_def.items()
        if name != "__saved_model_init_op"
    }


# --- the graph ---


def test_all_ops_are_tensorflows_own(exported):
    found = inspection.ops_of(inspection.read(exported))
    assert {"MatMul", "TopKV2"} <= found
    foreign = [op for op in found if op.startswith("Ban>") or op_def_registry.get(op) is None]
    assert foreign == []
    assert not found & {"PyFunc", "EagerPyFunc", "PyFuncStateless"}


def test_no_function_is_marked_for_xla(exported):
    assert inspection.marked_for_xla(inspection.read(exported)) == []


def test_a_mark_for_xla_would_be_seen():
    model = inspection.saved_model_pb2.SavedModel()
    function = model.meta_graphs.add().graph_def.library.function.add()
    function.signature.name = "marked"
    function.attr["_XlaMustCompile"].b = True
    assert inspection.marked_for_xla(model) == ["marked"]


def test_signatures_have_their_inputs_and_outputs(exported):
    found = signatures(exported)
    assert {name: set(signature.inputs) for name, signature in found.items()} == INPUTS
    assert {name: set(signature.outputs) for name, signature in found.items()} == OUTPUTS


def test_every_tensor_has_a_batch_of_any_size(exported):
    fixed = ("room_min", "room_max", *OUTPUTS["about"])
    for signature in signatures(exported).values():
        for name, tensor in (*signature.inputs.items(), *signature.outputs.items()):
            sizes = [dim.size for dim in tensor.tensor_shape.dim]
            assert sizes[0] == -1
            assert name in fixed or sizes[1:2] in ([], [-1])


# --- what it answers ---


@pytest.mark.parametrize("fill", [np.nan, np.inf, -np.inf, 0.25, 1e38])
def test_padding_of_any_content_changes_nothing(model, network, fill):
    request = served_networks.request(fill)
    outputs = model("outputs", request)
    for b, alone in enumerate(served_networks.blocks_of(request)):
        count = alone.shape[1]
        single = model("outputs", {"points": alone, "num_points": NUM_POINTS[b : b + 1]})
        for name in ("semantic", "instance"):
            np.testing.assert_array_equal(outputs[name][b, :count], single[name][0])
        expected = network(alone, training=False)
        probability, truth = (tf.nn.softmax(x) for x in (outputs["logits"], expected["logits"]))
        np.testing.assert_allclose(probability[b, :count], truth[0], rtol=0, atol=1e-4)
        embedding = outputs["embedding"][b, :count]
        np.testing.assert_allclose(embedding, expected["embedding"][0], rtol=0, atol=1e-3)
        for name in set(outputs) - {"iterations"}:
            assert not outputs[name][b, count:].any(), name


def test_its_partition_is_that_of_the_compiled_op(model):
    inference = served_networks.experiment().inference
    request = served_networks.request()
    outputs = model("outputs", request)
    assert outputs["instance"].max() > 2
    for b, count in enumerate(NUM_POINTS):
        embedding = outputs["embedding"][b : b + 1, :count]
        labels, _, _ = clustering.mean_shift(embedding, inference.bandwidth, inference.bin_seeding)
        np.testing.assert_array_equal(outputs["instance"][b, :count], labels[0] + 1)


def test_every_signature_gives_the_same_labels(model):
    request = served_networks.request(np.nan)
    everything = model("outputs", request)
    for name in LABELS:
        np.testing.assert_array_equal(model("serving_default", request)[name], everything[name])
    for name in ("logits", "embedding"):
        np.testing.assert_array_equal(model("network", request)[name], everything[name])


def raw_request():
    rng = np.random.default_rng(5)
    return {
        "xyz": rng.uniform(1, 2, (2, 24, 3)).astype(np.float32),
        "rgb": rng.integers(0, 256, (2, 24, 3)).astype(np.uint8),
        "room_min": np.zeros((2, 3), np.float32),
        "room_max": np.full((2, 3), 4, np.float32),
        "num_points": np.array([24, 13], np.int32),
    }


def test_raw_points_get_the_labels_of_their_features(model):
    request, experiment = raw_request(), served_networks.experiment()
    made = np.zeros((2, 24, 9), np.float32)
    for b, count in enumerate(request["num_points"]):
        cloud = unlabelled("room", request["xyz"][b].astype(np.float64), request["rgb"][b])
        frame = Frame(np.zeros(3), np.full(3, 4.0))
        made[b : b + 1, :count] = made_before.make(
            cloud, np.arange(count)[None], frame, experiment.samples, experiment.features
        )
    prepared = {"points": made, "num_points": request["num_points"]}
    expected, found = model("serving_default", prepared), model("points", request)
    for name in LABELS:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize(
    ("counts", "pattern"),
    [
        ([24, 11, 20], "`num_points` must be at least 12.*[Rr]eceived: num_points="),
        ([24, 25, 20], "at most the rows of `points`"),
        ([24, -1, 20], "`num_points` must be at least 12"),
    ],
)
def test_a_block_of_a_size_that_cannot_be_is_refused(model, counts, pattern):
    request = served_networks.request() | {"num_points": np.array(counts, np.int32)}
    for name in ("network", "serving_default"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s){pattern}"):
            model(name, request)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_not_finite_are_refused(model, value):
    request = served_networks.request()
    request["points"][1, 3, 5] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="`points` must be finite"):
        model("serving_default", request)
    raw = raw_request()
    raw["xyz"][0, 0, 0] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="`xyz` must be finite"):
        model("points", raw)


# --- what lies beside it ---


def test_assets_tell_classes_units_and_the_model(exported, network):
    place = exported / "assets"
    assert (place / assets.CLASS_NAMES).read_text() == "a\nb\nc\nd\n"
    units = json.loads((place / assets.UNITS).read_text())
    named = set().union(*INPUTS.values(), *OUTPUTS.values())
    assert set(units) == named
    card = json.loads((place / assets.CARD).read_text())
    assert (card["network"], card["ops"], card["fewest_points"]) == ("ban", "stock", 12)
    assert card["mean_shift_max_iterations"] == 300
    assert card["difference_from_network"]["probability"] <= 1e-4


def test_the_servers_files_lie_beside_it(exported):
    batching = (exported / "batching_params.pbtxt").read_text()
    assert "pad_variable_length_inputs: true" in batching
    sizes = [line.split()[1] for line in batching.splitlines() if line.startswith("allowed")]
    assert sizes == ["1", "2", "4", "8"]
    assert "max_batch_size { value: 8 }" in batching
    assert 'name: "ban"' in (exported.parent / "models.config").read_text()
    assert "/monitoring/prometheus/metrics" in (exported.parent / "monitoring.config").read_text()


def test_nothing_else_is_left(exported):
    assert sorted(path.name for path in exported.parent.iterdir()) == [
        "1", "models.config", "monitoring.config",
    ]  # fmt: skip


# --- other exports ---


@pytest.mark.slow
def test_half_makes_the_weights_small_and_tells_the_difference(tmp_path):
    network, experiment = (
        served_networks.network("pointnet"),
        served_networks.experiment("pointnet"),
    )
    full, half = (
        export.export(network, experiment, tmp_path / "pointnet" / version, half=is_half)
        for version, is_half in (("1", False), ("2", True))
    )
    data = "variables/variables.data-00000-of-00001"
    size = [(made.folder / data).stat().st_size for made in (full, half)]
    kernels = sum(np.size(w) for w in network.get_weights() if np.ndim(w) > 1)
    assert size[0] - size[1] == pytest.approx(2 * kernels, abs=200)  # two bytes of four a number
    assert 0 < half.card["difference_from_network"]["embedding"] < 0.1
    assert json.loads((half.folder / "assets" / assets.CARD).read_text())["half"] is True


def test_compiled_ops_give_the_same_labels(network, model, tmp_path):
    made = export.export(
        network, served_networks.experiment(), tmp_path / "ban" / "1", ops="native"
    )
    assert "Ban>MeanShift" in inspection.ops_of(inspection.read(made.folder))
    loaded, request = tf.saved_model.load(str(made.folder)), served_networks.request(np.nan)
    native, stock = graph.run(loaded.signatures["outputs"], request), model("outputs", request)
    for name in ("semantic", "instance"):
        np.testing.assert_array_equal(native[name], stock[name])
    np.testing.assert_allclose(native["embedding"], stock["embedding"], rtol=0, atol=1e-3)


def test_stuff_and_missing_colours_are_kept_to(tmp_path):
    network = served_networks.network("pointnet")
    experiment = served_networks.experiment(
        "pointnet", labels=Labels(class_names=("a", "b", "c", "d"), stuff=("a", "b", "c", "d"))
    )
    served = graph.ServedNetwork(network, experiment, "stock").signatures()
    assert not graph.run(served["serving_default"], served_networks.request())["instance"].any()


def test_a_fresh_process_without_this_package_answers_the_same(exported, model, tmp_path):
    request = served_networks.request(np.nan)
    np.savez(tmp_path / "request.npz", **request)
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "request = {k: tf.constant(v) for k, v in np.load(sys.argv[2]).items()}\n"
        "found = tf.saved_model.load(sys.argv[1]).signatures['outputs'](**request)\n"
        "assert not {'ban_tf', 'tf_ops'} & set(sys.modules)\n"
        "np.savez(sys.argv[3], **{k: v.numpy() for k, v in found.items()})\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [sys.executable, "-c", code, exported, tmp_path / "request.npz", tmp_path / "found.npz"],
        check=True,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
    )
    found = np.load(tmp_path / "found.npz")
    for name, expected in model("outputs", request).items():
        np.testing.assert_array_equal(found[name], expected)


def test_native_kernels_are_what_the_process_goes_on_with(exported):
    assert not library.use_stock()


def test_warm_up_covers_every_signature(exported):
    records = list(tf.data.TFRecordDataset(str(exported / warm_up.FILE)).as_numpy_iterator())
    assert len(records) == len(INPUTS)
