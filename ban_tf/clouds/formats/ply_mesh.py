"""The vertices of a mesh in a PLY file, read by `plyfile`.

Faces are not needed, and parsing them takes far longer than the vertices: where the vertices come
first, as in all data sets here, only they are given to the parser.
"""

import dataclasses
import io
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plyfile

from ban_tf.clouds.problems import UnreadableError

_END = b"end_header"
_XYZ, _RGB = ("x", "y", "z"), ("red", "green", "blue")
_BYTES = {b"char": 1, b"uchar": 1, b"int8": 1, b"uint8": 1, b"short": 2, b"ushort": 2}
_CORNERS = 3  # of a face, at least
_LARGEST_HEADER = 2**16  # bytes
_UNREADABLE = (
    plyfile.PlyParseError, ValueError, TypeError, IndexError, OverflowError, UnicodeDecodeError,
    MemoryError,
)  # fmt: skip


def read_vertices(path: Path, required: Sequence[str] = _XYZ) -> np.ndarray:
    """The vertices of a mesh, binary or ASCII; properties beside the required ones are kept too.

    Args:
        path: the PLY file.
        required: names of properties that each vertex must have.

    Returns:
        Structured `[N]`, a field per property.

    Raises:
        UnreadableError: no PLY file, one that ends too early, one without vertices or without a
            required property, or a coordinate that is not finite.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "corner.ply"
        >>> header = "ply\\nformat ascii 1.0\\nelement vertex 1\\nproperty float x\\n"
        >>> _ = path.write_text(header + "end_header\\n2.5\\n")
        >>> read_vertices(path, required=("x",))["x"].tolist()
        [2.5]
    """
    vertices = parse(path).vertices
    names = vertices.dtype.names or ()
    missing = [name for name in required if name not in names]
    if missing or not len(vertices):
        text = f"is missing; vertices have {', '.join(names)}" if missing else "has no vertex"
        raise UnreadableError(path, missing[0] if missing else "element vertex", text)
    for name in (axis for axis in _XYZ if axis in names):
        if not np.isfinite(vertices[name]).all():
            row = int(np.argmin(np.isfinite(vertices[name])))
            raise UnreadableError(path, name, f"is not finite at vertex {row}")
    return vertices


@dataclasses.dataclass(frozen=True)
class Mesh:
    """What a PLY file holds, without its faces.

    Args:
        header: its lines up to the last property of the vertices, or all where other elements
            come before them.
        after: the lines of the elements behind the vertices.
        vertices: structured `[N]`, a field per property, in the order of the file.
    """

    header: list[bytes]
    after: list[bytes]
    vertices: np.ndarray

    @property
    def is_text(self) -> bool:
        """Whether the file is ASCII."""
        return is_text(self.header)

    @property
    def has_vertices_first(self) -> bool:
        """Whether the vertices come before everything else in the file."""
        return len([line for line in self.header if line.startswith(b"element ")]) == 1


def parse(path: Path) -> Mesh:
    """The vertices of a PLY file as they are, which may be none or not finite.

    Args:
        path: the file, binary or ASCII.

    Raises:
        UnreadableError: no PLY file, one that ends too early, or one without vertices.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(path, "", f"cannot be read ({error.strerror})") from error
    header, body = parted(path, content)
    lines, after = _vertices_alone(header)
    try:
        vertices = _read_text(lines, body) if is_text(lines) else _read_binary(lines, body)
    except KeyError as error:
        raise UnreadableError(path, "element vertex", "is missing") from error
    except _UNREADABLE as error:
        raise UnreadableError(path, "element vertex", str(error)) from error
    there, taken = len(body), vertices.nbytes
    if is_text(lines):
        there, taken = body.count(b"\n") + 1, len(vertices)
    require_faces(path, after, there, taken, is_text(lines))
    return Mesh(lines, after, vertices)


def start_of(path: Path) -> tuple[Mesh, int]:
    """What a binary PLY file says of its vertices, none of which is read, and where they begin.

    Raises:
        UnreadableError: no such file, or its header is damaged.
    """
    with path.open("rb") as file:
        head = file.read(_LARGEST_HEADER)
    header, body = parted(path, head)
    lines, after = _vertices_alone(header)
    empty = [b"element vertex 0" if one.startswith(b"element v") else one for one in lines]
    try:
        return Mesh(lines, after, _read_binary(empty, b"")), len(head) - len(body)
    except (KeyError, *_UNREADABLE) as error:
        raise UnreadableError(path, "element vertex", str(error)) from error


def is_text_file(path: Path) -> bool:
    """Whether a PLY file is ASCII, as its header says."""
    with path.open("rb") as file:
        return is_text(file.read(_LARGEST_HEADER).split(_END)[0].splitlines())


def is_text(header: list[bytes]) -> bool:
    """Whether the lines of a header are of a file in ASCII."""
    return any(line.startswith(b"format ascii") for line in header)


def _read_binary(header: list[bytes], body: bytes) -> np.ndarray:
    """Vertices by plyfile, from a file of the system: of others it reads row by row."""
    elements = [line.split() for line in header if line.startswith(b"element ")]
    if len(elements) == 1 and int(elements[0][2]) > len(body):  # each has a byte at least
        raise ValueError(f"early end-of-file: {int(elements[0][2])} vertices in {len(body)} bytes")
    with tempfile.TemporaryFile() as stream:
        stream.write(_content(header, body))
        stream.seek(0)
        return np.array(plyfile.PlyData.read(stream)["vertex"].data)


def _read_text(header: list[bytes], body: bytes) -> np.ndarray:
    """Vertices in ASCII: the header by plyfile, the rows by NumPy, which is far faster."""
    elements = [line for line in header if line.startswith(b"element ")]
    if len(elements) != 1 or not elements[0].startswith(b"element vertex "):
        return plyfile.PlyData.read(io.BytesIO(_content(header, body)))["vertex"].data
    row = header.index(elements[0])
    empty = [*header[:row], b"element vertex 0", *header[row + 1 :]]
    fields = plyfile.PlyData.read(io.BytesIO(_content(empty, b"")))["vertex"].data.dtype
    count = int(header[row].split()[2])
    rows = body.split(b"\n", count)[:count]
    if len(rows) < count or (rows and not rows[-1].strip()):
        raise ValueError(f"early end-of-file at vertex {len(rows)} of {count}")
    vertices = np.empty(count, fields)
    values = _numbers(rows, len(fields))
    for name, column in zip(fields.names or (), values.T, strict=True):
        vertices[name] = _as_type(name, column, fields[name])
    return vertices


def _as_type(name: str, column: np.ndarray, kind: np.dtype) -> np.ndarray:
    """The values in their type; ValueError for one that it does not hold, which would wrap."""
    if kind.kind == "f":
        return column
    limits = np.iinfo(kind)
    wrong = ~((column >= limits.min) & (column <= limits.max) & (column == np.floor(column)))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{name} of vertex {row} must be of {kind}, and is {column[row]}")
    return column.astype(kind)


def _numbers(rows: list[bytes], num_columns: int) -> np.ndarray:
    """float64 `[N, num_columns]` of rows of plain numbers; ValueError for others."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy stops at a malformed number with a warning
            return np.fromstring(b" ".join(rows), sep=" ").reshape(len(rows), num_columns)
    except (ValueError, DeprecationWarning):
        # Far slower, and tells which row is wrong.
        return np.loadtxt(io.BytesIO(b"\n".join(rows)), ndmin=2).reshape(len(rows), num_columns)


def _content(header: list[bytes], body: bytes) -> bytes:
    return b"\n".join([*header, _END]) + b"\n" + body


def coordinates(vertices: np.ndarray) -> np.ndarray:
    """float64 `[N, 3]` x, y, z of structured vertices."""
    return np.stack([vertices[name].astype(np.float64) for name in _XYZ], axis=1)


def colors(vertices: np.ndarray) -> np.ndarray | None:
    """uint8 `[N, 3]` red, green, blue of structured vertices; None where they have none."""
    if not set(_RGB) <= set(vertices.dtype.names or ()):
        return None
    return np.stack([vertices[name] for name in _RGB], axis=1).astype(np.uint8)


def count_vertices(path: Path) -> int | None:
    """The number of vertices that the header tells; None where it tells none."""
    with path.open("rb") as file:
        head = file.read(_LARGEST_HEADER).split(_END)[0]
    for line in head.splitlines():
        words = line.split()
        if words[:2] == [b"element", b"vertex"] and _is_count(words):
            return int(words[2])
    return None


def parted(path: Path, content: bytes) -> tuple[list[bytes], bytes]:
    """The lines of a PLY file's header, without the last, and what follows it.

    Raises:
        UnreadableError: it has none.
    """
    if not content.startswith(b"ply"):
        raise UnreadableError(path, "header", "is not that of a PLY file")
    end = content.find(_END, 0, _LARGEST_HEADER)
    rest = content.find(b"\n", end)
    if end < 0 or rest < 0:
        raise UnreadableError(path, "header", "is cut off")
    return content[:end].splitlines(), content[rest + 1 :]


def _vertices_alone(header: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The header as it would be of the vertices alone, and the lines taken off it."""
    elements = [row for row, line in enumerate(header) if line.startswith(b"element ")]
    if len(elements) < 2 or not header[elements[0]].startswith(b"element vertex "):
        return header, []
    return header[: elements[1]], header[elements[1] :]


def require_faces(
    path: Path, after: list[bytes], there: int, of_vertices: int, is_text: bool
) -> None:
    """Refuses a file that ends within its faces: a broken download, whatever its vertices say.

    Args:
        path: the file.
        after: the lines of the elements behind the vertices.
        there: bytes behind the header, or lines where it is text.
        of_vertices: bytes or lines that the vertices take.
        is_text: whether it is.

    Raises:
        UnreadableError: there are fewer than the faces take.
    """
    words = [line.split() for line in after]
    counts = [int(row[2]) for row in words if row[:2] == [b"element", b"face"] and _is_count(row)]
    lists = [row for row in words if row[:2] == [b"property", b"list"] and len(row) == 5]
    if len(counts) != 1 or len(lists) != 1:
        return
    of_count, of_index = (_BYTES.get(kind, 4) for kind in lists[0][2:4])
    each = 1 if is_text else of_count + _CORNERS * of_index
    if there < of_vertices + counts[0] * each:
        raise UnreadableError(path, "element face", "the file ends too early")


def _is_count(row: list[bytes]) -> bool:
    return len(row) == 3 and row[2].isdigit() and len(row[2]) < 19
