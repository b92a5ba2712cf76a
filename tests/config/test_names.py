"""Names that become those of files: refused wherever they come in, before anything is written."""

from pathlib import Path

import h5py
import numpy as np
import pytest

import raw_trees
import small_clouds
from ban_tf.clouds.cloud import unlabelled
from ban_tf.config import Split, names
from ban_tf.data import prediction_files, reading, s3dis, store
from ban_tf.data.prediction_files import RoomPrediction
from ban_tf.experiments.unfinished import UnfinishedEvaluation
from ban_tf.inference.results import Segmentation

LONG = "ä" * 76  # 152 bytes
BAD = ["", " ", ".", "..", "../x", "a/b", "/a", "a\\b", ".a", "a\0b", "a\nb", "a\udcff", LONG]
GOOD = ["scan", "Büro 1", "a" * 150, "ä" * 75, "a.b", "a..b", "-", "{room}", "%s"]


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_a_file_can_have_is_one_for_a_cloud(tmp_path, name):
    assert unlabelled(name, np.zeros((1, 3))).name == name
    (tmp_path / f"{name}.npz").touch()


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_a_cloud_a_scan_and_a_split_refuse_any_other(name):
    with pytest.raises(ValueError, match=r"^`name` of a cloud .*names of files.* Received: name="):
        unlabelled(name, np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"^`name` of a split .*names of files"):
        Split(name=name, train=(), test=("a",))
    with pytest.raises(ValueError, match=r"^`name` of a scan .*names of files"):
        reading.Scan(name=name, group="", files=(), read=lambda: None, version="1")


@pytest.mark.parametrize("name", [None, 3, b"scan", Path("scan")])
def test_a_name_is_text(name):
    with pytest.raises(TypeError, match=r"`name` of a cloud must be text. Received: "):
        unlabelled(name, np.zeros((1, 3)))


@pytest.mark.parametrize("name", ["../x", "", "a\0b"], ids=ascii)
def test_writers_of_predictions_refuse_it_before_they_write(tmp_path, name):
    none = np.zeros(1, np.int32)
    room = RoomPrediction(name, np.zeros((1, 3)), np.zeros((1, 3)), np.ones(1), *[none] * 4)
    with pytest.raises(ValueError, match=r"`name` of a room .*names of files"):
        prediction_files.write_room(tmp_path / "predictions", room)
    kept = UnfinishedEvaluation(tmp_path / "unfinished")
    with pytest.raises(ValueError, match=r"`room` .*names of files"):
        kept.labels_of(name, "0", Segmentation, lambda state: pytest.fail("it began"))
    assert not list(tmp_path.iterdir())


def test_a_store_whose_manifest_leads_elsewhere_is_refused(tmp_path):
    small_clouds.prepare(tmp_path, [small_clouds.make_cloud("east_1")])
    path = tmp_path / store.manifest.FILE_NAME
    path.write_text(path.read_text().replace("east_1", "../east_1"))
    with pytest.raises(ValueError, match=r"manifest.json is damaged .*names of files"):
        store.Store.open(tmp_path)


@pytest.mark.parametrize("name", ["a\nb", "a\\b"])
def test_blocks_of_others_with_such_a_name_are_refused_before_they_are_read(tmp_path, name):
    (tmp_path / f"{name}.h5").touch()
    with pytest.raises(ValueError, match=r"name of a file of .*names of files"):
        store.Store.open(tmp_path)


@pytest.mark.parametrize("others", [["Room_1"], ["room_1"], ["ROOM_1", "hall"]])
def test_names_that_some_disks_take_for_one_are_refused(tmp_path, others):
    clouds = [small_clouds.make_cloud(name) for name in ["room_1", *others]]
    with pytest.raises(ValueError, match=r"Received twice: (R|r)(OOM|oom)_1"):
        small_clouds.prepare(tmp_path / "store", clouds)
    scans = [
        reading.Scan(name=cloud.name, group="", files=(), read=lambda: None, version="1")
        for cloud in clouds
    ]
    with pytest.raises(ValueError, match=r"every scan needs a name of its own"):
        reading.read_scans(scans, tmp_path / "clouds")
    assert not list(tmp_path.iterdir())


def test_two_ways_to_write_an_accent_are_one_name_and_two_accents_are_two():
    with pytest.raises(ValueError, match=r"Received twice"):
        names.require_distinct("cloud", ["B\u00fcro", "Bu\u0308ro"])
    names.require_distinct("cloud", ["Büro", "Buro", "Burò", "office_1", "office_11"])


@pytest.mark.parametrize(
    ("folder", "name"), [(".hidden", "hidden"), ("...", "data"), ("S3DIS", "S3DIS_part")]
)
def test_data_are_called_like_their_folder_as_far_as_that_is_a_name(tmp_path, folder, name):
    root = raw_trees.write_tree(tmp_path / folder)
    assert s3dis.describe(root, None).name == name


def test_blocks_of_a_part_of_s3dis_are_never_called_so(tmp_path):
    folder = tmp_path / "s3dis"
    folder.mkdir()
    for number, area in enumerate((1, 5)):
        data = np.full((1, 4096, 9), 0.1 * number, np.float32)
        with h5py.File(folder / f"Area_{area}_office_1.h5", "w") as file:
            file["data"], file["seglabel"] = data, np.zeros((1, 4096), np.int32)
            file["pid"] = file["seglabel"]
    assert s3dis.describe(None, folder).name == "s3dis_part"
