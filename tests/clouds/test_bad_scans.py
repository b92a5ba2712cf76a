"""Files that are no scans, or lie: one message with file and place, nothing written, no memory."""

import io
import resource
import struct
import zipfile

import numpy as np
import pytest

import scan_files
from ban_tf.clouds.formats import bounds, scan
from ban_tf.clouds.problems import UnreadableError

TRILLION = 10**12
PLY, PCD = scan_files.ply("binary_little_endian"), scan_files.pcd("binary")
TEXT_PLY, TEXT_PCD = scan_files.ply("ascii"), scan_files.pcd("ascii")
COUNT = f"{scan_files.COUNT}".encode()


def changed(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) >= 1, old
    return content.replace(old, new, 1)


def npy(shape: str, kind: str = "<f8", body: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def npz(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


NOWHERE = saved(np.full((3, 3), np.nan))
BAD = {
    # name of the file: content, what is told
    "empty.ply": (b"", "is empty"),
    "magic.ply": (b"solid cube\n", "header: is not that of a PLY file"),
    "cut.ply": (PLY[:-60], "element vertex: .*early end-of-file"),
    "lying.ply": (
        changed(PLY, b"vertex " + COUNT, b"vertex 1000000000000"),
        "element vertex: says that there are 1,000,000,000,000 points",
    ),
    "missing.ply": (changed(PLY, b"float z", b"float w"), "has no columns x, y and z"),
    "twice.ply": (changed(PLY, b"float y", b"float x"), "element vertex: .*(two|duplicate|field)"),
    "words.ply": (changed(TEXT_PLY, b"\n3 0 1 2\n", b" x\n3 0 1 2\n"), "element vertex: "),
    "huge.ply": (changed(TEXT_PLY, b" 11\n3 0", b" 70000\n3 0"), "label of vertex 11 must be of"),
    "magic.pcd": (b"P6\n# an image\n", "header: has no line 'P6' in PCD files"),
    "cut.pcd": (PCD[:-9], "POINTS: says that there are 12 points of 22 bytes"),
    "lying.pcd": (changed(PCD, b"POINTS " + COUNT, b"POINTS 1000000000000"), "POINTS: says that"),
    "encoding.pcd": (changed(PCD, b"DATA binary", b"DATA zstd"), "DATA: is of an unknown encoding"),
    "twice.pcd": (changed(PCD, b"x y z", b"x x z"), "FIELDS: names one twice: x x z"),
    "type.pcd": (changed(PCD, b"TYPE F", b"TYPE Q"), "TYPE: of x is none: Q 4"),
    "size.pcd": (changed(PCD, b"SIZE 4", b"SIZE 3"), "TYPE: of x is none: F 3"),
    "few.pcd": (changed(PCD, b"COUNT 1 ", b"COUNT "), "FIELDS: must have as many values"),
    "words.pcd": (TEXT_PCD.rstrip() + b"x\n", "row 12: '11x' is no number"),
    "missing.pcd": (changed(PCD, b"x y z", b"x y w"), "FIELDS: has no columns x, y and z"),
    "magic.las": (b"LASX" + bytes(400), "header: is not that of a LAS file"),
    "cut.laz": (b"LASF" + bytes(40), "header: is cut off"),
    "version.las": (b"LASF" + bytes(20) + b"\x01\x09" + bytes(400), "version: 1.9 is unknown"),
    "magic.e57": (b"nothing of the kind", "header: is not that of an E57 file"),
    "words.xyz": (b"1 2 3\n4 five 6\n", r"2: value 2 is no number: 'five'"),
    "fewer.csv": (b"x,y,z\n1,2,3\n4,5\n", r"3: has 2 values, and the first line 3"),
    "two.xyz": (b"1 2\n", r"1: a point takes three numbers"),
    "none.txt": (b"# nothing\n\n", "has no line of numbers"),
    "binary.txt": (b"1 2 3\n\0\1\2\n", r"2: holds bytes that are no text"),
    "missing.csv": (b"a,b,c\n1,2,3\n", "columns: has no columns x, y and z. There are: a, b, c"),
    "twice.csv": (b"x,x,y,z\n1,2,3,4\n", "columns: have a name twice: x, x, y, z"),
    "endless.txt": (b"1 " * 70_000, r"1: is longer than 65,536 bytes"),
    "nowhere.csv": (b"x,y,z\nnan,1,1\n1,inf,1\n", "all 2 points are NaN or infinite"),
    "nowhere.npy": (NOWHERE, "array: all 3 points are NaN or infinite"),
    "magic.npy": (b"no array", "is damaged or no NumPy file"),
    "lying.npy": (npy("(1000000000000, 3)"), "array: says that there are 3,000,000,000,000 points"),
    "objects.npy": (npy("(3, 3)", "|O", bytes(72)), "array: holds Python objects"),
    "shape.npy": (saved(np.zeros((4, 5))), r"array: must be \[N, 3\], .*\(4, 5\)"),
    "none.npy": (saved(np.zeros((0, 3))), "array: has no point"),
    "words.npz": (npz(xyz=saved(np.array(["a", "b"]))), r"xyz: must be \[N, 3\] numbers"),
    "missing.npz": (npz(a=saved(np.zeros(3))), "has no columns x, y and z. There are: a"),
    "lying.npz": (npz(xyz=npy("(1000000000000, 3)")), "xyz: says that there are"),
    "magic.npz": (b"PK no archive", "is damaged or no NumPy file"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "told"), [(n, *v) for n, v in BAD.items()], ids=BAD)
def test_a_bad_file_is_one_message_with_file_and_place(name, content, told, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableError, match=rf"{name.replace('.', '[.]')}:.*({told})") as caught:
        scan.read(path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_las_files_that_lie_are_refused(tmp_path):
    pytest.importorskip("lazrs", reason="lazrs is not installed (extra scans)")
    plain, packed = (scan_files.write(name, tmp_path) for name in ("new.las", "new.laz"))
    content = bytearray(plain.read_bytes())
    struct.pack_into("<Q", content, 247, TRILLION)
    plain.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"new\.las: point count: says that there are 1,000,"):
        scan.read(plain)
    content = bytearray(packed.read_bytes())
    struct.pack_into("<Q", content, 247, TRILLION)
    packed.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"new\.laz: point count: says .* GB can be used"):
        scan.read(packed)
    struct.pack_into("<Q", content, 247, 5_000_000)  # fits into memory, and is not there
    packed.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"new\.laz: point count: .* chunks tell of 50,000"):
        scan.read(packed)
    struct.pack_into("<I", content, 100, 2**31)
    packed.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"new\.laz: header: says 2,147,483,648 VLRs"):
        scan.read(packed)


def test_what_would_unpack_to_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    content = npz(xyz=saved(np.zeros((100_000, 3))))
    path.write_bytes(content)
    assert len(content) < 10_000
    assert len(scan.read(path)) == 100_000
    monkeypatch.setattr(bounds, "free_bytes", lambda: 2_000_000)
    with pytest.raises(UnreadableError, match=r"bomb\.npz: 1 arrays: .* GB can be used"):
        scan.read(path)


def test_one_point_is_a_scan(tmp_path):
    path = tmp_path / "one.xyz"
    path.write_text("1 2 3\n")
    assert scan.read(path).xyz.tolist() == [[1, 2, 3]]


def test_what_is_no_file_of_points_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must have one of the extensions \.ply, \.pcd, \.las"):
        scan.read(tmp_path / "desk.docx")
    with pytest.raises(FileNotFoundError, match=r"desk\.ply is not there"):
        scan.read(tmp_path / "desk.ply")
    (tmp_path / "folder.ply").mkdir()
    with pytest.raises(FileNotFoundError, match=r"folder\.ply is no regular file"):
        scan.read(tmp_path / "folder.ply")


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = scan_files.write("little.ply", tmp_path)
    before = path.read_bytes()
    found = scan.read(path)
    with pytest.raises(ValueError, match="broadcast"):
        scan.write(found, path, {"semantic": np.zeros(5, np.int32)}, overwrite=True)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
