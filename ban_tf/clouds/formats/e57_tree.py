"""The tree of nodes of an E57 file: its points step by step, and a copy of all of it."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ban_tf.clouds.formats.on_disk import Column

NAMESPACE = "ban"
_URI = "https://ban-tf.invalid/E57/labels/1"  # a name, no address
_BLOB_STEP = 1 << 20  # bytes


def points_of(
    pye57: ModuleType, image: Any, points: Any, names: Sequence[str], step: int
) -> Iterator[dict[str, np.ndarray]]:
    """Yields columns float64 `[n]` by name of the next points, at most `step`.

    Args:
        pye57: the library.
        image: the open file.
        points: the node of the points.
        names: of the fields to read.
        step: points at a time.
    """
    lib = pye57.libe57
    columns = {name: np.empty(step) for name in names}
    buffers = lib.VectorSourceDestBuffer()
    for name, values in columns.items():
        buffers.append(lib.SourceDestBuffer(image, name, values, step, True, True))
    reader = points.reader(buffers)
    try:
        while length := reader.read():
            yield {name: values[:length].copy() for name, values in columns.items()}
    finally:
        reader.close()


def copy(
    pye57: ModuleType, source: Path, path: Path, added: Mapping[str, Column], step: int
) -> None:
    """Copies a file, node by node, and gives its points further fields.

    Args:
        pye57: the library.
        source: to copy.
        path: the copy.
        added: `[N]` each over the points of all scans, by name, which is put into our namespace.
        step: points at a time.
    """
    old = pye57.libe57.ImageFile(str(source), "r")
    try:
        new = pye57.libe57.ImageFile(str(path), "w")
        try:
            _Copy(pye57, old, new, added, step).run()
        finally:
            new.close()
    finally:
        old.close()


class _Copy:
    """One copy of a file."""

    def __init__(
        self, pye57: ModuleType, old: Any, new: Any, added: Mapping[str, Column], step: int
    ) -> None:
        self._pye57, self._lib = pye57, pye57.libe57
        self._old, self._new = old, new
        self._added, self._step = added, step
        self._num_done = 0  # points

    def run(self) -> None:
        prefixes = {NAMESPACE: _URI}
        for index in range(self._old.extensionsCount()):
            prefixes[self._old.extensionsPrefix(index)] = self._old.extensionsUri(index)
        for prefix, uri in sorted(prefixes.items()):
            self._new.extensionsAdd(prefix, uri)
        self._fill(self._old.root(), self._new.root())

    def _fill(self, old: Any, new: Any) -> None:
        """Puts copies of the children of a structure into another, which lies in the new file."""
        for index in range(old.childCount()):
            child = self._cast(old.get(index))
            self._put(child, functools.partial(new.set, child.elementName()))

    def _put(self, node: Any, put: Any) -> None:
        lib, kind = self._lib, type(node).__name__
        if kind == "StructureNode":
            made = lib.StructureNode(self._new)
            put(made)
            self._fill(node, made)
        elif kind == "VectorNode":
            made = lib.VectorNode(self._new, node.allowHeteroChildren())
            put(made)
            for index in range(node.childCount()):
                self._put(self._cast(node.get(index)), made.append)
        elif kind == "CompressedVectorNode":
            self._put_points(node, put)
        elif kind == "BlobNode":
            made = lib.BlobNode(self._new, node.byteCount())
            put(made)
            self._fill_blob(node, made)
        else:
            put(self._leaf(node))

    def _leaf(self, node: Any) -> Any:
        lib, kind = self._lib, type(node).__name__
        if kind == "IntegerNode":
            return lib.IntegerNode(self._new, node.value(), node.minimum(), node.maximum())
        if kind == "ScaledIntegerNode":
            limits = (node.rawValue(), node.minimum(), node.maximum())
            return lib.ScaledIntegerNode(self._new, *limits, node.scale(), node.offset())
        if kind == "FloatNode":
            limits = (node.precision(), node.minimum(), node.maximum())
            return lib.FloatNode(self._new, node.value(), *limits)
        return lib.StringNode(self._new, node.value())

    def _fill_blob(self, old: Any, new: Any) -> None:
        for start in range(0, old.byteCount(), _BLOB_STEP):
            part = np.empty(min(_BLOB_STEP, old.byteCount() - start), np.uint8)
            old.read(part, start, len(part))
            new.write(part, start, len(part))

    def _put_points(self, node: Any, put: Any) -> None:
        lib = self._lib
        prototype = lib.StructureNode(self._new)
        old = lib.StructureNode(node.prototype())
        names = []
        ours = {f"{NAMESPACE}:{name}": values for name, values in self._added.items()}
        for index in range(old.childCount()):
            leaf = self._cast(old.get(index))
            if leaf.elementName() not in ours:
                prototype.set(leaf.elementName(), self._leaf(leaf))
                names.append(leaf.elementName())
        for name, values in ours.items():
            prototype.set(name, self._label(values))
        codecs = lib.VectorNode(self._new, True)
        made = lib.CompressedVectorNode(self._new, prototype, codecs)
        put(made)
        self._fill_points(node, made, names, ours)

    def _label(self, values: Column) -> Any:
        lib = self._lib
        if values.dtype.kind == "f":
            return lib.FloatNode(self._new, 0.0, lib.E57_SINGLE)
        limits = np.iinfo(values.dtype)
        return lib.IntegerNode(self._new, 0, int(limits.min), int(limits.max))

    def _fill_points(
        self, old: Any, new: Any, names: Sequence[str], ours: Mapping[str, Column]
    ) -> None:
        lib = self._lib
        columns = {name: np.empty(self._step) for name in (*names, *ours)}
        buffers = lib.VectorSourceDestBuffer()
        for name, values in columns.items():
            buffers.append(lib.SourceDestBuffer(self._new, name, values, self._step, True, True))
        writer = new.writer(buffers)
        for part in points_of(self._pye57, self._old, old, names, self._step):
            length = len(next(iter(part.values())))
            for name, values in part.items():
                columns[name][:length] = values
            for name, labels in ours.items():
                columns[name][:length] = labels[self._num_done : self._num_done + length]
            self._num_done += length
            writer.write(length)
        writer.close()

    def _cast(self, node: Any) -> Any:
        """A node as what it is; the library gives plain ones."""
        if type(node).__name__ != "Node":
            return node
        lib = self._lib
        kinds = {
            lib.E57_STRUCTURE: lib.StructureNode,
            lib.E57_VECTOR: lib.VectorNode,
            lib.E57_COMPRESSED_VECTOR: lib.CompressedVectorNode,
            lib.E57_INTEGER: lib.IntegerNode,
            lib.E57_SCALED_INTEGER: lib.ScaledIntegerNode,
            lib.E57_FLOAT: lib.FloatNode,
            lib.E57_STRING: lib.StringNode,
            lib.E57_BLOB: lib.BlobNode,
        }
        return kinds[node.type()](node)
