"""What it is worth that the scan script cuts a building into its storeys: scores with and without.

    python train/train_s3dis.py                       # the run that is used, if there is none yet
    python benchmarks/storeys.py --run runs/demo      # a minute or two

The building is made of the rooms that the run was tested on: two beside each other on each storey,
with their true labels. Prints what `eval/segment_scan.py --evaluate` scores as it finds the
storeys, and with `--storeys none`.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

SLAB_M, GAP_M, ROOMS_OF_STOREY = 0.4, 0.3, 2


def write_building(run_folder: Path, out: Path) -> int:
    """Writes the test rooms of a run as storeys on top of each other; gives their number."""
    from ban_tf.clouds.formats import scan
    from ban_tf.clouds.formats.raw_scan import RawScan
    from ban_tf.config import NONE
    from ban_tf.data.store import Store
    from ban_tf.training import runs

    run = runs.load(run_folder)
    store = Store.open(run.sources().blocks).select(run.experiment.split.test)
    rooms = [store.load_cloud(cloud.name) for cloud in store.clouds]
    storey_m = max(np.ptp(room.xyz[:, 2]) for room in rooms) + SLAB_M
    xyz, instance = [], []
    corner, found = np.zeros(3), 0
    for number, room in enumerate(rooms):
        if number % ROOMS_OF_STOREY == 0:
            corner = np.array([0, 0, storey_m * (number // ROOMS_OF_STOREY)])
        place = room.xyz - room.xyz.min(axis=0)
        xyz.append(place + corner)
        corner = corner + np.array([place[:, 0].max() + GAP_M, 0, 0])
        instance.append(np.where(room.instance == NONE, NONE, room.instance + found))
        found += int(room.instance.max()) + 1
    colors = np.concatenate([room.rgb for room in rooms if room.rgb is not None])
    semantic = np.concatenate([room.semantic for room in rooms])
    fields = {"class": semantic, "object": np.concatenate(instance).astype(np.int32)}
    scan.write(RawScan(out, np.concatenate(xyz), colors), out, fields)
    return -(-len(rooms) // ROOMS_OF_STOREY)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--run", type=Path, default=Path("runs/demo"), help="of rooms")
    run = flags.parse_args().run

    from ban_tf.experiments import quiet
    from ban_tf.experiments.commands import segment_scan
    from ban_tf.experiments.requests import Scans

    quiet.silence()
    quiet.load_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        building = Path(folder) / "building.ply"
        print(f"a building of {write_building(run, building)} storeys")
        for name, storeys in (("found", None), ("none", ())):
            print(f"\n=== storeys: {name} ===")
            out = building.with_name(f"{name}.ply")
            scans = (str(building),)
            request = Scans(scans=scans, model=run, out=out, evaluate=True, storeys=storeys)
            segment_scan.segment(request)


if __name__ == "__main__":
    main()
