"""Times one system in a process of its own, so that memory is its own too.

    python -m ban_tf.experiments.efficiency.measure <request.json>

`eval/eval_efficiency.py` calls it so; the result is one line of JSON on standard output.
"""

import contextlib
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from ban_tf import config, systems
from ban_tf.config import NONE
from ban_tf.experiments.efficiency import originals, workload
from ban_tf.inference import segmentation
from ban_tf.instances import merging
from ban_tf.systems import collapse
from ban_tf.training import trainer

_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class Request:
    """What to time.

    Args:
        network: name of an embedding system's network, built at the paper's size. Its weights are
            fresh: time does not depend on them.
        blocks: file of a `Workload`.
        rounds: how often; medians are reported.
        with_originals: also run, once, what the originals do after the network.
    """

    network: str
    blocks: str
    rounds: int
    with_originals: bool


@dataclasses.dataclass(frozen=True)
class AfterNetwork:
    """From an embedding to instances.

    Args:
        embedding: its name.
        clusters: mean number of clusters in a block.
        instances: of the room.
        seconds: for clustering and merging all blocks, alone.
        whole_seconds: with the network, the clustering beside it.
        originals_seconds: what the originals take after the network, with the same result; None
            if that was not asked for.
    """

    embedding: str
    clusters: float
    instances: int
    seconds: float
    whole_seconds: float
    originals_seconds: float | None


@dataclasses.dataclass(frozen=True)
class Efficiency:
    """One system.

    Args:
        network: its name.
        num_weights: trainable ones.
        shape: K blocks of P points.
        network_seconds: for all blocks, without clustering.
        peak_mib: of the process's memory, above what the framework takes; without the originals.
        gpu_peak_mib: of TensorFlow's memory on the GPU; None without one.
        after: a row for each embedding.
    """

    network: str
    num_weights: int
    shape: tuple[int, int]
    network_seconds: float
    peak_mib: float
    gpu_peak_mib: float | None
    after: tuple[AfterNetwork, ...]


class _Injected:
    """A network that runs, and of whose outputs the embedding is replaced."""

    def __init__(self, model: keras.Model, embedding: np.ndarray):
        self._model = model
        self._embedding = embedding
        self._next = 0

    def predict_on_batch(self, features: np.ndarray) -> dict[str, np.ndarray]:
        outputs = dict(self._model.predict_on_batch(features))
        part = self._embedding[self._next : self._next + len(features)]
        self._next = (self._next + len(part)) % len(self._embedding)
        filling = np.repeat(part[-1:], len(features) - len(part), axis=0)
        return outputs | {"embedding": np.concatenate([part, filling])}


def measure(request: Request) -> Efficiency:
    """Times a system on the blocks of a request.

    Raises:
        RuntimeError: the originals' way leads to other instances.
    """
    work = workload.read(Path(request.blocks))
    experiment = config.s3dis(network=request.network)
    keras.ops.convert_to_numpy(keras.ops.zeros(1))  # starts the framework
    before = _status_mib("VmRSS")
    model = trainer.build_network(experiment)
    num_weights = int(sum(np.prod(weight.shape) for weight in model.trainable_variables))
    batch_size = experiment.inference.batch_size
    outputs = segmentation.predict(work.features, model, batch_size)  # traces, and gives the logits
    cases = [
        _Case(name, work.features, outputs | {"embedding": embedding}, experiment)
        for name, embedding in work.embeddings.items()
    ]
    network_seconds = []
    for _ in range(request.rounds):  # in turns, so that a busy moment does not hit one alone
        seconds, _ = _timed(lambda: segmentation.predict(work.features, model, batch_size))
        network_seconds.append(seconds)
        for case in cases:
            case.run(model)
    peak, gpu_peak = _status_mib("VmHWM") - before, _gpu_peak_mib()
    return Efficiency(
        network=request.network,
        num_weights=num_weights,
        shape=work.features.shape[:2],
        network_seconds=statistics.median(network_seconds),
        peak_mib=peak,
        gpu_peak_mib=gpu_peak,
        after=tuple(case.result(request.with_originals) for case in cases),
    )


class _Case:
    """One embedding: what happens to it after the network, and with it."""

    def __init__(
        self,
        name: str,
        features: np.ndarray,
        outputs: dict[str, np.ndarray],
        experiment: config.Experiment,
    ):
        self._name = name
        self._features = features
        self._outputs = outputs
        self._experiment = experiment
        self._seconds: list[float] = []
        self._whole_seconds: list[float] = []

    def run(self, model: keras.Model) -> None:
        """Times one round."""
        seconds, self._merged = _timed(
            lambda: _instances(self._features, self._outputs, self._experiment)
        )
        self._seconds.append(seconds)
        injected = _Injected(model, self._outputs["embedding"])
        detector = collapse.CollapseDetector(self._experiment.inference.bandwidth)  # no warning
        seconds, whole = _timed(
            lambda: segmentation.segment_sampled(
                self._features, injected, self._experiment, detector=detector
            )
        )
        self._whole_seconds.append(seconds)
        numbered = merging.filter_by_size(
            self._merged.ravel(), whole.semantic.ravel(), None, self._experiment.inference
        )
        _require_equal(self._name, whole.instance.ravel(), numbered)

    def result(self, with_originals: bool) -> AfterNetwork:
        """Medians, beside the originals' way, which must lead to the same instances."""
        originals_seconds = None
        if with_originals:
            originals_seconds, expected = _timed(
                lambda: originals.instances(self._features, self._outputs, self._experiment)
            )
            _require_equal(self._name, self._merged, expected)
        clusters = systems.of(self._experiment.network.name).group(
            self._outputs, self._experiment, 0
        )
        return AfterNetwork(
            embedding=self._name,
            clusters=float(np.mean([len(block.classes) for block in clusters])),
            instances=len(np.unique(self._merged[self._merged != NONE])),
            seconds=statistics.median(self._seconds),
            whole_seconds=statistics.median(self._whole_seconds),
            originals_seconds=originals_seconds,
        )


def _instances(
    features: np.ndarray, outputs: dict[str, np.ndarray], experiment: config.Experiment
) -> np.ndarray:
    clusters = systems.of(experiment.network.name).group(outputs, experiment, 0)
    return merging.merge_legacy(
        features[..., 6:9],
        np.stack([block.labels for block in clusters]),
        [block.classes for block in clusters],
        experiment.network.num_classes,
        experiment.inference,
    )


def _require_equal(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    different = np.count_nonzero(found != expected)
    if different:
        raise RuntimeError(
            "both ways must lead to the same instances; with scikit-learn before 1.9 ties can "
            f"differ. Received: {different} of {found.size} points of the {name} embedding differ"
        )


def _timed(run: Callable[[], _Result]) -> tuple[float, _Result]:
    """Seconds, and the result."""
    begin = time.perf_counter()
    result = run()
    return time.perf_counter() - begin, result


def _status_mib(field: str) -> float:
    with open("/proc/self/status", encoding="utf-8") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def _gpu_peak_mib() -> float | None:
    if not tf.config.list_physical_devices("GPU"):
        return None
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20


@contextlib.contextmanager
def _standard_output_kept() -> Iterator[None]:
    """What libraries print goes to standard error: the result is alone on standard output."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def parse(document: dict[str, Any]) -> Efficiency:
    """The inverse of `dataclasses.asdict`."""
    after = tuple(AfterNetwork(**row) for row in document["after"])
    return Efficiency(**document | {"shape": tuple(document["shape"]), "after": after})


def main(path: str) -> None:
    request = Request(**json.loads(Path(path).read_text(encoding="utf-8")))
    with _standard_output_kept():
        found = measure(request)
    print(json.dumps(dataclasses.asdict(found)))


if __name__ == "__main__":
    main(sys.argv[1])
