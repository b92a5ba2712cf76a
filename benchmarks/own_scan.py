"""Times the stages of `eval/segment_scan.py` on a generated scan, and its peak memory.

    python benchmarks/own_scan.py                                   # 1 million points, BAN itself
    python benchmarks/own_scan.py --points 50_000_000 --network cheap --max-memory 8GiB

The scan is generated rooms side by side on several floors, written as LAZ into a temporary folder.
`--network ban` is the paper's network with fresh weights, which costs what a trained one does;
`cheap` is a function of the points' heights, so that what is measured is everything else. Stages
are the times that their functions take; merging is the clustering and linking that runs on a thread
beside the network, so stages add up to more than the whole. Needs /proc (Linux) and the extra
`scans`. Writes benchmarks/results/own_scan_<points>_<network>.json.
"""

import argparse
import collections
import contextlib
import dataclasses
import functools
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import measuring
import numpy as np

from ban_tf.experiments import memory
from ban_tf.experiments.efficiency import timing

if TYPE_CHECKING:
    from ban_tf.experiments.trained import TrainedModel

NUM_FLOORS, STOREY_M, ROOM_M = 3, 3.4, 6.0
NUM_ROOMS = 4  # that differ; more are these again, at other places
CHUNK = 1_000_000


def write_building(path: Path, num_points: int) -> None:
    """Writes a LAZ file of rooms on floors: a square of rooms on each."""
    import laspy

    from ban_tf.data import synthetic

    each = min(max(num_points // (NUM_FLOORS * NUM_ROOMS), 20_000), 400_000)
    rooms = [
        (scan.xyz - scan.xyz.min(axis=0), scan.rgb)
        for scan in synthetic.scan_wing(1, NUM_ROOMS, each / 15.0, seed=0)
    ]
    rooms = [(xyz, rgb) for xyz, rgb in rooms if np.ptp(xyz, axis=0).max() < 2 * ROOM_M]
    mean = sum(len(xyz) for xyz, _ in rooms) / len(rooms)
    per_floor = max(round(num_points / mean / NUM_FLOORS), 1)
    edge = int(np.ceil(per_floor**0.5))
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales, header.offsets = np.full(3, 0.001), np.array([400_000.0, 5_000_000.0, 100.0])
    rng, left = np.random.default_rng(0), num_points
    with laspy.open(path, mode="w", header=header) as file:
        for number in range(10**9):
            if left <= 0:
                break
            floor, place = number % NUM_FLOORS, number // NUM_FLOORS
            shift = (ROOM_M * (place % edge), ROOM_M * (place // edge), STOREY_M * floor)
            xyz, rgb = rooms[number % len(rooms)]
            xyz, rgb = xyz[:left], rgb[:left]
            noise = rng.normal(0, 0.002, xyz.shape)
            points = laspy.ScaleAwarePointRecord.zeros(len(xyz), header=header)
            points.x, points.y, points.z = (xyz + shift + noise + header.offsets).T
            points.red, points.green, points.blue = (rgb.astype(np.uint16) * 257).T
            file.write_points(points)
            left -= len(xyz)


class Heights:
    """A network of no cost: floors, ceilings and what is between them by the height of points."""

    fingerprint = "heights of storeys, version 1"

    def predict(self, features: np.ndarray) -> dict[str, np.ndarray]:
        height = features[..., 2] % STOREY_M
        kind = np.digitize(height, (0.15, 2.5))
        logits = 8 * np.eye(13, dtype=np.float32)[kind]
        embedding = (5.0 * kind[..., None] * np.ones(5)).astype(np.float32)
        return {"logits": logits, "embedding": embedding}


def stand_in(network: str, stride_m: float, block_points: int) -> "TrainedModel":
    """The model: of the paper's settings for rooms, but for the blocks."""
    from ban_tf.data import s3dis
    from ban_tf.experiments.trained import TrainedModel
    from ban_tf.inference.predictor import as_predictor
    from ban_tf.training import trainer

    experiment = s3dis.experiment()
    blocks = dataclasses.replace(experiment.samples, stride_m=stride_m, num_points=block_points)
    experiment = dataclasses.replace(experiment, samples=blocks)
    if network == "cheap":
        return TrainedModel(Heights(), experiment, None)
    model = trainer.build_network(experiment)
    return TrainedModel(as_predictor(model, experiment.inference.batch_size), experiment, None)


class Stages:
    """Seconds of functions, by stage; what a generator does counts where it is asked for more."""

    def __init__(self) -> None:
        self.seconds: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[stage] += time.perf_counter() - begin

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Times a function of a module or class from now on."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*args: Any, **options: Any) -> Any:
            with self.timed(stage):
                return function(*args, **options)

        setattr(owner, name, timed)


def watched(model: "TrainedModel") -> Stages:
    """Times the stages of the scan script."""
    from ban_tf.clouds import conditioning
    from ban_tf.clouds.formats import scan, scan_stream
    from ban_tf.data import samples
    from ban_tf.data.samples import tiling
    from ban_tf.experiments import scan_files
    from ban_tf.experiments.large_scans.points import RawPoints
    from ban_tf.inference import sample_outputs, segmentation
    from ban_tf.inference.room_state import RoomState
    from ban_tf.inference.tiles import labels, running, sorting

    stages = Stages()
    for owner, name, stage in (
        (scan_files, "read", "reading"),
        (RawPoints, "gather", "reading"),
        (conditioning, "condition", "preparing"),
        (RawPoints, "decide", "preparing"),
        (sorting, "sort", "preparing"),
        (samples, "plan_covering", "preparing"),
        (tiling, "plan", "preparing"),
        (samples, "gather", "preparing"),
        (segmentation, "cluster", "merging"),
        (running, "cluster", "merging"),
        (RoomState, "add", "merging"),
        (RoomState, "result", "merging"),
        (running._Tile, "leave", "merging"),
        (labels, "finish", "merging"),
        (scan, "write", "writing"),
        (scan_stream, "write", "writing"),
        (type(model.predictor), "predict", "network"),
    ):
        stages.watch(owner, name, stage)
    assert sample_outputs.cluster is not None  # which both protocols call by a name of their own
    return stages


def measure(
    num_points: int, network: str, max_memory: int | None, stride_m: float, block_points: int
) -> dict[str, Any]:
    """Labels one generated scan; seconds by stage and the peak memory in GiB."""
    from ban_tf.experiments.commands import segment_scan
    from ban_tf.experiments.requests import Scans

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "building.laz"
        write_building(path, num_points)
        model = stand_in(network, stride_m, block_points)
        model.predictor.predict(
            np.zeros((4, block_points, 9), np.float32)
        )  # builds what is built once
        stages = watched(model)
        request = Scans(
            scans=(str(path),),
            model=Path("runs/none"),
            out=Path(folder) / "labelled.laz",
            max_memory=max_memory,
        )
        timing.reset_peak()
        seconds, [done] = timing.timed(lambda: segment_scan.segment(request, load=lambda _: model))
        return {
            "points": done.num_points,
            "network": network,
            "stride_m": stride_m,
            "block_points": block_points,
            "max_memory_gib": None if max_memory is None else round(max_memory / 2**30, 2),
            "in_tiles": done.conditioned is None,
            "seconds": round(seconds, 1),
            "stages": {name: round(value, 1) for name, value in sorted(stages.seconds.items())},
            "instances": len(done.rows),
            "peak_gib": round(timing.peak_mib() / 1024, 2),
        }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--network", choices=("ban", "cheap"), default="ban")
    parser.add_argument("--max-memory", type=memory.parse)
    parser.add_argument("--stride-m", type=float, default=0.5)
    parser.add_argument("--block-points", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="(default: in benchmarks/results)")
    args = parser.parse_args(argv)
    measuring.limit_threads(args.threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    measured = measure(args.points, args.network, args.max_memory, args.stride_m, args.block_points)
    print(json.dumps(measured, indent=2))
    name = f"own_scan_{args.points}_{args.network}.json"
    measuring.write(args.output or measuring.RESULTS / name, measured)


if __name__ == "__main__":
    main()
