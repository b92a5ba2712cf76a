"""Submissions to ScanNet's benchmark: what is written, and what is read back of it."""

import zipfile

import numpy as np
import pytest

import scannet_trees
from ban_tf.config import NONE
from ban_tf.data import scannet
from ban_tf.data.scannet import submission
from ban_tf.metrics.benchmarks.scannet import ScanNet
from ban_tf.programs import scannet_submission
from scannet_trees import write_label_map, write_scan

LABELS = scannet.of_choice("20").labels
WALL, FLOOR, CHAIR, OTHER = (LABELS.class_names.index(name) for name in
                             ("wall", "floor", "chair", "otherfurniture"))  # fmt: skip


def prediction(name="scene0011_00"):
    """Three instances of 6 vertices: a wall, a chair, and one of other furniture."""
    semantic = np.array([WALL, WALL, CHAIR, CHAIR, OTHER, FLOOR], np.int32)
    instance = np.array([0, 0, 1, 1, 2, NONE], np.int32)
    classes, scores = np.array([WALL, CHAIR, OTHER]), np.array([0.5, 0.1 + 0.2, 1e-9])
    return submission.of_labels(name, semantic, instance, classes, scores)


def contents(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_the_files_are_as_the_benchmark_asks_for(tmp_path):
    written = submission.write(tmp_path / "out", [prediction()])
    assert [path.name for path in written] == ["semantic.zip", "instance.zip"]
    assert contents(written[0]) == {"scene0011_00.txt": "1\n1\n5\n5\n39\n2\n"}
    assert contents(written[1]) == {
        "pred_mask/scene0011_00_001.txt": "0\n0\n1\n1\n0\n0\n",
        "pred_mask/scene0011_00_002.txt": "0\n0\n0\n0\n1\n0\n",
        "scene0011_00.txt": "pred_mask/scene0011_00_001.txt 5 0.30000000000000004\n"
        "pred_mask/scene0011_00_002.txt 39 1e-09\n",
    }


def test_equal_predictions_give_equal_files(tmp_path):
    first, second = (submission.write(tmp_path / name, [prediction()]) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_what_is_written_is_read_back_but_for_walls_and_floors(tmp_path):
    submission.write(tmp_path, [prediction("scene0011_01"), prediction()])
    found = list(submission.read(tmp_path))
    assert [one.name for one in found] == ["scene0011_00", "scene0011_01"]
    made = prediction()
    np.testing.assert_array_equal(found[0].semantic, made.semantic)
    np.testing.assert_array_equal(found[0].masks, made.masks[1:])
    assert found[0].classes.tolist() == [CHAIR, OTHER]
    assert found[0].scores.tolist() == made.scores[1:].tolist()


def test_a_scan_without_instances_and_ids_that_are_no_class_are_read(tmp_path):
    none = submission.of_labels("scene0011_00", np.full(3, NONE), np.full(3, NONE), [], [])
    submission.write(tmp_path, [none])
    [found] = submission.read(tmp_path)
    assert found.semantic.tolist() == [NONE] * 3
    assert found.masks.shape == (0, 3)


def write_zips(folder, semantic, instance):
    for name, files in (("semantic.zip", semantic), ("instance.zip", instance)):
        with zipfile.ZipFile(folder / name, "w") as file:
            for entry, text in files.items():
                file.writestr(entry, text)


WRONG = {
    "no scan": ({"a.txt": "1\n1\n"}, {}, r"instance\.zip: a\.txt is missing"),
    "two words": ({"a.txt": "1\n1\n"}, {"a.txt": "m.txt 5\n"}, r"a\.txt:1: must be `<mask>"),
    "no score": ({"a.txt": "1\n"}, {"a.txt": "m.txt 5 x\n"}, r"a\.txt:1: must be `<mask>"),
    "no mask": ({"a.txt": "1\n1\n"}, {"a.txt": "m.txt 5 1\n"}, r"m\.txt is missing"),
    "short mask": (
        {"a.txt": "1\n1\n"},
        {"a.txt": "m.txt 5 1\n", "m.txt": "1\n"},
        r"m\.txt must have a line per vertex. Received: 1 lines for 2 vertices",
    ),
    "words": ({"a.txt": "1\nwall\n"}, {"a.txt": ""}, r"a\.txt: must hold a whole number per"),
}


@pytest.mark.parametrize(("semantic", "instance", "told"), WRONG.values(), ids=WRONG)
def test_files_that_are_not_as_they_should_be_are_refused(semantic, instance, told, tmp_path):
    write_zips(tmp_path, semantic, instance)
    with pytest.raises(ValueError, match=told):
        list(submission.read(tmp_path))


def test_a_file_that_is_missing_or_no_archive_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"semantic\.zip is missing"):
        list(submission.read(tmp_path))
    (tmp_path / "semantic.zip").write_text("1\n")
    (tmp_path / "instance.zip").write_text("1\n")
    with pytest.raises(ValueError, match=r"semantic\.zip is damaged"):
        list(submission.read(tmp_path))


# --- scored ---


@pytest.fixture
def large(tmp_path):
    """A scan of the validation whose objects have the 100 vertices that the benchmark asks for."""
    root = tmp_path / "raw"
    ids = np.repeat([1, 5, 5, 39, 0], [120, 110, 130, 105, 35]).tolist()
    segments = np.repeat([3, 1, 4, 15, 9], [120, 110, 130, 105, 35]).tolist()
    groups = [("wall", [3]), ("chair", [1]), ("chair", [4]), ("bin", [15])]
    write_scan(root / "scans/scene0011_00", ids, segments, groups)
    rows = (*scannet_trees.ROWS, "6\tbin\tbin\t8\t39\t\t\t\t")
    write_label_map(root, rows=rows)
    return root


def noisy(cloud, seed):
    """A prediction that is right in most places."""
    rng = np.random.default_rng(seed)
    moved = rng.random(len(cloud)) < 0.15
    rows = np.where(moved, rng.permutation(len(cloud)), np.arange(len(cloud)))
    semantic, instance = cloud.semantic[rows], cloud.instance[rows]
    num = int(instance.max()) + 1
    kinds = [np.bincount(semantic[instance == g] + 1).argmax() - 1 for g in range(num)]
    return semantic, instance, np.array(kinds), rng.random(num)


@pytest.mark.parametrize("seed", range(3))
def test_a_submission_scores_as_what_it_was_written_from(seed, large, tmp_path, capsys):
    [scan] = scannet.scans(large)
    cloud, _ = scan.read()
    semantic, instance, kinds, scores = noisy(cloud, seed)
    direct = ScanNet(LABELS)
    direct.add(scan.name, cloud.semantic, cloud.instance, semantic, instance, scores)
    made = submission.of_labels(scan.name, semantic, instance, kinds, scores)
    submission.write(tmp_path / "out", [made])
    found = scannet_submission.score(tmp_path / "out", large, ["val"])
    assert found.scores().means() == direct.scores().means()
    assert 0 < found.scores().means()["AP"] < 1
    assert "val of" in capsys.readouterr().out


def test_a_submission_that_lacks_a_scan_or_is_of_another_mesh_is_refused(large, tmp_path):
    submission.write(tmp_path, [prediction("scene0191_00")])
    with pytest.raises(ValueError, match=r"lacks 1 of 1 scans of val, such as scene0011_00"):
        scannet_submission.score(tmp_path, large, ["val"])
    submission.write(tmp_path, [prediction()])
    with pytest.raises(ValueError, match=r"Received: 6 lines for 500 vertices"):
        scannet_submission.score(tmp_path, large, ["val"])
