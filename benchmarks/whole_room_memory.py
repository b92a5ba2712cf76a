"""Segments one large room with a narrow network and reports the peak memory of the process.

    python benchmarks/whole_room_memory.py                            # 1 million points, a minute
    python benchmarks/whole_room_memory.py --points 20_000_000 --limit-gib 8   # half an hour

The room is a hall with floor, ceiling, walls and boxes, at the density of a laser scan (20 000
points per square metre of ground), so it grows with the number of points; blocks and inference are
those of the defaults. The network has every part of BAN but a fraction of its widths and samples:
what is measured is the room's share, which the network's does not touch. Ends with status 1 if the
peak is above the limit. Needs /proc (Linux). Writes benchmarks/results/whole_room_memory.json.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import measuring
import numpy as np

from ban_tf.experiments.efficiency import timing

if TYPE_CHECKING:
    from ban_tf import config
    from ban_tf.clouds.cloud import Cloud

DENSITY = 20_000  # points per square metre of ground
HEIGHT_M = 3.0


def hall(num_points: int) -> "Cloud":
    """A square hall; every 2 m along x and y stands a box of 0.8 m."""
    from ban_tf.clouds.cloud import unlabelled

    rng = np.random.default_rng(0)
    edge = (num_points / DENSITY) ** 0.5
    xyz = rng.random((num_points, 3))
    xyz *= (edge, edge, HEIGHT_M)
    floor, ceiling, wall = (slice(k * num_points // 5, (k + 1) * num_points // 5) for k in range(3))
    xyz[floor, 2] *= 0.01
    xyz[ceiling, 2] = HEIGHT_M - 0.01 * xyz[ceiling, 2]
    xyz[wall, 0] = edge * (xyz[wall, 0] > edge / 2)
    boxes = xyz[3 * num_points // 5 :]
    boxes[:, :2] = 2 * np.floor(boxes[:, :2] / 2) + 0.4 * (boxes[:, :2] % 2)
    boxes[:, 2] *= 0.3
    rgb = rng.integers(0, 256, (num_points, 3), np.uint8)
    return unlabelled("hall", xyz, rgb)


def narrow_experiment(blocks_in_flight: int) -> "config.Experiment":
    """The paper's blocks and thresholds; levels with few samples and channels."""
    from ban_tf import config
    from ban_tf.data import s3dis

    encoder = tuple(
        config.SetAbstractionConfig(
            num_samples=samples, radius_m=radius, num_neighbours=8, widths=(8, 8)
        )
        for samples, radius in ((128, 0.1), (32, 0.4))
    )
    backbone = config.BackboneConfig(encoder=encoder, decoder=((16,), (16,)), head_width=16)
    experiment = s3dis.experiment()
    thresholds = dataclasses.replace(experiment.inference, blocks_in_flight=blocks_in_flight)
    network = dataclasses.replace(experiment.network, backbone=backbone)
    return dataclasses.replace(experiment, network=network, inference=thresholds)


def reporter(every: int = 500) -> Callable[[int], None]:
    """Prints the number of blocks done and the memory now, about every so many blocks."""
    done = 0

    def report(number: int) -> None:
        nonlocal done
        if done // every < (done + number) // every:
            print(f"{done + number} blocks, {timing.resident_mib() / 1024:.2f} GiB", flush=True)
        done += number

    return report


def measure(num_points: int, blocks_in_flight: int, state_file: Path | None) -> dict[str, object]:
    """Segments one hall; memory in GiB, time in seconds."""
    from ban_tf.inference import segmentation
    from ban_tf.training import trainer

    experiment = narrow_experiment(blocks_in_flight)
    model = trainer.build_network(experiment)
    segmentation.segment(hall(5_000), model, experiment)  # builds what is built once
    before = timing.resident_mib()
    cloud = hall(num_points)
    seconds, result = timing.timed(
        lambda: segmentation.segment(
            cloud, model, experiment, progress=reporter(), state_file=state_file
        )
    )
    peak = timing.peak_mib()
    return {
        "points": num_points,
        "blocks_in_flight": blocks_in_flight,
        "seconds": round(seconds, 1),
        "instances": int(result.instance.max()) + 1,
        "before_gib": round(before / 1024, 3),
        "peak_gib": round(peak / 1024, 3),
        "bytes_per_point": round((peak - before) * 2**20 / num_points),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--blocks-in-flight", type=int, default=64)
    parser.add_argument("--state-file", type=Path, help="keep states, to see what they cost")
    parser.add_argument("--limit-gib", type=float, default=8.0)
    parser.add_argument("--output", type=Path, default=measuring.RESULTS / "whole_room_memory.json")
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    measured = measure(args.points, args.blocks_in_flight, args.state_file)
    print(json.dumps(measured, indent=2))
    measuring.write(args.output, measured)
    if float(str(measured["peak_gib"])) > args.limit_gib:
        sys.exit(f"the peak is above {args.limit_gib} GiB")


if __name__ == "__main__":
    main()
