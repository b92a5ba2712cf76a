"""Meshes in PLY files: what is read of them, and what is refused."""

import numpy as np
import pytest

import scannet_trees
from ban_tf.clouds.formats import mesh_writer, ply_mesh
from ban_tf.data.reading import UnreadableError

XYZ, RGB = scannet_trees.vertices(6)


@pytest.mark.parametrize("is_text", [False, True], ids=["binary", "ascii"])
@pytest.mark.parametrize("with_alpha", [False, True], ids=["rgb", "rgba"])
def test_vertices_are_read_from_both_kinds_with_and_without_alpha(is_text, with_alpha, tmp_path):
    path = tmp_path / "mesh.ply"
    path.write_bytes(scannet_trees.ply(XYZ, RGB, np.arange(6), is_text, with_alpha))
    found = ply_mesh.read_vertices(path)
    np.testing.assert_array_equal(ply_mesh.coordinates(found), XYZ.astype(np.float64))
    np.testing.assert_array_equal(ply_mesh.colors(found), RGB)
    assert found["label"].tolist() == [0, 1, 2, 3, 4, 5]
    assert ("alpha" in found.dtype.names) == with_alpha
    assert ply_mesh.count_vertices(path) == 6


def test_a_mesh_whose_faces_come_first_is_read_too(tmp_path):
    path = tmp_path / "mesh.ply"
    path.write_text(
        "ply\nformat ascii 1.0\nelement face 1\nproperty list uchar int vertex_indices\n"
        "element vertex 2\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
        "3 0 1 0\n1 2 3\n4 5 6\n"
    )
    found = ply_mesh.coordinates(ply_mesh.read_vertices(path))
    assert found.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_big_endian_vertices_are_read(tmp_path):
    path = tmp_path / "mesh.ply"
    head = "ply\nformat binary_big_endian 1.0\nelement vertex 2\nproperty float x\nend_header\n"
    path.write_bytes(head.encode() + np.array([1.5, -2.0], ">f4").tobytes())
    assert ply_mesh.read_vertices(path, ("x",))["x"].tolist() == [1.5, -2.0]


def test_what_is_written_is_read_back(tmp_path):
    for is_text in (False, True):
        path = tmp_path / f"{is_text}.ply"
        channels = {"red": RGB[:, 0], "alpha": 255, "label": np.arange(6, dtype=np.uint32)}
        mesh_writer.write(path, XYZ, scannet_trees.SQUARE, channels, is_text)
        found = ply_mesh.read_vertices(path)
        np.testing.assert_array_equal(found["red"], RGB[:, 0])
        assert found["alpha"].tolist() == [255] * 6
        assert found["label"].tolist() == [0, 1, 2, 3, 4, 5]
        assert np.abs(ply_mesh.coordinates(found) - XYZ).max() < 1e-6


def cut(content: bytes, num_bytes: int) -> bytes:
    return content[: len(content) - num_bytes]


WHOLE = scannet_trees.ply(XYZ, RGB)
TEXT = scannet_trees.ply(XYZ, RGB, is_text=True)
IN_VERTICES = 2 * 13 + 5  # two faces, and part of the last vertex
NOT_FINITE = scannet_trees.ply(np.where(np.arange(6)[:, None] == 4, np.nan, XYZ), RGB)
BROKEN = {
    "empty": (b"", "header: is not that of a PLY file"),
    "no ply": (b"solid cube\n", "header: is not that of a PLY file"),
    "header cut": (WHOLE[:60], "header: is cut off"),
    "vertices cut": (cut(WHOLE, IN_VERTICES), "element vertex: .*early end-of-file"),
    "ascii vertices cut": (TEXT[: TEXT.find(b"end_header") + 60], "element vertex: early end"),
    "faces cut": (cut(WHOLE, 4), "element face: the file ends too early"),
    "ascii faces cut": (cut(TEXT, len(b"3 0 1 2\n3 1 3 2\n")), "element face: the file ends"),
    "a word": (TEXT.replace(b" 255\n", b" abc\n", 1), "element vertex: "),
    "not finite": (NOT_FINITE, "x: is not finite at vertex 4"),
    "none": (
        scannet_trees.ply(XYZ[:0], RGB[:0], faces=np.zeros((0, 3), int)),
        "element vertex: has no vertex",
    ),
    "other": (WHOLE.replace(b"property float z", b"property float w"), "z: is missing; vertices"),
}


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_mesh_is_refused_with_file_and_field(content, told, tmp_path):
    path = tmp_path / "mesh.ply"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=rf"mesh\.ply: {told}"):
        ply_mesh.read_vertices(path)


def test_a_mesh_that_is_gone_is_refused(tmp_path):
    with pytest.raises(UnreadableError, match=r"gone\.ply: cannot be read \(No such file"):
        ply_mesh.read_vertices(tmp_path / "gone.ply")
