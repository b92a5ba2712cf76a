"""Writes tiny networks as an earlier revision saves them, with what they say of fixed blocks.

    git worktree add ../before <revision> && cd ../before && bash build_ops.sh --ops-only
    PYTHONPATH=.:tests:tests/support python <this file> <folder>

The files in `tests/model/golden` are of revision 9354a5b, the last before modules moved into rooms.
"""

import sys
import zipfile
from pathlib import Path

import keras
import numpy as np

from ban_tf.model import networks
from tiny_networks import blocks, tiny

NETWORKS = ("ban",)


def pack(path: Path) -> None:
    """Keras stores without packing; most of a small file is HDF5's empty space."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)


def write(folder: Path) -> None:
    """`<network>.keras` and `<network>.npz` of each network, some KB each."""
    folder.mkdir(parents=True, exist_ok=True)
    features = np.asarray(blocks(batch=1, num_points=24, seed=3))
    for name in NETWORKS:
        keras.utils.set_random_seed(5)
        model = networks.build(tiny(name))
        model.save(folder / f"{name}.keras")
        pack(folder / f"{name}.keras")
        outputs = model.predict_on_batch(features)
        np.savez_compressed(folder / f"{name}.npz", features=features, **outputs)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
