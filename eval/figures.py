"""Draws a room of an evaluated run: colours, classes and instances, true beside predicted.

    python eval/figures.py --run runs/demo --room Area_3_office_1 --out room.png

Needs matplotlib (`python -m pip install -e ".[figures]"`) and an evaluation with the covering
protocol (`eval/eval_s3dis.py` writes it). Points near the ceiling are left out of the drawing.
"""

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np

from ban_tf import command_line, runs
from ban_tf.data import cloud_cache

MAX_POINTS = 60_000


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    run = runs.load(args.run or runs.newest(command_line.RUNS))
    predictions = run.evaluation_folder("covering") / "predictions"
    rooms = sorted(path.stem for path in predictions.glob("*.npz"))
    room = args.room or (rooms[0] if rooms else None)
    if room not in rooms:
        raise FileNotFoundError(
            f"{predictions} has no prediction of a room {room!r}. Evaluate first with "
            f"eval/eval_s3dis.py --run {run.folder}. It has: {', '.join(rooms) or 'none'}"
        )
    cloud = cloud_cache.load_cloud(run.sources().blocks / "clouds" / f"{room}.npz")
    with np.load(predictions / f"{room}.npz") as file:
        semantic, instance = file["semantic"], file["instance"]
    palette = np.array(run.experiment.dataset.class_colors) / 255.0
    colors = np.full((len(cloud), 3), 0.6) if cloud.rgb is None else cloud.rgb / 255.0
    panels = {
        "colours": colors,
        "class, true": palette[cloud.semantic],
        "class, predicted": palette[semantic],
        "instance, true": instance_colors(cloud.instance),
        "instance, predicted": instance_colors(instance),
    }
    draw(cloud.xyz, panels, args.out)
    print(f"wrote {args.out}")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    command_line.add_run_flag(flags, "the newest below runs/")
    flags.add_argument("--room", help="name of the room (default: the first evaluated)")
    flags.add_argument("--out", type=pathlib.Path, default=pathlib.Path("room.png"))
    return flags.parse_args(argv)


def instance_colors(instance: np.ndarray) -> np.ndarray:
    """A colour per instance, light grey for points of none; float `[N, 3]` in [0, 1]."""
    rng = np.random.default_rng(3)
    hues = rng.uniform(0.1, 0.95, (max(int(instance.max(initial=-1)), 0) + 2, 3))
    hues[-1] = 0.85
    return hues[instance]


def draw(xyz: np.ndarray, panels: dict[str, np.ndarray], out: pathlib.Path) -> None:
    """One row of oblique views, a panel per colouring `[N, 3]`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    low = np.flatnonzero(xyz[:, 2] < xyz[:, 2].min() + 0.8 * np.ptp(xyz[:, 2]))
    rows = low[:: max(1, len(low) // MAX_POINTS)]
    figure = plt.figure(figsize=(4 * len(panels), 4.2))
    for place, (title, colors) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place, projection="3d")
        axes.scatter(*xyz[rows].T, c=np.clip(colors[rows], 0, 1), s=1.2, linewidths=0)
        axes.set_box_aspect(np.ptp(xyz[rows], axis=0), zoom=1.35)
        axes.view_init(elev=52, azim=-60)
        axes.set_axis_off()
        axes.set_title(title, y=0.98)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.95, wspace=0)
    temporary = out.with_name(f".tmp_{out.name}")
    figure.savefig(temporary, dpi=100, format=out.suffix.lstrip(".") or "png")
    plt.close(figure)
    temporary.replace(out)


if __name__ == "__main__":
    command_line.run(main)
