"""Times whole systems, and prints the layout of the paper's Table 8 and what comes after it."""

import dataclasses
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ban_tf import config, disk, systems
from ban_tf.clouds.cloud import Cloud
from ban_tf.data.dataset import Dataset, Source
from ban_tf.data.samples import Samples
from ban_tf.data.store import Store
from ban_tf.experiments import checks
from ban_tf.experiments.efficiency import apart, report, workload
from ban_tf.experiments.efficiency.records import Efficiency, Request
from ban_tf.experiments.requests import Timing
from ban_tf.inference.predictor import as_predictor
from ban_tf.training import checkpoints, provenance, runs

# Least distance of two instances' centres and standard deviation around them; bandwidth is 0.6.
DRAWN = {"separated": (1.5, 0.15), "overlapping": (0.8, 0.30)}
TRAINED = "trained"


def time_systems(request: Timing, source: Source) -> list[Efficiency]:
    """Does what the timing script is asked for: each system at full size, in its own process.

    Args:
        request: what to time.
        source: tells the data set.

    Raises:
        FileNotFoundError: no data, or no run, where the request says.
        ValueError: a number below 1, a system or run that embeds nothing or sees other features,
            or data without blocks.
        RuntimeError: a timing failed; the originals' way may have led to other instances.
    """
    checks.check(request)
    check(request)
    dataset = source.find(request.data, request.blocks)
    experiment = dataset.experiment(request.split)
    workload.require_mergeable(experiment)
    trained = load_runs(request.runs, experiment)
    samples = choose_samples(request, dataset, experiment)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for network in request.systems:
            print(f"timing {systems.of(network).title} ...", flush=True)
            asked = Request(
                experiment=dataset.experiment(request.split, network),
                blocks=Path(folder) / "blocks.npz",
                rounds=request.rounds,
                with_originals=request.with_originals and network == request.systems[-1],
            )
            made = embeddings(samples, network, experiment, trained)
            workload.Workload(samples.features, made).write(asked.blocks)
            asked.write(Path(folder) / "request.json")
            found.append(apart.measure_apart(Path(folder) / "request.json"))
    show(found, request, is_trained=bool(trained))
    return found


def show(found: Sequence[Efficiency], request: Timing, is_trained: bool) -> None:
    """Prints the tables, and writes the file that is asked for."""
    counted = dict.fromkeys(request.systems, TRAINED if is_trained else next(iter(DRAWN)))
    print(f"\n{report.speed_table(found, counted).text()}")
    print(f"\n{report.after_table(found).text()}")
    if not is_trained:
        print("No trained embedding was clustered: name trained runs (`runs`) for that.")
    if request.json is not None:
        document = report.document(found, provenance.collect())
        disk.write_whole(request.json, json.dumps(document, indent=2) + "\n")
        print(f"\nwrote {request.json}")


def check(request: Timing) -> None:
    """Refuses what cannot be timed, before any work.

    Raises:
        ValueError: a number below 1, or a system that embeds nothing.
    """
    if request.num_blocks < 1 or request.rounds < 1:
        raise ValueError(
            "`num_blocks` and `rounds` must be at least 1. Received: "
            f"num_blocks={request.num_blocks}, rounds={request.rounds}"
        )
    other = [name for name in request.systems if not systems.of(name).embeds]
    if other or not request.systems:
        raise ValueError(
            "`systems` must name networks that embed points, at least one. Received: "
            f"systems={request.systems}"
        )


def load_runs(folders: Sequence[Path], experiment: config.Experiment) -> dict[str, runs.Run]:
    """The trained runs, by network.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: a run embeds nothing, or sees other features than the experiment.
    """
    found = {}
    for run in map(runs.load, folders):
        network = run.experiment.network.name
        if not systems.of(network).embeds:
            raise ValueError(
                f"`runs` must be of networks that embed points. Received: {run.folder}, a run of "
                f"{network}"
            )
        if run.experiment.features != experiment.features:
            raise ValueError(
                f"`runs` must see the features of {experiment.dataset}, "
                f"{experiment.features.names}. Received: {run.folder}, a run that sees "
                f"{run.experiment.features.names}"
            )
        found[network] = run
    return found


def choose_samples(request: Timing, dataset: Dataset, experiment: config.Experiment) -> Samples:
    """The first blocks of the first room of the test that has any, or of a generated one.

    Raises:
        FileNotFoundError: the data are not where the request says.
        ValueError: no room of the test has a block, or the store is of other features.
    """
    if request.blocks is not None:
        return _stored_samples(request.blocks, dataset, experiment, request.num_blocks)
    clouds: Iterator[Cloud] = iter([workload.generated_room(dataset.labels)])
    if request.data is not None:
        scans = dataset.scans(request.data, experiment.split.test)
        clouds = (scan.read()[0] for scan in scans)
    for cloud in clouds:
        drawn = workload.draw_blocks(cloud, experiment, request.num_blocks)
        if len(drawn):
            return drawn
    raise ValueError(
        f"{request.data} has no block of {experiment.split.title} with "
        "`min_points` points. Name a denser scan."
    )


def _stored_samples(
    path: Path, dataset: Dataset, experiment: config.Experiment, num_blocks: int
) -> Samples:
    prepared = Store.open(path, group_of=dataset.group_of).select(experiment.split.test)
    if prepared.features != experiment.features:
        raise ValueError(
            f"{path} must hold the features of {experiment.dataset}, {experiment.features.names}. "
            f"Received: {prepared.features.names}"
        )
    filled = [cloud for cloud in prepared.clouds if cloud.num_samples]
    if not filled:
        raise ValueError(f"{path} has no blocks of {experiment.split.title}.")
    first = dataclasses.replace(prepared, clouds=(filled[0],))
    return first.read(range(min(num_blocks, len(first))))


def embeddings(
    samples: Samples,
    network: str,
    experiment: config.Experiment,
    trained: Mapping[str, runs.Run],
) -> dict[str, np.ndarray]:
    """What to cluster in place of a network's embedding, by name; float32 `[K, P, E]`.

    Args:
        samples: blocks of one room.
        network: whose run is preferred.
        experiment: gives E.
        trained: from `load_runs`.
    """
    width = experiment.network.embedding_size
    found = {
        name: workload.embed(samples.instance, width, separation, std)
        for name, (separation, std) in DRAWN.items()
    }
    if trained:
        run = trained.get(network) or next(iter(trained.values()))
        model = checkpoints.load_model(run.folder)
        predictor = as_predictor(model, run.experiment.inference.batch_size)
        found[TRAINED] = predictor.predict(samples.features)["embedding"]
    return found
