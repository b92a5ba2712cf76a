"""Trains one network for each of several data sets, and gives the tables of all together."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras

from ban_tf import disk
from ban_tf.data.dataset import Source
from ban_tf.experiments import checks, choosing, chosen_runs, outcomes, results
from ban_tf.experiments.commands import evaluate, train
from ban_tf.experiments.requests import RUNS, Evaluation, Training
from ban_tf.metrics import table as tables_of_one
from ban_tf.metrics import task_tables
from ban_tf.training import runs

_FILE = "study.md"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """A data set of many tasks, each a category at a level.

    Args:
        name: of the study.
        members: the source of each task; its run's folder is called `<category>-<level>`.
    """

    name: str
    members: Mapping[task_tables.Task, Source]


def train_all(request: Training, study: Study) -> dict[task_tables.Task, results.Result]:
    """Trains and evaluates what is left of a study, and prints its tables.

    A stopped call, given again, goes on where it was. A member whose data are not there is told of
    and left out.

    Args:
        request: what to do for each member; `run` is the folder of the study.
        study: its members.

    Returns:
        The result of each member whose data are there.

    Raises:
        FileNotFoundError: there are no data of any member.
        ValueError: as for `train.train`.
    """
    checks.check(request)
    parent = request.run or RUNS / study.name
    found: dict[task_tables.Task, results.Result] = {}
    missing: list[FileNotFoundError] = []
    for number, (task, source) in enumerate(study.members.items(), start=1):
        name = _folder(task)
        own = _of_member(request, parent, name)
        try:
            dataset = source.find(own.data, own.blocks, own.long)
        except FileNotFoundError as error:
            missing.append(error)
            print(f"[{number}/{len(study.members)}] {name}: left out, as there are no data of it")
            continue
        experiment = choosing.for_training(own, dataset)
        done = train.is_finished(parent / name, experiment)
        state = "done before" if done else "training, evaluating"
        print(f"[{number}/{len(study.members)}] {name}: {state}")
        if not done:
            train.train(own, source)
            keras.backend.clear_session()
        if not request.dry_run:
            found[task] = _result_of(parent / name)
    if len(missing) == len(study.members):
        raise missing[0]
    if request.dry_run:
        return {}
    report(found, study, parent)
    return found


def _folder(task: task_tables.Task) -> str:
    return f"{task[0]}-{task[1]}"


def _of_member(request: Training, parent: Path, name: str) -> Training:
    blocks = None if request.blocks is None else request.blocks / name
    return dataclasses.replace(request, run=parent / name, blocks=blocks)


def _result_of(folder: Path) -> results.Result:
    """What the training of a member ended with."""
    run = runs.load(folder)
    last = outcomes.finished(run)
    if last is None:
        raise FileNotFoundError(f"{folder} is not evaluated: give the training command again.")
    return results.read(run.evaluation_folder(last.after.protocol))


def evaluate_all(request: Evaluation, study: Study) -> dict[task_tables.Task, results.Result]:
    """Evaluates all members of a study that have been trained, and prints its tables.

    Args:
        request: how; `run` is the folder of the study.
        study: its members.

    Raises:
        FileNotFoundError: no member has been trained.
        ValueError: as for `evaluate.evaluate`.
    """
    parent = request.run or RUNS / study.name
    found: dict[task_tables.Task, results.Result] = {}
    for task, source in study.members.items():
        name = _folder(task)
        if not (parent / name / "config.json").is_file():
            continue
        blocks = None if request.blocks is None else request.blocks / name
        place = None if request.out is None else request.out / name
        own = dataclasses.replace(request, run=parent / name, blocks=blocks, out=place)
        if request.dry_run:
            evaluate.evaluate(own, source)
            continue
        chosen, out = chosen_runs.choose_runs(own, source)
        kept = None if request.names_data else outcomes.earlier_result(chosen, out)
        if kept is None:
            evaluate.evaluate_trained(own, source)
            keras.backend.clear_session()
        found[task] = kept or results.read(out)
    if request.dry_run:
        return {}
    if not found:
        raise FileNotFoundError(
            f"{parent} has no trained run of {study.name}. Train the study first, or name its "
            "folder (`run`)."
        )
    report(found, study, request.out or parent)
    return found


def report(found: Mapping[task_tables.Task, results.Result], study: Study, out: Path) -> None:
    """Prints the scores of each task and the tables of all; writes both to `out`."""
    system = next(iter(found.values())).system
    scores = {task: found[task].scores if task in found else None for task in study.members}
    shown = task_tables.tables(scores, system.title, system.backbone)
    for result in found.values():
        print(f"\n{tables_of_one.render_text(result.scores)}")
    print("\n" + "\n\n".join(table.text() for table in shown))
    parts = [table.markdown() for table in shown]
    parts += [tables_of_one.render_markdown(result.scores) for result in found.values()]
    disk.write_whole(out / _FILE, "\n\n".join(parts) + "\n")
    print(f"\nwrote {out / _FILE}")
