"""Small valid files of every format of scans, made by hand or by the format's own library."""

import io
import pathlib
import struct
import sys

import numpy as np
import pytest

COUNT = 12
XYZ = np.random.default_rng(0).uniform(-2, 3, (COUNT, 3)).astype(np.float32).astype(np.float64)
RGB = np.random.default_rng(1).integers(0, 256, (COUNT, 3)).astype(np.uint8)
LABEL = np.arange(COUNT, dtype=np.uint16)
LABELS = {
    "semantic": (np.arange(COUNT) % 5 - 1).astype(np.int32),
    "instance": (np.arange(COUNT) % 3).astype(np.int32),
    "confidence": np.linspace(0, 1, COUNT).astype(np.float32),
    "entropy": np.linspace(0, 2, COUNT).astype(np.float32),
}
TRIANGLES = ((0, 1, 2), (2, 3, 4))
KINDS = (
    "ascii.ply",
    "little.ply",
    "big.ply",
    "ascii.pcd",
    "binary.pcd",
    "compressed.pcd",
    "old.las",
    "new.las",
    "new.laz",
    "scans.e57",
    "plain.xyz",
    "names.csv",
    "count.pts",
    "plain.npy",
    "columns.npy",
    "packed.npz",
)
NEEDS = {".las": "laspy", ".laz": "lazrs", ".e57": "pye57", "compressed.pcd": "lzf"}


def library_of(kind: str) -> str:
    """The library that a file needs beside those that are always there; empty if none."""
    return NEEDS.get(kind) or NEEDS.get(pathlib.Path(kind).suffix, "")


def write(kind: str, folder: pathlib.Path) -> pathlib.Path:
    """Writes one of `KINDS`: `COUNT` points, all but the plain ones with a column `label`."""
    path = folder / kind
    suffix = path.suffix[1:]
    if suffix in ("las", "laz"):
        _las(path)
    elif suffix == "e57":
        _e57(path)
    else:
        path.write_bytes(_MAKERS[kind]())
    return path


def write_or_skip(kind: str, folder: pathlib.Path) -> pathlib.Path:
    """As `write`; skips the test where the library of the format is missing."""
    library = library_of(kind)
    if library:
        pytest.importorskip(library, reason=f"{library} is not installed (extras scans and e57)")
    return write(kind, folder)


def ply(encoding: str) -> bytes:
    """A mesh with a comment, points, two faces, in `ascii` or a binary encoding."""
    header = (
        f"ply\nformat {encoding} 1.0\ncomment made by hand\nelement vertex {COUNT}\n"
        "property float x\nproperty float y\nproperty float z\nproperty uchar red\n"
        "property uchar green\nproperty uchar blue\nproperty ushort label\n"
        "element face 2\nproperty list uchar int vertex_indices\nend_header\n"
    )
    if encoding == "ascii":
        rows = [" ".join(map(repr, row)) for row in _rows()]
        rows += [f"3 {a} {b} {c}" for a, b, c in TRIANGLES]
        return (header + "\n".join(rows) + "\n").encode()
    order = "<" if "little" in encoding else ">"
    body = b"".join(struct.pack(f"{order}fffBBBH", *row) for row in _rows())
    return header.encode() + body + b"".join(struct.pack(f"{order}Biii", 3, *t) for t in TRIANGLES)


def pcd(encoding: str) -> bytes:
    """Points with padding, packed colours and labels."""
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z _ rgb label\n"
        "SIZE 4 4 4 1 4 2\nTYPE F F F U F U\nCOUNT 1 1 1 4 1 1\n"
        f"WIDTH {COUNT // 2}\nHEIGHT 2\nVIEWPOINT 0 0 1 1 0 0 0\nPOINTS {COUNT}\nDATA {encoding}\n"
    ).encode()
    packed = [struct.unpack("<f", struct.pack("<BBBB", b, g, r, 0))[0] for r, g, b in RGB.tolist()]
    if encoding == "ascii":
        rows = [
            " ".join(map(repr, (*xyz, 0, 0, 0, 0, color, label)))
            for xyz, color, label in zip(XYZ.tolist(), packed, LABEL.tolist(), strict=True)
        ]
        return header + "\n".join(rows).encode() + b"\n"
    rows = zip(XYZ.tolist(), packed, LABEL.tolist(), strict=True)
    if encoding == "binary":
        return header + b"".join(
            struct.pack("<fff4sfH", *xyz, bytes(4), color, label) for xyz, color, label in rows
        )
    import lzf

    columns = [XYZ[:, k].astype("<f4").tobytes() for k in range(3)]
    columns += [bytes(4 * COUNT), np.array(packed, "<f4").tobytes(), LABEL.astype("<u2").tobytes()]
    raw = b"".join(columns)
    body = lzf.compress(raw, 2 * len(raw))
    return header + struct.pack("<II", len(body), len(raw)) + body


def _rows() -> list[tuple[float, ...]]:
    return [
        (*xyz, *rgb, label)
        for xyz, rgb, label in zip(XYZ.tolist(), RGB.tolist(), LABEL.tolist(), strict=True)
    ]


def _text(delimiter: str, header: str) -> bytes:
    lines = [delimiter.join(map(repr, row)) for row in _rows()]
    return (header + "\n".join(lines) + "\n").encode()


def _plain(header: str) -> bytes:
    lines = [" ".join(map(repr, row[:6])) for row in _rows()]
    return (header + "\n".join(lines) + "\n").encode()


def _columns() -> np.ndarray:
    kinds = [*((axis, "f8") for axis in "xyz"), *((c, "u1") for c in ("red", "green", "blue"))]
    return np.array(_rows(), [*kinds, ("label", "u2")])


def _saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _packed() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, xyz=XYZ, rgb=RGB, label=LABEL, note=np.array("kept"))
    return file.getvalue()


_MAKERS = {
    "ascii.ply": lambda: ply("ascii"),
    "little.ply": lambda: ply("binary_little_endian"),
    "big.ply": lambda: ply("binary_big_endian"),
    "ascii.pcd": lambda: pcd("ascii"),
    "binary.pcd": lambda: pcd("binary"),
    "compressed.pcd": lambda: pcd("binary_compressed"),
    "plain.xyz": lambda: _plain("# by hand\n"),
    "names.csv": lambda: _text(",", "X,Y,Z,R,G,B,label\n"),
    "count.pts": lambda: _plain(f"{COUNT}\n"),
    "plain.npy": lambda: _saved(np.hstack([XYZ, RGB])),
    "columns.npy": lambda: _saved(_columns()),
    "packed.npz": _packed,
}


def _las(path: pathlib.Path) -> None:
    import laspy

    is_old = path.stem == "old"
    header = laspy.LasHeader(point_format=2 if is_old else 7, version="1.2" if is_old else "1.4")
    header.scales, header.offsets = np.full(3, 0.001), np.array([500_000.0, 5_000_000.0, 100.0])
    header.vlrs.append(laspy.VLR("by hand", 7, "a note", b"kept"))
    las = laspy.LasData(header)
    las.xyz = XYZ + header.offsets
    las.red, las.green, las.blue = (RGB.astype(np.uint16) * 257).T
    las.add_extra_dim(laspy.ExtraBytesParams(name="label", type=np.uint16))
    las.label = LABEL
    las.write(path)


def _e57(path: pathlib.Path) -> None:
    """Two scans of half the points each; the second is turned by half a turn about z and moved."""
    import pye57

    half = COUNT // 2
    with pye57.E57(str(path), mode="w") as file:
        for start, turn, shift in ((0, (1, 0, 0, 0), (0, 0, 0)), (half, (0, 0, 0, 1), (10, 0, 0))):
            part = slice(start, start + half)
            xyz = XYZ[part] - np.array(shift)
            if turn[3]:
                xyz = xyz * np.array([-1, -1, 1])
            data = dict(zip(("cartesianX", "cartesianY", "cartesianZ"), xyz.T.copy(), strict=True))
            colors = zip(("colorRed", "colorGreen", "colorBlue"), RGB[part].T.copy(), strict=True)
            data |= dict(colors)
            data["intensity"] = LABEL[part].astype(np.float32)
            file.write_scan_raw(
                data, name=f"scan {start}", rotation=np.array(turn), translation=np.array(shift)
            )


if __name__ == "__main__":
    for one in KINDS:
        print(write(one, pathlib.Path(sys.argv[1])))
