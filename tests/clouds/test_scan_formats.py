"""Scans of every format: what is read, and what is kept when labels are added."""

import numpy as np
import pytest

import scan_files
from ban_tf.clouds.formats import ply_mesh, scan
from ban_tf.clouds.formats.raw_scan import RawScan

LABELS = scan_files.LABELS
AS_TEXT = 1e-5  # labels as text have six digits


@pytest.fixture(params=scan_files.KINDS)
def file(request, tmp_path):
    """A file of each format in turn."""
    return scan_files.write_or_skip(request.param, tmp_path)


def expected_xyz(path):
    offset = np.array([500_000.0, 5_000_000.0, 100.0]) if path.suffix in (".las", ".laz") else 0
    return scan_files.XYZ + offset


def test_coordinates_colours_and_fields_are_read_in_order(file):
    found = scan.read(file)
    assert found.xyz.dtype == np.float64
    # LAS counts in its own steps; pye57 writes float32, here of places ten metres away.
    within = {".las": 0.0006, ".laz": 0.0006, ".e57": 1e-6}.get(file.suffix, 1e-12)
    np.testing.assert_allclose(found.xyz, expected_xyz(file), atol=within, rtol=0)
    factor = 257 if file.suffix in (".las", ".laz") else 1
    np.testing.assert_array_equal(found.colors, scan_files.RGB.astype(np.int64) * factor)
    name = "intensity" if file.suffix == ".e57" else "label"
    if not file.stem.startswith(("plain", "count")):
        np.testing.assert_array_equal(found.fields[name], scan_files.LABEL)


def test_the_same_format_keeps_everything_and_takes_the_labels(file, tmp_path):
    before = scan.read(file)
    out = tmp_path / f"out{file.suffix}"
    scan.write(before, out, LABELS)
    is_unnamed = file.suffix in (".xyz", ".pts")
    columns = ("x", "y", "z", "red", "green", "blue", *LABELS) if is_unnamed else None
    before, after = scan.read(file), scan.read(out, columns)
    np.testing.assert_array_equal(after.xyz, before.xyz)
    np.testing.assert_array_equal(after.colors, before.colors)
    changed = {"classification"} if out.suffix in (".las", ".laz") else set()
    for name in before.fields.keys() - changed:
        np.testing.assert_array_equal(after.fields[name], before.fields[name])
    prefix = "ban:" if out.suffix == ".e57" else ""
    names = list(after.fields)
    for name, values in LABELS.items():
        np.testing.assert_allclose(after.fields[prefix + name], values, atol=AS_TEXT, rtol=AS_TEXT)
    assert names[-4:] == [prefix + name for name in LABELS] or out.suffix == ".e57"
    assert list(tmp_path.glob(".*")) == []


def test_fields_of_the_same_name_are_kept_unless_they_may_go(file, tmp_path):
    if file.stem.startswith(("plain", "count")) and file.suffix != ".npy":
        pytest.skip("a text without names has no fields of any name")
    once, twice = tmp_path / f"once{file.suffix}", tmp_path / f"twice{file.suffix}"
    scan.write(scan.read(file), once, LABELS)
    with pytest.raises(ValueError, match="has the fields semantic, instance, confidence, entropy"):
        scan.write(scan.read(once), twice, LABELS)
    assert not twice.exists()
    others = {name: values[::-1].copy() for name, values in LABELS.items()}
    scan.write(scan.read(once), twice, others, overwrite=True)
    found = scan.read(twice)
    prefix = "ban:" if file.suffix == ".e57" else ""
    assert len(found.fields) == len(scan.read(once).fields)
    np.testing.assert_array_equal(found.fields[f"{prefix}semantic"], others["semantic"])
    np.testing.assert_array_equal(found.xyz, scan.read(file).xyz)


@pytest.mark.parametrize("suffix", [".ply", ".pcd", ".laz", ".csv", ".xyz", ".npz", ".npy"])
def test_another_format_gets_coordinates_colours_fields_and_labels(file, suffix, tmp_path):
    if suffix == ".laz":
        pytest.importorskip("lazrs", reason="lazrs is not installed (extra scans)")
    if suffix == file.suffix:
        pytest.skip("the same format is another test's")
    before = scan.read(file)
    out = tmp_path / f"other{suffix}"
    scan.write(before, out, LABELS)
    after = scan.read(out)
    within = 6e-5 if suffix == ".laz" else 1e-12
    np.testing.assert_allclose(after.xyz, before.xyz, atol=within, rtol=0)
    np.testing.assert_array_equal(after.fields["instance"], LABELS["instance"])
    if "label" in before.fields:
        np.testing.assert_array_equal(after.fields["label"], before.fields["label"])


def test_a_file_that_is_there_stays_unless_it_may_go(tmp_path):
    path = tmp_path / "desk.xyz"
    path.write_text("1 2 3\n")
    read = scan.read(path)
    with pytest.raises(FileExistsError, match=r"desk\.xyz is there already"):
        scan.write(read, path, {"semantic": np.zeros(1, np.int32)})
    assert path.read_text() == "1 2 3\n"
    scan.write(read, path, {"semantic": np.zeros(1, np.int32)}, overwrite=True)
    assert path.read_text() == "1 2 3 0\n"


def test_faces_comments_and_digits_of_a_mesh_stay_as_they_are(tmp_path):
    for kind in ("ascii.ply", "little.ply", "big.ply"):
        before = scan_files.write(kind, tmp_path)
        after = tmp_path / f"out_{kind}"
        scan.write(scan.read(before), after, LABELS)
        assert b"comment made by hand\n" in after.read_bytes()
        mesh = ply_mesh.plyfile.PlyData.read(str(after))
        assert [list(face) for face in mesh["face"]["vertex_indices"]] == [[0, 1, 2], [2, 3, 4]]
        assert mesh.text == (kind == "ascii.ply")
    lines = after.parent.joinpath("out_ascii.ply").read_text().splitlines()
    row = scan_files.write("ascii.ply", tmp_path).read_text().splitlines()[14]
    assert f"{row} -1 0 0 0" in lines


def test_vlrs_scale_offset_and_version_of_las_stay(tmp_path):
    laspy = pytest.importorskip("laspy", reason="laspy is not installed (extra scans)")
    for kind in ("old.las", "new.laz"):
        before = scan_files.write(kind, tmp_path)
        after = tmp_path / f"out_{kind}"
        scan.write(scan.read(before), after, LABELS)
        old, new = laspy.read(before), laspy.read(after)
        assert new.header.version == old.header.version
        assert new.point_format.id == old.point_format.id
        np.testing.assert_array_equal(new.header.scales, old.header.scales)
        np.testing.assert_array_equal(new.header.offsets, old.header.offsets)
        assert [vlr.record_data for vlr in new.vlrs if vlr.user_id == "by hand"] == [b"kept"]
        np.testing.assert_array_equal(new.X, old.X)


def test_las_codes_are_free_ones_and_codes_of_the_file_stay(tmp_path):
    laspy = pytest.importorskip("laspy", reason="laspy is not installed (extra scans)")
    path, out = scan_files.write("new.las", tmp_path), tmp_path / "out.las"
    scan.write(scan.read(path), out, LABELS)
    codes = np.where(LABELS["semantic"] < 0, 0, LABELS["semantic"] + 64)
    np.testing.assert_array_equal(laspy.read(out).classification, codes)
    las = laspy.read(path)
    las.classification = np.full(scan_files.COUNT, 6)
    las.write(path)
    scan.write(scan.read(path), out, LABELS, overwrite=True)
    np.testing.assert_array_equal(laspy.read(out).classification, codes)
    scan.write(scan.read(path), tmp_path / "kept.las", LABELS)
    assert set(np.array(laspy.read(tmp_path / "kept.las").classification)) == {6}
    old = scan_files.write("old.las", tmp_path)
    scan.write(scan.read(old), tmp_path / "five_bits.las", LABELS)
    assert set(np.array(laspy.read(tmp_path / "five_bits.las").classification)) == {0}


def test_header_and_layout_of_pcd_stay(tmp_path):
    for kind in ("ascii.pcd", "binary.pcd"):
        after = tmp_path / f"out_{kind}"
        scan.write(scan.read(scan_files.write(kind, tmp_path)), after, LABELS)
        lines = after.read_bytes().split(b"\n")
        assert b"FIELDS x y z _ rgb label semantic instance confidence entropy" in lines
        assert b"COUNT 1 1 1 4 1 1 1 1 1 1" in lines
        assert {b"WIDTH 6", b"HEIGHT 2", b"VIEWPOINT 0 0 1 1 0 0 0"} <= set(lines)
        assert f"DATA {kind.split('.')[0]}".encode() in lines


def test_all_members_of_an_npz_stay(tmp_path):
    before, after = scan_files.write("packed.npz", tmp_path), tmp_path / "out.npz"
    scan.write(scan.read(before), after, LABELS)
    with np.load(after) as found:
        assert set(found.files) == {"xyz", "rgb", "label", "note", *LABELS}
        assert str(found["note"]) == "kept"


def test_lines_of_text_stay_with_labels_behind_them(tmp_path):
    path = tmp_path / "desk.txt"
    path.write_text("// by hand\n1.50 2 3 wood\n\n4e0 5 6 glass\n")
    found = scan.read(path)
    assert "intensity hold words" in found.problems[0]
    scan.write(found, tmp_path / "out.txt", {"semantic": np.array([7, -1])})
    text = (tmp_path / "out.txt").read_text()
    assert text == "// by hand\n1.50 2 3 wood 7\n\n4e0 5 6 glass -1\n"


def test_names_in_the_comment_of_a_text_count(tmp_path):
    path = tmp_path / "desk.asc"
    path.write_text("//X Y Z Intensity R G B\n1 2 3 0.5 10 20 30\n")
    found = scan.read(path)
    assert found.colors.tolist() == [[10, 20, 30]]
    assert found.fields["Intensity"].tolist() == [0.5]
    scan.write(found, tmp_path / "out.asc", {"semantic": np.array([7])})
    lines = (tmp_path / "out.asc").read_text().splitlines()
    assert lines == ["//X Y Z Intensity R G B semantic", "1 2 3 0.5 10 20 30 7"]


def test_columns_can_be_named_by_the_caller(tmp_path):
    path = tmp_path / "desk.xyz"
    path.write_text("9 1 2 3\n8 4 5 6\n")
    found = scan.read(path, columns=("time", "x", "y", "z"))
    assert found.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.fields["time"].tolist() == [9, 8]
    with pytest.raises(ValueError, match="there are 4, and 3 names"):
        scan.read(path, columns=("x", "y", "z"))


def test_points_that_are_not_finite_are_read_as_they_are(tmp_path):
    path = tmp_path / "desk.csv"
    path.write_text("x,y,z\n1,2,3\nnan,nan,nan\n")
    found = scan.read(path)
    assert np.isnan(found.xyz[1]).all()
    scan.write(found, tmp_path / "out.ply", {"semantic": np.array([3, -1], np.int32)})
    after = scan.read(tmp_path / "out.ply")
    assert np.isnan(after.xyz[1]).all()
    assert after.fields["semantic"].tolist() == [3, -1]


def test_las_refuses_what_it_cannot_hold(tmp_path):
    pytest.importorskip("laspy", reason="laspy is not installed (extra scans)")
    for xyz, told in (([[0, 0, 0], [np.nan, 0, 0]], "NaN"), ([[0, 0, 0], [1e9, 0, 0]], "apart")):
        with pytest.raises(ValueError, match=told):
            scan.write(RawScan(tmp_path / "a.ply", np.array(xyz)), tmp_path / "a.las", {})
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_told_with_the_command_that_gets_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lzf", None)
    path = tmp_path / "desk.pcd"
    path.write_bytes(
        b"VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 1\nHEIGHT 1\nPOINTS 1\n"
        b"DATA binary_compressed\n" + (12).to_bytes(4, "little") * 2 + bytes(12)
    )
    with pytest.raises(ImportError, match=r'pip install "ban-tf\[scans\]"'):
        scan.read(path)
