"""Tiny scans in ScanNetV2's raw format, written byte by byte the way the published files look."""

import json
import struct
from pathlib import Path

import numpy as np

# id, raw_category, then columns of v2 of which most rows leave the last ones empty.
COLUMNS = "id\traw_category\tcategory\tcount\tnyu40id\teigen13id\tnyuClass\tmpcat40\tmpcat40index"
ROWS = (
    "1\twall\twall\t8277\t1\t12\twall\twall\t1",
    "2\tchair\tchair\t4646\t5\t4\tchair\tchair\t3",
    "3\tfloor\tfloor\t1553\t2\t5\tfloor\tfloor\t2",
    "4\ttable\ttable\t1170\t7\t10\ttable\t\t",
    "41\tceiling\tceiling\t806\t22\t3\tceiling\t\t",
    "203\tfan\tfan\t3\t\t\tfan\t\t",
)
SQUARE = np.array([[0, 1, 2], [1, 3, 2]])


def vertices(num_vertices: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float32 `[N, 3]` places and uint8 `[N, 3]` colours."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(0, 3, (num_vertices, 3)).astype(np.float32)
    return xyz, rng.integers(0, 256, (num_vertices, 3), np.uint8)


def ply(
    xyz: np.ndarray,
    rgb: np.ndarray,
    labels: np.ndarray | None = None,
    is_text: bool = False,
    with_alpha: bool = True,
    faces: np.ndarray = SQUARE,
) -> bytes:
    """A mesh as ScanNet writes it, binary or ASCII."""
    lines = ["ply", f"format {'ascii' if is_text else 'binary_little_endian'} 1.0"]
    lines += ["comment VCGLIB generated", f"element vertex {len(xyz)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    colors = ("red", "green", "blue", "alpha") if with_alpha else ("red", "green", "blue")
    lines += [f"property uchar {color}" for color in colors]
    lines += [] if labels is None else ["property ushort label"]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    head = "".join(f"{line}\n" for line in lines).encode()
    body = []
    for row in range(len(xyz)):
        color = [*rgb[row].tolist(), *([255] if with_alpha else [])]
        label = [] if labels is None else [int(labels[row])]
        if is_text:
            places = [f"{value:.9g}" for value in xyz[row].tolist()]
            body.append(" ".join(map(str, [*places, *color, *label])).encode() + b"\n")
        else:
            packed = struct.pack("<3f", *xyz[row]) + bytes(color)
            body.append(packed + b"".join(struct.pack("<H", one) for one in label))
    for corners in faces.tolist():
        if is_text:
            body.append(" ".join(map(str, [3, *corners])).encode() + b"\n")
        else:
            body.append(struct.pack("<B3i", 3, *corners))
    return head + b"".join(body)


def write_scan(
    folder: Path,
    ids: list[int] | None = None,
    segments: list[int] | None = None,
    groups: list[tuple[str, list[int]]] | None = None,
    is_text: bool = False,
    with_alpha: bool = True,
    seed: int = 0,
    xyz: np.ndarray | None = None,
) -> Path:
    """Writes the files of a labelled scan, named as its folder; returns the folder.

    By default 8 vertices: two of a wall, two each of two chairs, one of a ceiling, one of nothing.
    """
    ids = [1, 1, 5, 5, 5, 5, 22, 0] if ids is None else ids
    segments = [10, 10, 4, 4, 7, 8, 2, 99] if segments is None else segments
    if groups is None:
        groups = [("chair", [4]), ("wall", [10]), ("chair", [7, 8]), ("ceiling", [2])]
    name = folder.name
    folder.mkdir(parents=True, exist_ok=True)
    random, rgb = vertices(len(segments), seed)
    xyz = random if xyz is None else xyz.astype(np.float32)
    mesh = ply(xyz, rgb, None, is_text, with_alpha)
    (folder / f"{name}_vh_clean_2.ply").write_bytes(mesh)
    paint = np.zeros_like(rgb)
    labels = ply(xyz, paint, np.array(ids), is_text, with_alpha)
    (folder / f"{name}_vh_clean_2.labels.ply").write_bytes(labels)
    write_segments(folder, segments)
    write_groups(folder, groups)
    return folder


def write_segments(folder: Path, segments: list[int]) -> Path:
    path = folder / f"{folder.name}_vh_clean_2.0.010000.segs.json"
    content = {"params": {"kThresh": "0.0001"}, "sceneId": folder.name, "segIndices": segments}
    path.write_text(json.dumps(content))
    return path


def write_groups(folder: Path, groups: list[tuple[str, list[int]]], suffix: str = "") -> Path:
    path = folder / f"{folder.name}{suffix}.aggregation.json"
    listed = [
        {"id": row, "objectId": row, "segments": segments, "label": label}
        for row, (label, segments) in enumerate(groups)
    ]
    origin = f"scannet.{folder.name}_vh_clean_2.0.010000.segs.json"
    content = {"sceneId": folder.name, "appId": "Aggregator.v2", "segGroups": listed}
    path.write_text(json.dumps({**content, "segmentsFile": origin}))
    return path


def write_label_map(root: Path, columns: str = COLUMNS, rows: tuple[str, ...] = ROWS) -> Path:
    path = root / "scannetv2-labels.combined.tsv"
    path.write_text("".join(f"{line}\n" for line in (columns, *rows)))
    return path


def write_tree(root: Path) -> Path:
    """Two scans of the training, one of the validation, one of the hidden test; and a label map."""
    for seed, name in enumerate(("scene0191_00", "scene0191_01", "scene0011_00")):
        write_scan(root / "scans" / name, seed=seed)
    hidden = root / "scans_test" / "scene0707_00"
    hidden.mkdir(parents=True)
    (hidden / "scene0707_00_vh_clean_2.ply").write_bytes(ply(*vertices(5, seed=9)))
    write_label_map(root)
    return root
