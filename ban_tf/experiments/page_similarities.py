"""Where the attentions of a network look on a cloud, for the page that shows it."""

import dataclasses
from pathlib import Path

import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import samples
from ban_tf.experiments import trained
from ban_tf.model.similarity import QueriesAndKeys
from ban_tf.view.viewer import page, scene
from ban_tf.view.viewer.similarity import Attention

MOST_ROWS = 100_000  # points of samples whose similarities a page keeps: about 5 MB


def queries_and_keys(model: Path) -> QueriesAndKeys:
    """What gives the similarities of a trained network.

    Args:
        model: a run folder, or a `.keras` file of one.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it has no attention.
    """
    try:
        return QueriesAndKeys(trained.load_network(model))
    except ValueError as error:
        raise ValueError(f"{model} has no similarities to show (`similarity`): {error}") from error


def of_cloud(
    cloud: Cloud,
    seen: Cloud,
    experiment: config.Experiment,
    keys: QueriesAndKeys,
    frame: samples.Frame | None = None,
) -> tuple[np.ndarray, list[Attention]]:
    """What the attentions make of the points that a page shows.

    Args:
        cloud: as it is shown.
        seen: the same points as the network sees them, such as storeys beside each other.
        experiment: how it becomes samples, and what the network sees of them.
        keys: of the network.
        frame: as for `segmentation.segment`.

    Returns:
        int64 `[K, P]`, samples of the shown points, beside each other; and each attention on them.
    """
    rows = scene.shown_rows(cloud, page.MAX_POINTS)
    shown = dataclasses.replace(
        seen,
        xyz=seen.xyz[rows],
        rgb=None if seen.rgb is None else seen.rgb[rows],
        semantic=seen.semantic[rows],
        instance=seen.instance[rows],
    )
    plan = _apart(shown, experiment.samples)
    frame = samples.frame_of(seen) if frame is None else frame
    queries: dict[str, list[np.ndarray]] = {}
    others: dict[str, list[np.ndarray]] = {}
    for part in plan[:, None]:  # one sample at a time
        made = samples.gather(shown, part, experiment.samples, experiment.features, frame)
        for name, (query, key) in keys(made.features).items():
            queries.setdefault(name, []).append(query[0])
            others.setdefault(name, []).append(key[0])
    found = [Attention(name, np.stack(queries[name]), np.stack(others[name])) for name in queries]
    return plan, found


def _apart(cloud: Cloud, sampling: config.Sampling) -> np.ndarray:
    """Samples that lie beside each other, one for each place, int64 `[K, P]`.

    Of many, `MOST_ROWS` points' worth, spread evenly.
    """
    if isinstance(sampling, config.Blocks):
        sampling = dataclasses.replace(sampling, stride_m=sampling.size_m)
        plan = samples.plan_covering(cloud, sampling)
        low = cloud.xyz[plan][..., :2].min(axis=1) - cloud.xyz[:, :2].min(axis=0)
        block = np.floor(low / sampling.size_m + 0.5).astype(np.int64)
        plan = plan[np.sort(np.unique(block, axis=0, return_index=True)[1])]
    else:
        plan = samples.plan_covering(cloud, sampling)
    count = min(len(plan), max(MOST_ROWS // plan.shape[1], 1))
    return plan[np.arange(count) * len(plan) // count]
