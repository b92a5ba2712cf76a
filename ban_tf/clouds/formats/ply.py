"""Scans in PLY files: the vertices and their properties; faces and all else stay as they are."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import plyfile

from ban_tf.clouds.formats import bounds, ply_mesh, rows, table
from ban_tf.clouds.formats.raw_scan import RawScan, as_columns, columns_of, with_columns
from ban_tf.clouds.problems import UnreadableError

_CODES = {"f4": "float", "f8": "double", "i1": "char", "u1": "uchar", "i2": "short",
          "u2": "ushort", "i4": "int", "u4": "uint"}  # fmt: skip


def read(path: Path) -> RawScan:
    """Reads a PLY file, ASCII or binary of either byte order.

    Raises:
        UnreadableError: it is damaged, has no vertex or no coordinates; the message says where.
    """
    bounds.require_memory(path, ply_mesh.count_vertices(path) or 0, 0, "element vertex")
    mesh = ply_mesh.parse(path)
    names = mesh.vertices.dtype.names or ()
    lists = [name for name in names if mesh.vertices.dtype[name].hasobject]
    if lists:
        raise UnreadableError(path, lists[0], "is a list at each vertex, which no scan needs")
    return table.scan_of(path, mesh.vertices, "element vertex", native=mesh)


def write(scan: RawScan, path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Writes a PLY file with further properties of the vertices.

    A scan that was read from a PLY file keeps its encoding, comments, faces and all else.

    Args:
        scan: as it was read.
        path: the file to write.
        added: `[N]` each, by name of the property.
    """
    if not isinstance(scan.native, ply_mesh.Mesh):
        vertices = as_columns({name: fitting(v) for name, v in columns_of(scan).items()})
        element = plyfile.PlyElement.describe(with_columns(vertices, added), "vertex")
        comments = _comments(scan.about)
        plyfile.PlyData([element], byte_order="<", comments=comments).write(str(path))
    elif scan.native.has_vertices_first:
        with path.open("wb") as file:
            file.writelines(_parts(scan.path, scan.native, added))
    else:
        whole = plyfile.PlyData.read(str(scan.path))
        whole["vertex"].data = with_columns(scan.native.vertices, added)
        whole.write(str(path))


def _parts(source: Path, mesh: ply_mesh.Mesh, added: Mapping[str, np.ndarray]) -> Iterator[bytes]:
    """The parts of a file whose vertices come first: header, vertices, what follows them."""
    _, body = ply_mesh.parted(source, source.read_bytes())
    names = mesh.vertices.dtype.names or ()
    yield header_with(mesh, {name: values.dtype for name, values in added.items()})
    if not mesh.is_text:
        yield with_columns(mesh.vertices, added).tobytes()
        yield body[mesh.vertices.nbytes :]
        return
    places = [place for place, name in enumerate(names) if name not in added]
    lines = body.split(b"\n", len(mesh.vertices))
    for start in range(0, len(mesh.vertices), rows.STEP):
        part = slice(start, min(start + rows.STEP, len(mesh.vertices)))
        old = lines[part]
        if len(places) < len(names):
            old = [b" ".join(np.array(line.split())[places].tolist()) for line in old]
        texts = rows.texts({name: values[part] for name, values in added.items()})
        yield from (
            line.rstrip() + b" " + " ".join(new).encode() + b"\n"
            for line, new in zip(old, texts, strict=True)
        )
    yield b"\n".join(lines[len(mesh.vertices) :])


def header_with(mesh: ply_mesh.Mesh, added: Mapping[str, np.dtype]) -> bytes:
    """The header of a file whose vertices come first, with further properties.

    Args:
        mesh: as it was read.
        added: their types by name; one of a name that is there replaces it.
    """
    kept = [line for line in mesh.header if _property(line) not in added]
    new = [f"property {_CODES[kind.str[1:]]} {name}".encode() for name, kind in added.items()]
    return b"\n".join([*kept, *new, *mesh.after, b"end_header", b""])


def new_header(kind: np.dtype, count: int, about: Mapping[str, str]) -> bytes:
    """The header of a binary file of vertices alone.

    Args:
        kind: structured, of a vertex; little-endian.
        count: number of vertices.
        about: what the comments tell.
    """
    file = io.BytesIO()
    element = plyfile.PlyElement.describe(np.empty(0, kind), "vertex")
    plyfile.PlyData([element], byte_order="<", comments=_comments(about)).write(file)
    return file.getvalue().replace(b"element vertex 0", f"element vertex {count}".encode())


def _comments(about: Mapping[str, str]) -> list[str]:
    return [f"{name} {text}".replace("\n", " ") for name, text in about.items()]


def _property(line: bytes) -> str:
    words = line.split()
    return words[-1].decode(errors="replace") if words[:1] == [b"property"] else ""


def fitting(values: np.ndarray) -> np.ndarray:
    """The values in a type that PLY has: whole numbers of eight bytes become float64."""
    return values.astype(np.float64) if values.dtype.str[1:] in ("i8", "u8") else values
