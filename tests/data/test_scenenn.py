"""SceneNN's raw scenes: meshes with object numbers, XML that names them, colours of their own."""

import numpy as np
import pytest

import scannet_trees
from ban_tf.clouds.formats import mesh_writer
from ban_tf.config import NONE
from ban_tf.data import scenenn
from ban_tf.data.reading import UnreadableError
from ban_tf.data.scenenn import layout

XYZ, RGB = scannet_trees.vertices(8)
NUMBERS = np.array([8844, 8844, 20, 20, 21, 21, 7, 7], np.uint32)
PAINT = np.repeat([[250, 0, 0], [0, 250, 0], [0, 0, 250], [9, 9, 9]], 2, axis=0).astype(np.uint8)
XML = """<?xml version="1.0"?>
<annotation>
  <label id="8844" color="250 0 0" text="wall0" nyu_class="wall" aabbox="0 0 0 1 1 1"/>
  <label id="20" text="chair1" nyu_class="chair" obbox="0 0 0 1 1 1 0 0 0 1"/>
  <label id="21" text="chair2" nyu_class="chair"/>
  <label id="300" text="gone" nyu_class="prop"/>
</annotation>
"""
WALL, CHAIR = (scenenn.LABELS.class_names.index(name) for name in ("wall", "chair"))


def channels(rgb, **more):
    return {**dict(zip(("red", "green", "blue"), rgb.T, strict=True)), **more}


def write_scene(root, name="005", rgb=PAINT, xml=XML, colors=RGB, flat=False):
    folder = root if flat else root / name
    folder.mkdir(parents=True, exist_ok=True)
    mesh = channels(rgb, label=NUMBERS)
    mesh_writer.write(folder / f"{name}.ply", XYZ, scannet_trees.SQUARE, mesh)
    (folder / f"{name}.xml").write_text(xml)
    if colors is not None:
        (root / "color_ply_fixed").mkdir(exist_ok=True)
        painted = root / "color_ply_fixed" / f"{name}.ply"
        mesh_writer.write(painted, XYZ[: len(colors)], scannet_trees.SQUARE, channels(colors))
    return folder


def read(root):
    [scene] = scenenn.scans(root)
    return scene.read()


@pytest.mark.parametrize("flat", [False, True], ids=["folders", "one folder"])
def test_a_scene_is_read_and_turned_to_z_up(flat, tmp_path):
    write_scene(tmp_path, flat=flat)
    cloud, [told] = read(tmp_path)
    np.testing.assert_array_equal(cloud.xyz, XYZ[:, [0, 2, 1]] * np.float64([1, -1, 1]))
    np.testing.assert_array_equal(cloud.rgb, RGB)
    assert cloud.semantic.tolist() == [WALL, WALL, *[CHAIR] * 4, NONE, NONE]
    assert len(set(cloud.instance[:6])) == 3
    assert cloud.instance.tolist()[2:] == [*cloud.instance[2:6], NONE, NONE]
    assert told.text.startswith("label: 2 of 8 vertices belong to no object")


def test_colours_that_paint_the_objects_are_left_out(tmp_path):
    write_scene(tmp_path, colors=None)
    cloud, problems = read(tmp_path)
    assert cloud.rgb is None
    assert "each object is painted in one colour" in problems[-1].text


def test_colours_of_the_mesh_itself_are_taken_where_they_are_as_scanned(tmp_path):
    write_scene(tmp_path, rgb=RGB, colors=None)
    cloud, _ = read(tmp_path)
    np.testing.assert_array_equal(cloud.rgb, RGB)


def test_colours_of_another_mesh_are_left_out(tmp_path):
    write_scene(tmp_path, colors=RGB[:4])
    cloud, problems = read(tmp_path)
    assert cloud.rgb is None
    assert problems[-1].text == "has 4 vertices, the mesh 8; its colours are left out"


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ('nyu_class="prop"', "otherprop"),
        ('nyu_class="Fridge"', "refridgerator"),
        ('text="floor mat 12"', "floor mat"),
        ('text="desk3"', "desk"),
        ('text="my mug"', None),
        ('nyu_class="unknown"', None),
    ],
)
def test_a_class_is_that_of_nyu40_in_whichever_words(attributes, name, tmp_path):
    write_scene(tmp_path, xml=f'<a><label id="20" {attributes}/></a>')
    cloud, problems = read(tmp_path)
    expected = NONE if name is None else scenenn.LABELS.class_names.index(name)
    assert cloud.semantic[2] == expected
    assert (cloud.instance[2] == NONE) == (name is None)
    assert len(problems) == 1  # the vertices of no object


def test_a_class_that_is_none_of_nyu40_is_told(tmp_path):
    write_scene(tmp_path, xml='<a><label id="20" nyu_class="wigwam"/></a>')
    _, problems = read(tmp_path)
    assert "label[0].nyu_class: 'wigwam' is none of NYU40" in problems[0].text


def test_a_scene_whose_floor_is_above_is_told(tmp_path):
    above = np.where(XYZ[:, 1] > np.median(XYZ[:, 1]), 20, 8844)
    folder = write_scene(
        tmp_path, xml=XML.replace('nyu_class="chair" obbox', 'nyu_class="floor" o')
    )
    mesh_writer.write(
        folder / "005.ply", XYZ, scannet_trees.SQUARE, channels(PAINT, label=above.astype("u4"))
    )
    assert any("the floor is not below" in problem.text for problem in read(tmp_path)[1])


BROKEN = {
    "xml cut": ("005.xml", XML[:90], "is no whole XML file"),
    "no number": ("005.xml", '<a><label id="x"/></a>', r"label\[0\]\.id: must be a number"),
    "mesh cut": ("005.ply", "ply\nformat", "header: is cut off"),
}


@pytest.mark.parametrize(("name", "content", "told"), BROKEN.values(), ids=BROKEN)
def test_a_damaged_file_is_told_by_file_and_field(name, content, told, tmp_path):
    (write_scene(tmp_path) / name).write_text(content)
    with pytest.raises(UnreadableError, match=rf"{name}: {told}"):
        read(tmp_path)


def test_the_published_lists_part_the_scenes(tmp_path):
    assert not layout.published("train") & layout.published("test")
    for name in ("005", "011", "444"):
        write_scene(tmp_path, name)
    found = {scan.name: scan.group for scan in scenenn.scans(tmp_path)}
    assert found == {"005": "train", "011": "test"}
    [told] = layout.left_out(tmp_path)
    assert "is in no list of scenes" in told.text
    assert scenenn.describe(tmp_path, None).split().test == ("test",)


def test_a_scene_without_annotation_or_a_folder_without_scenes_is_refused(tmp_path):
    folder = write_scene(tmp_path, "011")
    (folder / "011.xml").unlink()
    with pytest.raises(FileNotFoundError, match=r"no scene that can be read: .*lacks 011\.xml"):
        scenenn.scans(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        scenenn.scans(tmp_path / "gone")
    write_scene(tmp_path, "005")
    with pytest.raises(ValueError, match="must be scenes of the list `test`"):
        scenenn.describe(tmp_path, None)


def test_a_network_sees_coordinates_alone_where_it_is_asked_for():
    demo = scenenn.source(colors=False).demo()
    assert demo.features.names == ("block_xyz", "room_xyz")
