"""Times one system in a process of its own, so that memory is its own too.

    python -m ban_tf.experiments.efficiency.measure <request.json>

`apart.measure_apart` calls it so; the result is one line of JSON on standard output.
"""

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ban_tf import config, systems
from ban_tf.config import NONE
from ban_tf.experiments.efficiency import originals, timing, workload
from ban_tf.experiments.efficiency.records import AfterNetwork, Efficiency, Request
from ban_tf.inference import segmentation
from ban_tf.inference.predictor import KerasPredictor, Outputs, Predictor
from ban_tf.instances import merging
from ban_tf.systems import collapse
from ban_tf.training import trainer


class _Injected:
    """A network that runs, and of whose outputs the embedding is replaced; a `Predictor`."""

    fingerprint = "timed, not to be recognised"

    def __init__(self, network: Predictor, embedding: np.ndarray):
        self._network = network
        self._embedding = embedding
        self._next = 0

    def predict(self, features: np.ndarray) -> Outputs:
        outputs = self._network.predict(features)
        part = self._embedding[self._next : self._next + len(features)]
        self._next = (self._next + len(part)) % len(self._embedding)
        return outputs | {"embedding": part}


def measure(request: Request) -> Efficiency:
    """Times a system on the blocks of a request.

    Raises:
        ValueError: the experiment's blocks are not merged as the originals do.
        RuntimeError: the originals' way leads to other instances.
    """
    workload.require_mergeable(request.experiment)
    # The originals know no stuff, and leave its instances where they are.
    labels = dataclasses.replace(request.experiment.labels, stuff=())
    experiment = dataclasses.replace(request.experiment, labels=labels)
    work = workload.read(request.blocks)
    keras.ops.convert_to_numpy(keras.ops.zeros(1))  # starts the framework
    before = timing.resident_mib()
    model = trainer.build_network(experiment)
    num_weights = int(sum(np.prod(weight.shape) for weight in model.trainable_variables))
    network = KerasPredictor(model, experiment.inference.batch_size)
    outputs = network.predict(work.features)  # traces, and gives the logits
    cases = [
        _Case(name, work.features, outputs | {"embedding": embedding}, experiment, network)
        for name, embedding in work.embeddings.items()
    ]
    measurements: dict[str, Callable[[], float]] = {
        "network": functools.partial(timing.seconds_of, lambda: network.predict(work.features))
    }
    for case in cases:
        measurements |= {f"after, {case.name}": case.after, f"whole, {case.name}": case.whole}
    seconds = timing.medians(timing.in_turns(measurements, request.rounds))
    peak, gpu_peak = timing.peak_mib() - before, _gpu_peak_mib()
    return Efficiency(
        network=experiment.network.name,
        num_weights=num_weights,
        shape=work.features.shape[:2],
        network_seconds=seconds["network"],
        peak_mib=peak,
        gpu_peak_mib=gpu_peak,
        after=tuple(
            case.result(
                seconds[f"after, {case.name}"],
                seconds[f"whole, {case.name}"],
                request.with_originals,
            )
            for case in cases
        ),
    )


class _Case:
    """One embedding: what happens to it after the network, and with it."""

    def __init__(
        self,
        name: str,
        features: np.ndarray,
        outputs: Outputs,
        experiment: config.Experiment,
        network: Predictor,
    ):
        self.name = name
        self._features = features
        self._outputs = outputs
        self._experiment = experiment
        self._network = network

    def after(self) -> float:
        """Seconds of one run without the network."""
        seconds, self._merged = timing.timed(
            lambda: _instances(self._features, self._outputs, self._experiment)
        )
        return seconds

    def whole(self) -> float:
        """Seconds of one run with it."""
        injected = _Injected(self._network, self._outputs["embedding"])
        detector = collapse.CollapseDetector(self._experiment.inference.bandwidth)  # no warning
        seconds, self._whole = timing.timed(
            lambda: segmentation.segment_sampled(
                self._features, injected, self._experiment, detector=detector
            )
        )
        return seconds

    def result(self, seconds: float, whole_seconds: float, with_originals: bool) -> AfterNetwork:
        """The times given; all ways, the originals' too, must lead to the same instances."""
        inference = self._experiment.inference
        numbered = merging.filter_by_size(
            self._merged.ravel(), self._whole.semantic.ravel(), None, inference
        )
        _require_equal(self.name, self._whole.instance.ravel(), numbered)
        originals_seconds = None
        if with_originals:
            originals_seconds, expected = timing.timed(
                lambda: originals.instances(self._features, self._outputs, self._experiment)
            )
            _require_equal(self.name, self._merged, expected)
        clusters = systems.of(self._experiment.network.name).group(
            self._outputs, self._experiment, 0
        )
        return AfterNetwork(
            embedding=self.name,
            clusters=float(np.mean([len(block.classes) for block in clusters])),
            instances=len(np.unique(self._merged[self._merged != NONE])),
            seconds=seconds,
            whole_seconds=whole_seconds,
            originals_seconds=originals_seconds,
        )


def _instances(features: np.ndarray, outputs: Outputs, experiment: config.Experiment) -> np.ndarray:
    clusters = systems.of(experiment.network.name).group(outputs, experiment, 0)
    return merging.merge_legacy(
        features[..., experiment.features.places()["room_xyz"]],
        np.stack([block.labels for block in clusters]),
        [block.classes for block in clusters],
        experiment.labels.num_classes,
        experiment.inference,
    )


def _require_equal(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    different = np.count_nonzero(found != expected)
    if different:
        raise RuntimeError(
            "both ways must lead to the same instances; with scikit-learn before 1.9 ties can "
            f"differ. Received: {different} of {found.size} points of the {name} embedding differ"
        )


def _gpu_peak_mib() -> float | None:
    if not tf.config.list_physical_devices("GPU"):
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20


@contextlib.contextmanager
def _standard_output_kept() -> Iterator[None]:
    """What libraries print goes to standard error: the result is alone on standard output."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def main(path: str) -> None:
    with _standard_output_kept():
        found = measure(Request.read(Path(path)))
    print(found.to_json())


if __name__ == "__main__":
    main(sys.argv[1])
