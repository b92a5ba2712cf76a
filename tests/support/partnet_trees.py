"""Tiny PartNet files of every official form, written field by field."""

import json
import pathlib

import h5py
import numpy as np

CATEGORY, LEVEL = "Mug", 1  # parts: body, handle, containing_things
NUM_POINTS = 12
# Two shapes of one file: leaves of the hierarchy, and what they are at level 1 (-1: no part).
LEAVES = np.array([[3, 3, 3, 5, 5, 9, 3, 3, 7, 7, 9, 3], [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]])
SEMANTIC = np.array([[0, 0, 0, 1, 1, -1, 0, 0, 1, 1, -1, 0], [0] * 6 + [2] * 6])
INSTANCE = np.array([[0, 0, 0, 1, 1, -1, 0, 0, 2, 2, -1, 0], [0] * 6 + [1] * 6])
RECORDS = [
    {
        "anno_id": "101",
        "model_id": "a",
        "ins_seg": [
            {"part_name": "mug", "leaf_id_list": [3, 5, 7, 9]},
            {"part_name": "mug/body", "leaf_id_list": [3]},
            {"part_name": "mug/handle", "leaf_id_list": [5, 6]},
            {"part_name": "mug/handle", "leaf_id_list": [11]},  # of which no point was drawn
            {"part_name": "mug/handle", "leaf_id_list": [7]},
        ],
    },
    {
        "anno_id": "102",
        "model_id": "b",
        "ins_seg": [
            {"part_name": "mug/body", "leaf_id_list": [1]},
            {"part_name": "mug/containing_things", "leaf_id_list": [2]},
        ],
    },
]


def points(num_shapes: int = 2) -> np.ndarray:
    """float32 `[n, 12, 3]`, y up, within the unit sphere."""
    xyz = np.random.default_rng(5).uniform(-0.5, 0.5, (num_shapes, NUM_POINTS, 3))
    return xyz.astype(np.float32)


def masks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks `[2, 200, 12]` of the instances, the class of each, and which are valid."""
    mask, valid = np.zeros((2, 200, NUM_POINTS), bool), np.zeros((2, 200), bool)
    label = np.zeros((2, 200), np.uint8)
    for shape in range(2):
        for instance in range(INSTANCE[shape].max() + 1):
            mask[shape, instance] = INSTANCE[shape] == instance
            valid[shape, instance] = True
            label[shape, instance] = SEMANTIC[shape][mask[shape, instance]][0]
    return mask, label, valid


def fields(form: str) -> dict[str, np.ndarray]:
    """The fields of a file of both shapes in one form, with the types of the official scripts."""
    mask, label, valid = masks()
    other = SEMANTIC == -1
    one_hot = np.eye(4, dtype=bool)[SEMANTIC][..., :3]  # of -1 the last, which is cut off
    return {
        "ins_seg_h5": {
            "pts": points(),
            "nor": points(),
            "rgb": np.zeros((2, NUM_POINTS, 3), np.uint8),
            "opacity": np.ones((2, NUM_POINTS), np.float32),
            "label": LEAVES.astype(np.int32),
        },
        "ins_seg_h5_for_detection": {
            "pts": points(),
            "gt_label": (SEMANTIC + 1).astype(np.uint8),
            "gt_mask": mask,
            "gt_valid": valid,
            "gt_other_mask": other,
        },
        "ins_seg_h5_for_sgpn": {
            "pts": points(),
            "semseg_one_hot": one_hot,
            "semseg_mask": np.where(other, 0, 2.5).astype(np.float32),
            "insseg_one_hot": mask.transpose(0, 2, 1),
            "insseg_mask": np.where(other, 0, 3.5).astype(np.float32),
        },
        "ins_seg_h5_gt": {
            "pts": points(),
            "gt_mask": mask.astype(np.uint8),
            "gt_mask_label": label,
            "gt_mask_valid": valid,
            "gt_mask_other": other,
        },
        "sem_seg_h5": {"data": points(), "label_seg": (SEMANTIC + 1).astype(np.uint8)},
    }[form]


def write(root: pathlib.Path, form: str, stem: str = "test-00", **changed) -> pathlib.Path:
    """Writes a file of one form; `changed` replaces fields, None leaves one out."""
    name = CATEGORY if form == "ins_seg_h5" else f"{CATEGORY}-{LEVEL}"
    path = root / form / name / f"{stem}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in {**fields(form), **changed}.items() if value is not None}
    with h5py.File(path, "w") as file:
        for name, value in kept.items():
            file.create_dataset(name, data=value, compression="gzip")
    if form == "ins_seg_h5":
        path.with_suffix(".json").write_text(json.dumps(RECORDS))
    return path


def write_raw(root: pathlib.Path, number: str = "101", split: str = "test") -> pathlib.Path:
    """Writes the folder of one raw shape with `result.json`, and the list that names it."""
    folder = root / "data" / number
    (folder / "point_sample").mkdir(parents=True)
    leaf = {"name": "bottom", "text": "Bottom", "id": 5, "objs": ["new-1"]}
    side = {"name": "side", "text": "Side", "id": 6, "objs": ["new-2"]}
    body = {"name": "body", "text": "Body", "id": 4, "children": [leaf, side]}
    handle = {"name": "handle", "text": "Handle", "id": 7, "objs": ["new-3"]}
    sticker = {"name": "sticker", "text": "Sticker", "id": 8, "objs": ["new-4"]}
    tree = [{"name": "mug", "text": "Mug", "id": 0, "children": [body, handle, sticker]}]
    (folder / "result.json").write_text(json.dumps(tree))
    meta = {"user_id": "x", "model_cat": CATEGORY, "anno_id": number}
    (folder / "meta.json").write_text(json.dumps(meta))
    for name, leaves in (("sample-points-all-", [5, 6, 7, 8, 6]), ("", [7, 7, 7, 7, 7])):
        xyz = np.array([[0, 0, 0], [4, 0, 0], [2, 1, 0], [2, -1, 0], [2, 0, 1.0]])
        rows = np.hstack([xyz, np.zeros((5, 3)), np.full((5, 4), (10, 20, 30, 1))])
        stem = "pts-nor-rgba-10000" if name else "pts-10000"
        np.savetxt(folder / "point_sample" / f"{name}{stem}.txt", rows, "%g")
        np.savetxt(folder / "point_sample" / f"{name}label-10000.txt", leaves, "%d")
    lists = root / "stats" / "train_val_test_split"
    lists.mkdir(parents=True, exist_ok=True)
    path = lists / f"{CATEGORY}.{split}.json"
    listed = json.loads(path.read_text()) if path.is_file() else []
    path.write_text(json.dumps([*listed, {"model_id": "m", "anno_id": number}]))
    return folder
