"""Draws a room of an evaluated run: colours, classes and instances, true beside predicted.

    python eval/figures.py --run runs/demo --room Area_3_office_1 --out room.png

Needs matplotlib (`python -m pip install -e ".[figures]"`) and an evaluation with the covering
protocol (`eval/eval_s3dis.py` writes it). Points near the ceiling are left out of the drawing.
"""

import argparse
import pathlib
from collections.abc import Sequence

import numpy as np

from ban_tf.clouds import cloud_cache
from ban_tf.config import NONE
from ban_tf.experiments import command_line, evaluation
from ban_tf.training import runs

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
    cloud = cloud_cache.load_cloud(evaluation.cloud_file(run.sources().blocks, room))
    with np.load(predictions / f"{room}.npz") as file:
        semantic, instance = file["semantic"], file["instance"]
    if len(semantic) != len(cloud):
        raise ValueError(
            f"{predictions / room}.npz is of another version of the room: {len(semantic)} points "
            f"of {len(cloud)}. Evaluate again with eval/eval_s3dis.py --run {run.folder}."
        )
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
    num_instances = max(int(instance.max(initial=NONE)), 0) + 1
    # Steps of the golden ratio around the colour wheel keep neighbouring numbers apart.
    hue = np.arange(num_instances) * 0.61803 % 1.0
    wheel = np.clip(np.abs((hue[:, None] * 6 + (0, 4, 2)) % 6 - 3) - 1, 0, 1)
    shade = np.array((0.9, 0.65, 0.45))[np.arange(num_instances) % 3]
    colors = np.vstack([wheel * shade[:, None], (0.85, 0.85, 0.85)])
    return colors[instance]


def visible_rows(xyz: np.ndarray) -> np.ndarray:
    """Rows to draw: no ceiling and no wall on the viewer's side, evenly thinned."""
    share = (xyz - xyz.min(axis=0)) / np.ptp(xyz, axis=0)
    near_m = 0.25
    edge = near_m / np.ptp(xyz, axis=0)
    inside = (share[:, 2] < 0.8) & (share[:, 0] < 1 - edge[0]) & (share[:, 1] > edge[1])
    rows = np.flatnonzero(inside)
    return rows[:: max(1, len(rows) // MAX_POINTS)]


def draw(xyz: np.ndarray, panels: dict[str, np.ndarray], out: pathlib.Path) -> None:
    """Oblique views, a panel per colouring `[N, 3]`: the first on the left, the others 2 by 2."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            'figures need matplotlib: python -m pip install -e ".[figures]"'
        ) from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = visible_rows(xyz)
    figure = plt.figure(figsize=(15, 7.2))
    grid = figure.add_gridspec(2, 3, left=0, right=1, bottom=0, top=0.91, wspace=0, hspace=0.1)
    places = [grid[:, 0], grid[0, 1], grid[0, 2], grid[1, 1], grid[1, 2]]
    for place, (title, colors) in zip(places, panels.items(), strict=True):
        axes = figure.add_subplot(place, projection="3d")
        axes.scatter(
            *xyz[rows].T, c=np.clip(colors[rows], 0, 1), s=3, linewidths=0, depthshade=False
        )
        axes.set_box_aspect(np.ptp(xyz[rows], axis=0), zoom=1.3)
        axes.view_init(elev=45, azim=-55)
        axes.set_axis_off()
        axes.set_title(title, y=1.06, fontsize=13)
    temporary = out.with_name(f".tmp_{out.name}")
    figure.savefig(temporary, dpi=80, format=out.suffix.lstrip(".") or "png")
    plt.close(figure)
    temporary.replace(out)


if __name__ == "__main__":
    command_line.run(main)
