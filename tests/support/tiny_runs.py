"""Experiments and data small enough to train in a test, and networks that know the truth."""

import pathlib

import numpy as np
from sklearn.neighbors import KDTree

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import s3dis, samples, store

LEVEL = config.SetAbstractionConfig(num_samples=16, radius_m=0.4, num_neighbours=4, widths=(8,))
BACKBONE = config.BackboneConfig(encoder=(LEVEL,), decoder=((8,),), head_width=8)


def groups(numbers: tuple[int, ...]) -> tuple[str, ...]:
    """`Area_1` ..., the groups that `rooms` are in."""
    return tuple(f"Area_{number}" for number in numbers)


def experiment(
    name: str = "tiny", areas: tuple[int, ...] = (1, 2), **training
) -> config.Experiment:
    """BAN with one level of eight channels, on blocks of 64 points, for two epochs of two steps.

    The last area is tested.
    """
    return config.Experiment(
        dataset=name,
        labels=s3dis.LABELS,
        split=config.leave_one_out(groups(areas), f"Area_{areas[-1]}", name=f"area{areas[-1]}"),
        samples=config.Blocks(num_points=64, stride_m=1.0, min_points=10),
        network=config.NetworkConfig(backbone=BACKBONE),
        training=config.TrainingConfig(
            **{"batch_size": 4, "num_epochs": 2, "blocks_per_epoch": 8} | training
        ),
    )


def prepare(
    clouds: list[Cloud], path: pathlib.Path, experiment: config.Experiment, **options
) -> store.Store:
    """A store of clouds in memory, as the experiment asks for them."""
    settings = store.Settings.of(experiment)
    store.prepare(clouds, settings=settings, path=path, progress=False, **options)
    return store.Store.open(path, experiment)


def room(name: str, num_points: int = 1500, seed: int = 0, size_m: float = 2.0) -> Cloud:
    """A floor, a wall, and two chairs apart from each other, sampled at random."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(0, 1, (num_points, 3))
    part = rng.integers(0, 4, num_points)
    floor, wall, chair = part == 0, part == 1, part >= 2
    xyz[floor] *= (size_m, size_m, 0.02)
    xyz[wall] = xyz[wall] * (size_m, 0.02, 1.0) + np.array([0, 0, 0.3])
    xyz[chair] = 0.3 * size_m * xyz[chair] + np.array([0.1 * size_m, 0.3 * size_m, 0.3])
    xyz[part == 3, 0] += 0.5 * size_m
    return Cloud(
        name=name,
        xyz=xyz + np.array([5.0, -3.0, 1.0]),
        rgb=rng.integers(0, 256, (num_points, 3)).astype(np.uint8),
        semantic=np.array([1, 2, 8, 8], np.int32)[part],
        instance=part.astype(np.int32),
        group=s3dis.group_of(name) if name.startswith("Area_") else "",
    )


def rooms(
    areas: tuple[int, ...] = (1, 2), kind: str = "office", num_points: int = 1500
) -> list[Cloud]:
    """Two rooms an area; `office` is a name of S3DIS."""
    return [
        room(f"Area_{area}_{kind}_{number}", num_points, seed=10 * area + number)
        for area in areas
        for number in (1, 2)
    ]


def write_raw(root: pathlib.Path, clouds: list[Cloud]) -> pathlib.Path:
    """Writes clouds in S3DIS's raw layout; returns `root`."""
    for cloud in clouds:
        _, area, name = cloud.name.split("_", 2)
        folder = root / f"Area_{area}" / name / "Annotations"
        folder.mkdir(parents=True)
        for instance in np.unique(cloud.instance):
            rows = np.flatnonzero(cloud.instance == instance)
            class_name = s3dis.LABELS.class_names[cloud.semantic[rows[0]]]
            values = np.hstack([cloud.xyz[rows], cloud.rgb[rows]])
            np.savetxt(
                folder / f"{class_name}_{instance + 1}.txt", values, "%.6f %.6f %.6f %d %d %d"
            )
    return root


class Oracle:
    """A network that looks up the truth of clouds by those features that no block decides.

    Logits are one-hot in the true class, the embedding of instance i lies at 4 on axis i: far
    beyond the bandwidth from every other.
    """

    def __init__(
        self, *clouds: Cloud, num_classes: int = 13, features: config.Features = config.Features()
    ):
        self.columns = np.concatenate(
            [
                np.arange(features.num_channels)[place]
                for name, place in features.places().items()
                if name != "block_xyz"
            ]
        )
        whole = [_features_of(cloud, features) for cloud in clouds]
        self.keys = np.concatenate(whole)[:, self.columns]
        semantic = np.concatenate([cloud.semantic for cloud in clouds])
        instance = np.concatenate([cloud.instance for cloud in clouds])
        self.logits = 20 * np.eye(num_classes, dtype=np.float32)[semantic]
        self.embedding = 4 * np.eye(5, dtype=np.float32)[instance]
        self.batch_sizes: list[int] = []

    def get_weights(self) -> list[np.ndarray]:
        return [self.logits, self.embedding]

    def predict_on_batch(self, features: np.ndarray) -> dict[str, np.ndarray]:
        self.batch_sizes.append(len(features))
        rows = features[..., self.columns].reshape(-1, len(self.columns))
        nearest = KDTree(self.keys).query(rows, return_distance=False)
        nearest = nearest.reshape(features.shape[:2])
        return {"logits": self.logits[nearest], "embedding": self.embedding[nearest]}


def _features_of(cloud: Cloud, features: config.Features) -> np.ndarray:
    """The features of all points, `[N, C]`, as if the cloud were one sample."""
    everything = np.arange(len(cloud))[None]
    return samples.gather(cloud, everything, config.Blocks(), features).features[0]


def nearest(points: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to, and row of, the nearest of `points` `[N, 3]` for each of `queries` `[M, 3]`."""
    distance, index = KDTree(points).query(queries)
    return distance[:, 0], index[:, 0]
