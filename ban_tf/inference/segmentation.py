"""From a cloud and a network to the class and instance of its points.

Two protocols. `segment` is for users and the default for evaluation: every raw point gets a
prediction and nothing is random. `segment_sampled` repeats the originals: samples whose points are
drawn at random, predictions for the drawn points only, no voting.

What grows with the cloud in `segment`, beside the cloud: per point about 16 bytes of the plan (4 a
row), 8 of its voxel, 4 C + 4 of its summed probabilities, 12 for each instance that rows of it were
given; per occupied voxel 4 C bytes. Features and outputs are in memory for a few samples only; see
`chunks`.
"""

import warnings
from pathlib import Path

import keras
import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE
from ban_tf.data import samples
from ban_tf.inference import cautions, chunks
from ban_tf.inference.cautions import MissingColorsWarning, NotUprightWarning, ScaleWarning
from ban_tf.inference.chunks import Progress
from ban_tf.inference.cloud_state import state_of
from ban_tf.inference.key import Key
from ban_tf.inference.predictor import Outputs, Predictor, as_predictor
from ban_tf.inference.results import Instance, SampledSegmentation, Segmentation, instances_of
from ban_tf.inference.sample_outputs import SampleOutputs, cluster, collapse_detector
from ban_tf.inference.state_file import StateFile
from ban_tf.instances import merging
from ban_tf.systems import collapse

__all__ = [
    "Instance",
    "MissingColorsWarning",
    "NotUprightWarning",
    "SampledSegmentation",
    "ScaleWarning",
    "Segmentation",
    "collapse_detector",
    "segment",
    "segment_sampled",
]


def segment(
    cloud: Cloud,
    model: keras.Model | Predictor,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None = None,
    progress: Progress | None = None,
    state_file: Path | None = None,
    state_every_s: float = 60.0,
    detector: collapse.CollapseDetector | None = None,
    key: Key | None = None,
    with_entropy: bool = False,
    frame: samples.Frame | None = None,
) -> Segmentation:
    """Segments every point of a cloud; the same cloud and network give the same labels.

    Blocks cover the cloud; a point in several blocks takes the class of the highest mean
    probability and the instance that most of its rows belong to. Of a shape, which is one sample,
    points that are not in the sample take the labels of the nearest point that is. Instances of
    stuff classes are dropped. Warns with `MissingColorsWarning` if the network was trained with
    colours and the cloud has none. Of a cloud that is cut into blocks, warns with `ScaleWarning` if
    it is far larger or smaller than a room in metres, and with `NotUprightWarning` if z does not
    seem to be up (see `clouds.uprightness`). Warns with `CollapseWarning` if the network's
    embedding has collapsed, so that there can be no instances.

    Args:
        cloud: a room, a scan or a shape with at least one point.
        model: as `networks.build` makes the network that `experiment` names, or a `Predictor` of
            such a network.
        experiment: how the cloud becomes samples, thresholds.
        mean_sizes: float64 `[C]`, mean number of raw points of each class's instances; smaller
            instances than a share of it are dropped (`InferenceConfig.size_filter`). None: none is.
        progress: called with the number of samples just done, those of an earlier run included.
        state_file: where a run that is stopped, by an error or Ctrl-C too, leaves what it has; the
            same call then goes on from there, to the same labels to the bit. Deleted at the end.
            About as large as the sums and votes above. None: nothing is kept.
        state_every_s: seconds between two states, in case the process is killed; more for clouds
            whose state takes long to write.
        detector: from `collapse_detector`, to judge several clouds together; the caller then asks
            it, and there is no warning.
        key: `Key.of` this cloud, predictor and experiment; None works it out where it is needed.
        with_entropy: whether the result has the entropy of each point's probabilities too.
        frame: that positions are measured in, where parts of the cloud lie beside each other; None
            is that of the cloud.

    Raises:
        TypeError: `cloud` is no `Cloud`, or `model` is neither a Keras model nor a `Predictor`.
        ValueError: an empty cloud, a network that does not fit the experiment, or a state file
            that is damaged or of another cloud, network or experiment.
        OSError: the state file cannot be written.

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> class Flat:
        ...     fingerprint = "flat, version 1"
        ...
        ...     def predict(self, features):
        ...         logits = np.zeros((*features.shape[:2], 2), np.float32)
        ...         return {"logits": logits, "embedding": logits}
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> xyz = np.random.default_rng(0).uniform(0, 1, (500, 3))
        >>> cloud = unlabelled("desk", xyz, np.zeros((500, 3), np.uint8))
        >>> segment(cloud, Flat(), experiment).instances
        (Instance(semantic=0, score=0.5, num_points=500),)
    """
    if not isinstance(cloud, Cloud):
        raise TypeError(
            "`cloud` must be a `Cloud`; make one of an array with `unlabelled(name, xyz, rgb)`. "
            f"Received: {type(cloud).__name__}"
        )
    predictor = as_predictor(model, experiment.inference.batch_size)
    cautions.warn_of_other_clouds(cloud, experiment, frame)
    plan = _compact(samples.plan_covering(cloud, experiment.samples))
    state = state_of(cloud.xyz, experiment)
    keeper = None
    if state_file is not None:
        key = Key.of(cloud, predictor, experiment) if key is None else key
        keeper = StateFile(state_file, key, plan, state_every_s)
        keeper.load(state)
        if progress:
            progress(state.num_samples)

    watch = collapse_detector(experiment) if detector is None else detector

    def add(first: int, outputs: Outputs) -> None:
        done = cluster(first, outputs, experiment, watch)
        state.add(plan[first : first + len(done)], done)
        if keeper:
            keeper.save_if_due(state)

    parts = chunks.features_of(cloud, plan, state.num_samples, experiment, frame)
    try:
        chunks.run(parts, state.num_samples, predictor, experiment, add, progress)
        semantic, confidence, instance = state.result()
        instance = _keep(instance, semantic, mean_sizes, experiment)
        instances = instances_of(instance, semantic, state.probability)
        entropy = state.entropy() if with_entropy else None
    except BaseException:  # Ctrl-C too: it is a way to stop, and nothing is swallowed
        if keeper:
            keeper.save(state)
        raise
    if keeper:
        keeper.delete()
    if detector is None:
        _warn_of_collapse(watch)
    return Segmentation(semantic, instance, confidence, instances, entropy)


def segment_sampled(
    features: np.ndarray,
    model: keras.Model | Predictor,
    experiment: config.Experiment,
    mean_sizes: np.ndarray | None = None,
    progress: Progress | None = None,
    detector: collapse.CollapseDetector | None = None,
    room_xyz: np.ndarray | None = None,
) -> SampledSegmentation:
    """Segments the drawn samples of one cloud as the originals do (legacy protocol).

    Blocks are merged by the voxels of the original. Shapes are left as they are: each has its own
    instances, numbered on from those of the shape before.

    Args:
        features: float32 `[K, P, C]`, all samples of one cloud, blocks in snake order.
        model: as for `segment`.
        experiment: thresholds; its features tell what the channels are.
        mean_sizes: float64 `[C]`, mean number of *drawn* points of each class's instances.
        progress: called with the number of samples just done.
        detector: as for `segment`.
        room_xyz: float64 `[K, P, 3]`, the channels of that name before they were rounded to
            float32, for the voxels of the merging (`drawing.exact_shares`). None takes the channels
            as they are, which is all that is known of samples that others drew.

    Raises:
        TypeError: as for `segment`.
        ValueError: features of another number of channels or that are not finite, blocks without
            `room_xyz`, a `room_xyz` of other points, or a network that does not fit the experiment.

    Example:
        >>> experiment = config.Experiment(
        ...     dataset="desks",
        ...     labels=config.Labels(class_names=("desk", "lamp")),
        ...     split=config.Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> none_drawn = np.zeros((0, 4096, 9), np.float32)
        >>> segment_sampled(none_drawn, keras.Sequential(), experiment).semantic.shape
        (0, 4096)
    """
    _check_sampled(features, experiment, room_xyz)
    if 0 in features.shape[:2]:
        none = np.zeros(features.shape[:2], np.int32)
        return SampledSegmentation(none, none.copy(), none.astype(np.float32), ())
    predictor = as_predictor(model, experiment.inference.batch_size)
    size = chunks.size(experiment.inference)
    parts = (features[start : start + size] for start in range(0, len(features), size))
    watch = collapse_detector(experiment) if detector is None else detector
    done: list[SampleOutputs] = []

    def add(first: int, outputs: Outputs) -> None:
        done.extend(cluster(first, outputs, experiment, watch))

    chunks.run(parts, 0, predictor, experiment, add, progress)
    semantic = np.stack([sample.semantic for sample in done]).astype(np.int32)
    merged = _merge_sampled(features, done, experiment, room_xyz)
    instance = _keep(merged.ravel(), semantic.ravel(), mean_sizes, experiment)
    confidence = np.stack([sample.probabilities.max(axis=-1) for sample in done])
    num_points = features.shape[1]

    def probability(points: np.ndarray, classes: np.ndarray) -> np.ndarray:
        sample, rows = np.divmod(points, num_points)  # all of one sample: a step is its points
        return done[sample[0]].probabilities[rows, classes] if len(points) else np.zeros(0)

    instances = instances_of(instance, semantic.ravel(), probability, step=num_points)
    if detector is None:
        _warn_of_collapse(watch)
    return SampledSegmentation(semantic, instance.reshape(merged.shape), confidence, instances)


def _check_sampled(
    features: np.ndarray, experiment: config.Experiment, room_xyz: np.ndarray | None
) -> None:
    num_channels = experiment.features.num_channels
    if features.ndim != 3 or features.shape[2] != num_channels:
        raise ValueError(
            f"`features` must have shape [K, P, {num_channels}], the channels of the experiment. "
            f"Received: features.shape={features.shape}"
        )
    is_cut = isinstance(experiment.samples, config.Blocks)
    if is_cut and experiment.features.place("room_xyz") is None:
        raise ValueError(
            "`experiment.features` must hold room_xyz: the legacy protocol merges blocks by "
            "voxels that are shares of the cloud's extent. Segment whole clouds instead "
            f"(`segment`). Received: features={experiment.features.names}"
        )
    place = experiment.features.place("room_xyz")
    if room_xyz is None or place is None:
        return
    rounded = features[..., place]
    if room_xyz.shape != rounded.shape or not np.allclose(room_xyz, rounded, atol=1e-6, rtol=0):
        raise ValueError(
            "`room_xyz` must hold the channels of that name of the same points, before they were "
            f"rounded. Received: room_xyz.shape={room_xyz.shape}, features.shape={features.shape}"
        )


def _merge_sampled(
    features: np.ndarray,
    done: list[SampleOutputs],
    experiment: config.Experiment,
    room_xyz: np.ndarray | None,
) -> np.ndarray:
    """int32 `[K, P]`: instances of drawn samples, with gaps in their numbers."""
    clusters = np.stack([sample.clusters for sample in done])
    if not isinstance(experiment.samples, config.Blocks):
        before = np.cumsum([0, *(len(sample.classes) for sample in done)])[:-1, None]
        return np.where(clusters == NONE, NONE, clusters + before).astype(np.int32)
    if room_xyz is None:
        room_xyz = features[..., experiment.features.places()["room_xyz"]]
    return merging.merge_legacy(
        room_xyz,
        clusters,
        [sample.classes for sample in done],
        experiment.labels.num_classes,
        experiment.inference,
    )


def _keep(
    instance: np.ndarray,
    semantic: np.ndarray,
    mean_sizes: np.ndarray | None,
    experiment: config.Experiment,
) -> np.ndarray:
    """int32 `[N]`: instances numbered from 0, without those of stuff and those that are small."""
    things = merging.drop_classes(instance, semantic, experiment.labels.stuff_classes)
    return merging.filter_by_size(things, semantic, mean_sizes, experiment.inference)


def _warn_of_collapse(detector: collapse.CollapseDetector | None) -> None:
    found = detector.result() if detector else None
    if found is not None:
        warnings.warn(str(found), collapse.CollapseWarning, stacklevel=3)


def _compact(plan: np.ndarray) -> np.ndarray:
    """The plan with four bytes a row instead of eight, wherever four suffice."""
    return plan.astype(np.int32) if plan.max() <= np.iinfo(np.int32).max else plan
