"""PartNet's prediction files: what is written is read again, and what is wrong is told."""

import h5py
import numpy as np
import pytest

import partnet_trees as trees
from ban_tf.config import NONE
from ban_tf.data import partnet, reading
from ban_tf.data.partnet import layout, prediction_files
from ban_tf.data.partnet.prediction_files import Predicted
from ban_tf.programs import partnet_predictions

TASK = partnet.Task(trees.CATEGORY, trees.LEVEL)


def perfect(shape):
    instance = trees.INSTANCE[shape.row]
    part = [trees.SEMANTIC[shape.row][instance == k][0] for k in range(instance.max() + 1)]
    return prediction_files.of_labels(instance, np.array(part), np.full(len(part), 0.5))


@pytest.fixture
def shapes(tmp_path):
    trees.write(tmp_path, "ins_seg_h5")
    return list(layout.shapes(layout.find(tmp_path, TASK), TASK))


@pytest.fixture
def written(tmp_path, shapes):
    [path] = prediction_files.write(tmp_path / "out", shapes, perfect)
    return path


def test_a_file_has_the_official_fields_types_and_shapes(written):
    assert written.name == "test-00.h5"
    with h5py.File(written) as file:
        kinds = {name: (field.dtype.name, field.shape) for name, field in file.items()}
    assert kinds == {
        "mask": ("bool", (2, 200, trees.NUM_POINTS)),
        "label": ("uint8", (2, 200)),
        "valid": ("bool", (2, 200)),
        "conf": ("float32", (2, 200)),
    }


def test_what_is_written_is_read_again(written, shapes):
    for shape, found in prediction_files.read(written.parent, shapes, TASK):
        expected = perfect(shape)
        for name in ("masks", "part", "score"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_a_perfect_file_scores_1_and_an_empty_one_0(written, shapes, tmp_path, capsys):
    choice = partnet.Choice(task=TASK)
    means = partnet_predictions.score(written.parent, tmp_path, choice).scores().means()
    assert (means["part mAP50"], means["shape mAP50"]) == (1, 1)
    with h5py.File(written, "r+") as file:
        file["valid"][...] = False
    means = partnet_predictions.score(written.parent, tmp_path, choice).scores().means()
    assert (means["part mAP50"], means["shape mAP50"]) == (0, 0)
    assert "on Mug-1, 2 shapes" in capsys.readouterr().out


def test_masks_that_overlap_are_scored_as_they_are(written, tmp_path):
    with h5py.File(written, "r+") as file:  # once more the first instance, less surely
        file["mask"][0, 5] = file["mask"][0, 0]
        file["valid"][0, 5], file["conf"][0, 5] = True, 0.1
        file["label"][0, 5] = file["label"][0, 0]
    means = partnet_predictions.score(written.parent, tmp_path, partnet.Choice(task=TASK))
    assert means.scores().at_50[0] == 1  # after both bodies were found it costs no recall
    assert means.scores().num_truth.tolist() == [2, 2, 1]


def test_the_scores_are_written_where_they_are_asked_for(written, tmp_path):
    path = tmp_path / "scores.json"
    partnet_predictions.score(written.parent, tmp_path, partnet.Choice(task=TASK), path)
    assert '"shape mAP50": 1.0' in path.read_text()


def test_instances_of_no_part_are_not_written():
    made = prediction_files.of_labels(
        np.array([0, 1, 1, NONE]), np.array([0, 2]), np.array([0.9, 0.8]), first_part=1
    )
    np.testing.assert_array_equal(made.masks, [[False, True, True, False]])
    assert made.part.tolist() == [1]
    assert made.score.tolist() == [0.8]


def test_of_too_many_instances_the_surest_are_written(tmp_path, shapes, caplog):
    score = np.linspace(0, 1, 203)[::-1].copy()
    many = Predicted(np.ones((203, trees.NUM_POINTS), bool), np.zeros(203, int), score)
    [path] = prediction_files.write(tmp_path / "out", shapes[:1], lambda shape: many)
    with h5py.File(path) as file:
        assert file["conf"][0, -1] == np.float32(score[199])
    assert "test-00_0000 has 203 instances" in caplog.text


def drop(name):
    def change(file):
        del file[name]

    return change


def put(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


DAMAGE = [
    (drop("conf"), "test-00.h5: conf: is missing; the file has label, mask, valid"),
    (put("label", np.zeros((2, 7), np.uint8)), "label: must have 2 axes"),
    (put("valid", np.ones((1, 200), bool)), "valid: must have 2 axes, the first 2 long"),
    (put("label", np.full((2, 200), 3, np.uint8)), "label: shape 0: must be below 3, the parts of"),
    (put("conf", np.full((2, 200), np.nan, np.float32)), "conf: shape 0 has a value that is not"),
]


@pytest.mark.parametrize(("damage", "text"), DAMAGE, ids=[row[1] for row in DAMAGE])
def test_what_is_wrong_is_told_by_file_and_field(damage, text, written, shapes):
    with h5py.File(written, "r+") as file:
        damage(file)
    with pytest.raises(reading.UnreadableError, match=text):
        list(prediction_files.read(written.parent, shapes, TASK))


def test_files_that_are_cut_or_missing_are_told(written, shapes):
    written.write_bytes(written.read_bytes()[:100])
    with pytest.raises(reading.UnreadableError, match="is no whole HDF5 file"):
        list(prediction_files.read(written.parent, shapes, TASK))
    written.unlink()
    with pytest.raises(FileNotFoundError, match=r"test-00\.h5 is missing"):
        list(prediction_files.read(written.parent, shapes, TASK))


def test_truth_that_cannot_be_read_is_told(written, tmp_path):
    trees.write(tmp_path, "ins_seg_h5", label=None)
    with pytest.raises(reading.UnreadableError, match=r"test-00\.h5: label: is missing"):
        partnet_predictions.score(written.parent, tmp_path, partnet.Choice(task=TASK))


def test_masks_of_another_number_of_points_are_refused(written, tmp_path):
    with h5py.File(written, "r+") as file:
        put("mask", np.zeros((2, 200, 5), bool))(file)
    with pytest.raises(ValueError, match="`mask` must have the 12 points of the data"):
        partnet_predictions.score(written.parent, tmp_path, partnet.Choice(task=TASK))
