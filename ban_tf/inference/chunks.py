"""Samples through the network in chunks: another thread works on a chunk beside the next.

Features and outputs of at most `InferenceConfig.blocks_in_flight` samples are in memory, whatever
the size of the cloud.
"""

import collections
import contextvars
from collections.abc import Callable, Iterator
from concurrent import futures

import numpy as np

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import samples
from ban_tf.inference.predictor import Outputs, Predictor
from ban_tf.inference.sample_outputs import check_features, check_outputs

Progress = Callable[[int], object]  # called with a number of samples
Add = Callable[[int, Outputs], None]  # number of the first sample; consecutive samples


def size(inference: config.InferenceConfig) -> int:
    """Samples of a chunk: half of those in flight, as the network runs one beside the other.

    Whole batches, so that a run with any number of samples in flight makes the same batches.
    """
    batches = inference.blocks_in_flight // 2 // inference.batch_size
    return max(batches, 1) * inference.batch_size


def features_of(
    cloud: Cloud,
    plan: np.ndarray,
    first: int,
    experiment: config.Experiment,
    frame: samples.Frame | None = None,
) -> Iterator[np.ndarray]:
    """Yields the features of planned samples, float32 `[<= chunk size, P, C]`.

    Args:
        cloud: the cloud that was planned.
        plan: int `[K, P]` rows of the cloud.
        first: number of the first sample that is wanted; those before are done.
        experiment: how the cloud became samples, and what the network sees of them.
        frame: of the whole, where the cloud is a tile; None is that of the cloud.
    """
    frame = samples.frame_of(cloud) if frame is None else frame
    step = size(experiment.inference)
    for start in range(first, len(plan), step):
        part = plan[start : start + step]
        yield samples.gather(cloud, part, experiment.samples, experiment.features, frame).features


def run(
    parts: Iterator[np.ndarray],
    first: int,
    predictor: Predictor,
    experiment: config.Experiment,
    add: Add,
    progress: Progress | None,
) -> None:
    """Runs the network over chunks of samples, and `add` on a thread beside it.

    Chunks are added in order, one at a time, and the first error in that order is raised. Where
    the network fails or is interrupted, the chunk before is still added.

    Args:
        parts: float32 `[<= chunk size, P, C]` each.
        first: number of the first sample.
        predictor: the network; called from the caller's thread.
        experiment: system and classes.
        add: called with the number of a chunk's first sample, and its outputs.
        progress: called from the caller's thread with the number of samples just added.

    Raises:
        ValueError: features that are not finite, or outputs that do not fit the experiment.
    """
    context = contextvars.copy_context()  # the choice of kernels, which is a thread's own
    waiting: collections.deque[futures.Future[int]] = collections.deque()

    def work(first: int, outputs: Outputs) -> int:
        add(first, outputs)
        return len(outputs["logits"])

    def wait() -> None:
        while waiting:
            num_done = waiting.popleft().result()
            if progress:
                progress(num_done)

    with futures.ThreadPoolExecutor(max_workers=1) as worker:
        try:
            for features in parts:
                check_features(features, first)
                outputs = predictor.predict(features)
                wait()
                check_outputs(outputs, len(features), first, experiment)
                waiting.append(worker.submit(context.run, work, first, outputs))
                first += len(features)
        finally:
            wait()
