"""What TensorBoard is given of the held-out clouds, read back from the file of events."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.plugins.mesh import metadata, plugin_data_pb2

import tiny_runs
from ban_tf import config
from ban_tf.config import NONE, Labels
from ban_tf.metrics.evaluators import Evaluator
from ban_tf.training import summaries, validation
from ban_tf.view import palette

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LABELS = Labels(class_names=("desk", "lamp"))


def events(folder: pathlib.Path) -> dict[str, list]:
    """Tensors by their tags, each with its step, in the order of writing."""
    [path] = (folder / summaries.FOLDER).iterdir()
    found: dict[str, list] = {}
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            tensor = tf.make_ndarray(value.tensor)
            found.setdefault(value.tag, []).append((event.step, tensor, value.metadata))
    return found


def cloud(num_points: int = 8, name: str = "scan1") -> validation.HeldOut:
    half = np.arange(num_points) // (num_points // 2)
    xyz = np.random.default_rng(0).uniform(0, 4, (num_points, 3))
    return validation.HeldOut(name, xyz, half, half + 5, 1 - half, half, sample=half)


def evaluation():
    evaluator = Evaluator("desks", LABELS, (), "legacy")
    evaluator.add("0", *np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1]]))
    return evaluator.evaluation()


def test_classes_and_confusions_are_shown_after_every_validation(tmp_path):
    written = summaries.HeldOutSummaries(tmp_path, LABELS)
    for epoch in (0, 4):
        written.write(epoch, evaluation(), [])
    found = events(tmp_path)
    assert [(step, float(value)) for step, value, _ in found["IoU/desk"]] == [(0, 0.5), (4, 0.5)]
    np.testing.assert_allclose(float(found["IoU/lamp"][0][1]), 2 / 3, rtol=1e-6)
    [text] = found["confusion (percent of the true class)"][0][1].ravel()
    assert "| desk | 50.0 | 50.0 | 0.0 |" in text.decode()
    _, image, _ = found["confusion"][1]
    picture = tf.io.decode_png(image[2]).numpy()
    expected = summaries.confusion_image(np.array([[1, 1, 0], [0, 2, 0]]))
    np.testing.assert_array_equal(picture, expected)


def test_clouds_are_shown_in_three_dimensions_and_the_truth_once(tmp_path):
    written = summaries.HeldOutSummaries(tmp_path, LABELS)
    one = cloud()
    for epoch in (0, 1):
        written.write(epoch, evaluation(), [one])
    found = events(tmp_path)
    kinds = plugin_data_pb2.MeshPluginData
    for name, times in (("predicted", 2), ("true", 1)):
        for what in ("instances", "classes"):
            tag = f"scan1/{what}, {name}"
            places = found[metadata.get_instance_name(tag, kinds.VERTEX)]
            assert len(places) == times
            np.testing.assert_allclose(places[0][1][0], one.xyz, rtol=1e-6)
            _, colors, about = found[metadata.get_instance_name(tag, kinds.COLOR)][0]
            assert about.plugin_data.plugin_name == "mesh"
            assert colors.dtype == np.uint8
            classes = one.semantic if name == "true" else one.predicted_semantic
            if what == "classes":
                expected = np.rint(255 * palette.class_colors(classes, LABELS))
                np.testing.assert_array_equal(colors[0], expected)
    same = [found[f"scan1/instances, {name}_COLOR"][0][1] for name in ("true", "predicted")]
    np.testing.assert_array_equal(*same)  # each half is one instance, true and predicted


def test_what_is_written_is_bounded(tmp_path):
    many = [cloud(50_000, f"scan{number}") for number in range(5)]
    summaries.HeldOutSummaries(tmp_path, LABELS).write(0, evaluation(), many)
    places = {tag: value for tag, value in events(tmp_path).items() if tag.endswith("_VERTEX")}
    assert {tag.split("/")[0] for tag in places} == {"scan0", "scan1"}
    for [(_, xyz, _)] in places.values():
        assert 3000 < xyz.shape[1] <= summaries.MAX_POINTS


def test_a_prediction_of_another_object_has_a_number_of_its_own():
    semantic = np.zeros(6, int)
    instance, predicted = np.array([7, 7, 7, 8, 8, NONE]), np.array([0, 0, 1, 0, 1, 2])
    sample = np.array([0, 0, 0, 1, 1, 1])
    one = validation.HeldOut("a", np.zeros((6, 3)), semantic, instance, semantic, predicted, sample)
    own, found = summaries.numbered_by_sample(one)
    assert own.tolist() == [0, 0, 0, 1, 1, NONE]
    assert found[:2].tolist() == [0, 0]
    assert found[3] == 1
    assert len({*found[[2, 4, 5]].tolist()}) == 3
    assert found[[2, 4, 5]].min() > 1


def test_held_out_clouds_come_with_their_places_in_metres(tmp_path):
    asked = tiny_runs.experiment(validation=config.ValidationConfig(every=1, num_clouds=1))
    rooms = tiny_runs.rooms()
    store = tiny_runs.prepare(rooms, tmp_path / "blocks", asked).select(["Area_1"])
    held_out = validation.part(store, asked).held_out
    [name] = [stored.name for stored in held_out.clouds]
    [room] = [one for one in rooms if one.name == name]
    shown = []
    validation.Validation(held_out, asked).scores(
        tiny_runs.Oracle(room), lambda evaluation, clouds: shown.extend([evaluation, *clouds()])
    )
    evaluation_, one = shown
    assert evaluation_.means()["mIoU"] == 1.0
    assert one.name == name
    np.testing.assert_array_equal(one.semantic, one.predicted_semantic)
    distance, row = tiny_runs.nearest(room.xyz - room.xyz.min(axis=0), one.xyz)
    assert distance.max() < 1e-4  # float32 shares of two metres
    np.testing.assert_array_equal(one.instance, room.instance[row])
    own, found = summaries.numbered_by_sample(one)
    np.testing.assert_array_equal(own, found)  # a perfect network has the colours of the truth
