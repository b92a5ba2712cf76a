"""What the clouds were like that a network was trained on, and whether a scan is like them."""

import dataclasses
from pathlib import Path

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.data.store import Store
from ban_tf.training import runs

_SAMPLES = 32  # whose colours are looked at
_WIDER, _HIGHER, _DENSER = 4.0, 1.75, 4.0  # times the range of the training, that is told of
_EPSILON = 1e-9


@dataclasses.dataclass(frozen=True)
class Ranges:
    """Least and greatest of the training clouds.

    Args:
        num_clouds: how many there are.
        width_m: the longer side of the ground.
        height_m: from the lowest to the highest point.
        density: points per square metre of the ground's rectangle.
        brightness: the 5th and 95th percentile of the mean of red, green and blue, 0 to 255; None
            where the network sees no colours.
    """

    num_clouds: int
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    density: tuple[float, float]
    brightness: tuple[float, float] | None

    def sentence(self) -> str:
        """What the clouds were like."""
        wide, high = (f"{low:.1f} to {top:.1f} m" for low, top in (self.width_m, self.height_m))
        dense = f"{self.density[0]:,.0f} to {self.density[1]:,.0f}"
        return (
            f"trained on {self.num_clouds} clouds, {wide} wide, {high} high, of {dense} points per "
            "square metre of ground"
        )


def of_model(model: Path) -> Ranges | None:
    """The ranges of what a network was trained on; None where its data are gone or do not tell.

    Args:
        model: a run folder, or a `.keras` file in one.
    """
    folder = model
    if model.is_file():
        folder = model.parent.parent if model.parent.name == "checkpoints" else model.parent
    try:
        run = runs.load(folder)
        store = Store.open(run.sources().blocks)
        store = store.select(run.experiment.split.train)
    except (OSError, ValueError):  # the network works without them
        return None
    clouds = [one for one in store.clouds if one.frame is not None and one.num_samples]
    counts = [one.instances[:, 1].clip(min=0).sum() for one in clouds]
    if not clouds or min(counts) == 0:
        return None
    extents = np.array([one.frame.extent for one in clouds if one.frame is not None])
    area = np.maximum(extents[:, 0] * extents[:, 1], _EPSILON)
    return Ranges(
        len(clouds),
        _range(extents[:, :2].max(axis=1)),
        _range(extents[:, 2]),
        _range(np.array(counts) / area),
        _brightness(store),
    )


def _brightness(store: Store) -> tuple[float, float] | None:
    place = store.features.place("rgb")
    if place is None:
        return None
    drawn = store.read(store.draw(min(_SAMPLES, len(store)), seed=0))
    values = drawn.features[..., place].mean(axis=-1) * 255
    return _range(np.quantile(values, [0.05, 0.95]))


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def doubts(cloud: Cloud, ranges: Ranges) -> list[str]:
    """Sentences on where a cloud lies far outside of what a network was trained on.

    Args:
        cloud: metres, upright.
        ranges: of the training.

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> ranges = Ranges(3, (4.0, 6.0), (2.5, 3.0), (50.0, 90.0), None)
        >>> xyz = np.random.default_rng(0).uniform(0, 1, (2000, 3))
        >>> doubts(unlabelled("hall", xyz * (5, 4, 2.8)), ranges)
        []
        >>> doubts(unlabelled("hall", xyz * (5, 4, 9)), ranges)
        ['it is 9.0 m high, and the training clouds 2.5 to 3.0']
    """
    return doubts_of_sample(cloud, np.ptp(cloud.xyz, axis=0), len(cloud), ranges)


def doubts_of_sample(
    sample: Cloud, extent: np.ndarray, num_points: int, ranges: Ranges
) -> list[str]:
    """The same of a cloud of which only some points are at hand.

    Args:
        sample: some of its points.
        extent: float64 `[3]`, of the whole.
        num_points: of the whole.
        ranges: of the training.
    """
    density = num_points / max(extent[0] * extent[1], _EPSILON)
    told = []
    for value, text, digits, (low, high), factor in (
        (extent[:2].max(), "it is {} m wide, and the training clouds", 1, ranges.width_m, _WIDER),
        (extent[2], "it is {} m high, and the training clouds", 1, ranges.height_m, _HIGHER),
        (density, "a square metre of ground has {} points, and in training", 0, ranges.density,
         _DENSER),
    ):  # fmt: skip
        if not low / factor <= value <= high * factor:
            shown, least, most = (f"{number:,.{digits}f}" for number in (value, low, high))
            told.append(f"{text.format(shown)} {least} to {most}")
    if ranges.brightness is not None and sample.rgb is not None:
        middle = float(np.median(sample.rgb.mean(axis=1)))
        low, high = ranges.brightness
        if not low <= middle <= high:
            told.append(
                f"its colours have a brightness of {middle:.0f}, and those of the training mostly "
                f"{low:.0f} to {high:.0f}"
            )
    return told
