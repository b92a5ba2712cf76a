"""Scans read and written part by part: the points and copies of `scan.read` and `scan.write`."""

import numpy as np
import pytest

import scan_files
from ban_tf.clouds.formats import on_disk, scan, scan_stream
from ban_tf.clouds.problems import UnreadableError

LABELS = scan_files.LABELS
IN_PARTS = ("little.ply", "big.ply", "binary.pcd", "old.las", "new.las", "new.laz", "scans.e57",
            "plain.npy", "columns.npy")  # fmt: skip
LEAST = np.floor(scan_files.XYZ.min(axis=0))


@pytest.fixture(params=scan_files.KINDS)
def file(request, tmp_path):
    return scan_files.write_or_skip(request.param, tmp_path)


def labels_on_disk(folder):
    columns = {}
    for name, values in LABELS.items():
        columns[name] = on_disk.OnDisk(folder / name, values.dtype)
        columns[name].append(values)
    return columns


def joined(parts):
    xyz = np.concatenate([part.xyz for part in parts])
    colors = np.concatenate([part.colors for part in parts])
    fields = {name: np.concatenate([part.fields[name] for part in parts])
              for name in parts[0].fields}  # fmt: skip
    return xyz, colors, fields


@pytest.mark.parametrize("step", [1, 5, 100])
def test_parts_are_the_scan(file, step):
    whole, stream = scan.read(file), scan_stream.open_scan(file)
    parts = list(stream.parts(step))
    assert (len(stream), stream.is_whole) == (len(whole), file.name not in IN_PARTS)
    assert max(map(len, parts)) <= step
    assert min(map(len, parts)) > 0
    xyz, colors, fields = joined(parts)
    np.testing.assert_array_equal(xyz, whole.xyz)
    np.testing.assert_array_equal(colors, whole.colors)
    assert fields.keys() == whole.fields.keys() == stream.empty.fields.keys()
    for name, values in whole.fields.items():
        np.testing.assert_array_equal(fields[name], values)
        assert stream.empty.fields[name].dtype == values.dtype
    assert (stream.empty.about, stream.empty.problems) == (whole.about, whole.problems)
    assert stream.empty.colors.dtype == whole.colors.dtype


def test_a_copy_is_that_of_the_whole_scan(file, tmp_path, monkeypatch):
    monkeypatch.setattr(on_disk.OnDisk.slices, "__defaults__", (5,))
    suffix = file.suffix
    once, parts = tmp_path / f"once{suffix}", tmp_path / f"parts{suffix}"
    scan.write(scan.read(file), once, LABELS)
    is_new_las = suffix in scan.LAS and not file.name.startswith("old")
    stream = scan_stream.open_scan(file)
    scan_stream.write(stream, parts, labels_on_disk(tmp_path), LEAST, with_codes=is_new_las)
    if suffix in (".e57", ".npz"):  # which have the time and an identifier of their own
        before, after = scan.read(once), scan.read(parts)
        np.testing.assert_array_equal(after.xyz, before.xyz)
        for name, values in before.fields.items():
            np.testing.assert_array_equal(after.fields[name], values)
    else:
        assert parts.read_bytes() == once.read_bytes()


@pytest.mark.parametrize("suffix", [".ply", ".pcd", ".npy", ".las", ".laz", ".csv", ".npz"])
@pytest.mark.parametrize("kind", ["little.ply", "new.las", "scans.e57", "columns.npy"])
def test_a_copy_in_another_format_is_that_of_the_whole_scan(kind, suffix, tmp_path):
    file = scan_files.write(kind, tmp_path)
    once, parts = tmp_path / f"once{suffix}", tmp_path / f"parts{suffix}"
    whole, stream = scan.read(file), scan_stream.open_scan(file)
    scan.write(whole, once, LABELS)
    is_las = suffix in scan.LAS
    scan_stream.write(
        stream, parts, labels_on_disk(tmp_path), whole.xyz.min(axis=0), with_codes=is_las
    )
    before, after = scan.read(once), scan.read(parts)
    np.testing.assert_array_equal(after.xyz, before.xyz)
    np.testing.assert_array_equal(after.colors, before.colors)
    assert after.fields.keys() == before.fields.keys()
    for name, values in before.fields.items():
        np.testing.assert_array_equal(after.fields[name], values)
        assert after.fields[name].dtype == values.dtype


def test_a_file_that_is_cut_off_is_refused_as_a_whole_one_is(file, tmp_path):
    if file.name not in IN_PARTS:
        pytest.skip("is read as a whole")
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UnreadableError, match=file.name):
        list(scan_stream.open_scan(file).parts(4))


def test_a_panic_of_a_library_is_one_error_and_nothing_on_stderr(tmp_path, capfd):
    pytest.importorskip("lazrs", reason="lazrs is not installed (extra scans)")
    file = scan_files.write("new.laz", tmp_path)
    content, failed = bytearray(file.read_bytes()), 0
    for place in range(len(content) - 120, len(content) - 8):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            scan.read(file)
        except UnreadableError:
            failed += 1
    assert failed > 0
    assert capfd.readouterr().err == ""
