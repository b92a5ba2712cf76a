"""Generated rooms in the raw formats of ScanNetV2 and SceneNN: read back as they were made."""

import filecmp

import numpy as np
import pytest

from ban_tf.clouds.formats import ply_mesh
from ban_tf.config import NONE
from ban_tf.data import scannet, scenenn, synthetic
from ban_tf.data.scannet import layout, reader, writer
from ban_tf.data.scenenn import writer as scenenn_writer

# Names of the generator, as the classes of the 20.
OF_20 = {"sofa": "sofa", "bookcase": "bookshelf", "bin": "otherfurniture"}


@pytest.fixture(scope="module")
def mesh():
    return next(synthetic.meshes(1, 1, seed=0))


def test_a_room_is_a_mesh_whose_faces_are_small_and_whose_segments_are_of_one_object(mesh):
    assert 10_000 < len(mesh.xyz) < 60_000
    assert len(mesh.faces) > len(mesh.xyz) / 2
    assert mesh.faces.min() >= 0
    assert mesh.faces.max() < len(mesh.xyz)
    sides = mesh.xyz[mesh.faces] - mesh.xyz[np.roll(mesh.faces, 1, axis=1)]
    assert np.linalg.norm(sides, axis=2).max() < 0.25
    pairs = np.unique(np.stack([mesh.segment, mesh.object]), axis=1)
    assert len(pairs[0]) == len(np.unique(mesh.segment)) > 2 * len(mesh.names)


def test_a_scan_in_scannets_format_is_read_back(mesh, tmp_path):
    folder = tmp_path / "scans" / "scene9001_00"
    folder.mkdir(parents=True)
    files = layout.ScanFiles("scene9001_00", "train", folder)
    writer.write_scan(files, mesh, turn=0.7)
    writer.write_label_map(tmp_path / "scannetv2-labels.combined.tsv")
    (tmp_path / "scannetv2_train.txt").write_text("scene9001_00\n")
    [scan] = scannet.scans(tmp_path)
    cloud, problems = scan.read()
    assert problems == []
    assert np.abs(cloud.xyz - mesh.xyz).max() < 1e-4
    turned = ply_mesh.coordinates(ply_mesh.read_vertices(files.mesh))
    assert np.abs(turned - mesh.xyz).max() > 0.5
    np.testing.assert_array_equal(cloud.rgb, mesh.rgb)
    labels = scannet.of_choice("20").labels
    named = [OF_20.get(name, name) for name in mesh.names]
    expected = np.array(labels.of_names(named))[mesh.object]
    np.testing.assert_array_equal(cloud.semantic, expected)
    pairs = np.unique(np.stack([cloud.instance, mesh.object])[:, expected != NONE], axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == len(pairs[0]) > 8
    by_objects = scannet.read_scan(files, "200", scan.read.args[2])[0]  # by NYU40's column
    assert by_objects.semantic.max() < 200
    assert reader.left_out(tmp_path) == []


def test_a_scene_in_scenenns_format_is_read_back(mesh, tmp_path):
    (tmp_path / "color_ply_fixed").mkdir()
    scenenn_writer.write_scene(tmp_path, "901", mesh)
    (tmp_path / "scenenn_test.txt").write_text("901\n")
    [scene] = scenenn.scans(tmp_path)
    cloud, problems = scene.read()
    assert problems == []
    assert np.abs(cloud.xyz - mesh.xyz).max() < 1e-5
    np.testing.assert_array_equal(cloud.rgb, mesh.rgb)
    found = {scenenn.LABELS.class_names[index] for index in np.unique(cloud.semantic)}
    assert {"wall", "floor", "chair", "bookshelf", "otherprop", "otherfurniture"} <= found


@pytest.mark.parametrize("write", [writer.write_scans, scenenn_writer.write_scenes])
def test_a_folder_that_holds_something_is_refused(write, tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        write(tmp_path, {"train": 1})


def test_equal_seeds_give_equal_files(tmp_path):
    for name in "ab":
        writer.write_scans(tmp_path / name, {"val": 1}, seed=3)
    compared = filecmp.dircmp(tmp_path / "a/scans/scene9001_00", tmp_path / "b/scans/scene9001_00")
    assert len(compared.same_files) == 5
    assert not compared.diff_files
