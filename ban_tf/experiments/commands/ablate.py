"""Trains and evaluates the variants of BAN in the paper's Table 7, and prints the table."""

from pathlib import Path

from ban_tf import config, disk
from ban_tf.data import preparation
from ban_tf.data.dataset import Dataset, Source
from ban_tf.experiments import ablation, checks, choosing, results
from ban_tf.experiments.requests import RUNS, Ablation
from ban_tf.metrics import ablation_tables, published
from ban_tf.training import runs, trainer


def ablate(request: Ablation, source: Source) -> None:
    """Does what the ablation script is asked for; a stopped call repeats no finished training.

    Raises:
        FileNotFoundError: the data are not where the request says.
        ValueError: an unknown variant, no seed, or a folder that holds something else.
        disk.FolderInUseError: another process writes to the folder or to the store.
    """
    checks.check(request)
    dataset = source.find(request.data, request.blocks, request.long)
    experiment = choosing.for_ablation(request, dataset)
    protocol = request.protocol or default_protocol(experiment)
    parent = request.run or RUNS / f"{experiment.dataset}_ablation"
    trials = ablation.plan(
        parent, experiment, request.variants, request.seeds, request.done, protocol
    )
    if request.dry_run:
        for number, trial in enumerate(trials, start=1):
            state = "done before" if ablation.is_done(trial, protocol) else "would be trained"
            print(f"[{number}/{len(trials)}] {trial.variant}, {trial.folder}: {state}")
        return
    with disk.one_writer(parent):
        _carry_out(request, dataset, experiment, parent, trials, protocol)


def _carry_out(
    request: Ablation,
    dataset: Dataset,
    experiment: config.Experiment,
    parent: Path,
    trials: list[ablation.Trial],
    protocol: config.Protocol,
) -> None:
    left = [trial for trial in trials if not ablation.is_done(trial, protocol)]
    if left:
        data = request.data
        if request.is_demo:
            data = preparation.generate(dataset, parent / "building", experiment.seed)
        sources = runs.Sources(request.blocks or parent / "blocks", data)
        store = preparation.prepare_or_open(dataset, sources.data, sources.blocks, experiment)
        store.require_apart(experiment.split)
        for trial in left:
            trainer.check_batches(trial.experiment, store.select(trial.experiment.split.train))
    found: dict[str, list[results.Result]] = {}
    for number, trial in enumerate(trials, start=1):
        is_left = trial in left
        state = "training, evaluating" if is_left else "done before"
        print(f"[{number}/{len(trials)}] {trial.variant}, seed {trial.experiment.seed}: {state}")
        if is_left:
            ablation.carry_out(trial, store, sources, protocol)
        found.setdefault(trial.variant, []).append(ablation.result(trial, protocol))
    report(found, parent)


def default_protocol(experiment: config.Experiment) -> config.Protocol:
    """Only the originals' protocol may stand beside the paper's numbers."""
    return "legacy" if published.ablation().dataset == experiment.dataset else "covering"


def report(done: dict[str, list[results.Result]], parent: Path) -> None:
    """Prints the tables, and writes them beside the runs they were made from."""
    scores = {variant: [result.scores for result in found] for variant, found in done.items()}
    tables = ablation_tables.tables(scores)
    print("\n" + "\n\n".join(table.text() for table in tables))
    content = "\n\n".join(table.markdown() for table in tables) + "\n"
    disk.write_whole(parent / "ablation.md", content)
    print(f"\nwrote {parent / 'ablation.md'}; the results of each training lie below {parent}")
