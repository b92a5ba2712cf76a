"""Evaluates trained networks on the areas they have not seen, and prints the paper's tables.

    python eval/eval_s3dis.py                                    # the newest run below runs/
    python eval/eval_s3dis.py --run runs/area5 --protocol legacy # drawn and scored as in the paper
    python eval/eval_s3dis.py --run runs/six --six-fold          # six runs, rooms pooled
    python eval/eval_s3dis.py --compare ban asis jsnet           # Tables 1 and 2 with all rows
    python eval/eval_s3dis.py --network ban --tf1-checkpoint log5/epoch_99.ckpt --data S3DIS
    python eval/eval_s3dis.py --predictions DIR --protocol legacy --json scores.json
    python eval/eval_s3dis.py --estimate                         # settings that suit the data

`--compare` takes networks, of which it finds the newest run below runs/, or run folders.
`--tf1-checkpoint` is a checkpoint of the authors' TensorFlow 1 code, `--predictions` a folder of
prediction files in the text format of ASIS, JSNet and BAN.
"""

import argparse
import dataclasses
import json
import pathlib
import re
from collections.abc import Sequence

from ban_tf import config, systems
from ban_tf.config import reduced
from ban_tf.data import prediction_files, preparation, s3dis, store
from ban_tf.data.s3dis import s3dis_experiment
from ban_tf.experiments import command_line, results, workflow
from ban_tf.experiments.doctor import estimation
from ban_tf.metrics import comparison, table
from ban_tf.metrics.evaluators import Evaluation, Evaluator
from ban_tf.training import checkpoints, runs, tf1_checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.estimate:
        print(estimate(args))
        return
    if args.compare is not None:
        compare(args, args.protocol or "covering")
        return
    if args.predictions is not None:
        evaluation = score_predictions(args.predictions, args.protocol or "legacy")
    elif args.tf1_checkpoint is not None:
        evaluation = evaluate_original(args, args.protocol or "covering")
    else:
        evaluation = evaluate(args, args.protocol or "covering")
    print(f"\n{table.render_text(evaluation)}")
    if args.json is not None:
        runs.write_text(args.json, table.to_json(evaluation))
        print(f"\nwrote {args.json}")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    command_line.add_data_flags(flags)
    command_line.add_run_flag(flags, "the newest below runs/")
    flags.add_argument(
        "--model", type=pathlib.Path, help="a run folder or a .keras file of one (instead of --run)"
    )
    flags.add_argument("--six-fold", action="store_true", help="pool <run>/area1 ... area6")
    flags.add_argument(
        "--protocol",
        choices=("covering", "legacy"),
        help="every raw point (default), or drawn as by the originals (default of --predictions)",
    )
    command_line.add_clusterer_flag(flags, "as in training")
    flags.add_argument("--predictions", type=pathlib.Path, help="folder of prediction files")
    flags.add_argument(
        "--estimate",
        action="store_true",
        help="print block size, bandwidth and instance sizes that suit the run's training data",
    )
    flags.add_argument(
        "--compare", nargs="+", metavar="RUN", help="networks or run folders, a row each"
    )
    flags.add_argument("--tf1-checkpoint", type=pathlib.Path, help="of the authors' code")
    flags.add_argument(
        "--network", choices=tf1_checkpoint.NETWORKS, help="what wrote --tf1-checkpoint"
    )
    flags.add_argument(
        "--test-area", type=int, help="with --tf1-checkpoint (default: 5, else the last)"
    )
    flags.add_argument("--json", type=pathlib.Path, help="also write the scores here")
    args = flags.parse_args(argv)
    check_flags(flags, args)
    return args


def check_flags(flags: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuses flags that contradict each other."""
    named = [name for name in ("run", "model", "compare", "tf1_checkpoint", "predictions")
             if getattr(args, name) is not None]  # fmt: skip
    if len(named) > 1:
        listed = " and ".join(f"--{name.replace('_', '-')}" for name in named)
        flags.error(f"{listed} each say what to evaluate; give one")
    if args.six_fold and named and named[0] not in ("run", "compare"):
        flags.error("--six-fold needs --run, the folder of area1 ... area6")
    others = (args.data, args.blocks, args.six_fold or None, args.clusterer)
    if args.predictions is not None and any(value is not None for value in others):
        flags.error("--predictions scores files as they are; it goes with --protocol and --json")
    if (args.network is None) != (args.tf1_checkpoint is None):
        flags.error("--tf1-checkpoint and --network go together")
    if args.test_area is not None and args.tf1_checkpoint is None:
        flags.error("--test-area goes with --tf1-checkpoint; a run knows its own")


def evaluate(args: argparse.Namespace, protocol: config.Protocol) -> Evaluation:
    """Evaluates one run or six, from the checkpoints alone."""
    model = args.model if args.model is not None and args.model.suffix == ".keras" else None
    found, out = choose_runs(args, protocol)
    for run in found:
        print(f"evaluating {model or checkpoints.newest_model(run)} on {test_data(args, run)}")
    stores = [
        workflow.prepare_or_open(
            s3dis.read_areas, sources(args, run), run.experiment, [run.experiment.test_area]
        )
        for run in found
    ]
    evaluation = workflow.evaluate_runs(found, stores, protocol, out, model)
    print(f"wrote {out}")
    return evaluation


def choose_runs(
    args: argparse.Namespace, protocol: config.Protocol
) -> tuple[list[runs.Run], pathlib.Path]:
    """The run that is named or the six of a folder, and where their results go."""
    folder = run_folder(args)
    found = workflow.six_fold_runs(folder) if args.six_fold else [runs.load(folder)]
    found = [on_data(with_clusterer(run, args), args) for run in found]
    return found, results_folder(args, folder, found[0], protocol)


def compare(args: argparse.Namespace, protocol: config.Protocol) -> None:
    """Prints several runs under the paper's rows; evaluates those that were not."""
    rows = []
    for name in args.compare:
        is_network = name in systems.SYSTEMS
        folder = runs.newest_of(command_line.RUNS, name) if is_network else pathlib.Path(name)
        own = argparse.Namespace(**{**vars(args), "run": folder})
        found, out = choose_runs(own, protocol)
        result = None
        if args.data is None and args.blocks is None:  # else the data may be others than before
            result = workflow.earlier_result(found, out)
        if result is None:
            evaluate(own, protocol)
            result = results.read(out)
        rows.append(
            comparison.SystemScores(
                result.system.title, result.system.backbone, result.scores, result.system.footnotes
            )
        )
    print("\n" + "\n\n".join(made.text() for made in comparison.tables(rows)))
    if args.json is not None:
        document = [{"system": row.title, "backbone": row.backbone, **row.scores} for row in rows]
        runs.write_text(args.json, json.dumps(document, indent=2) + "\n")
        print(f"\nwrote {args.json}")


def evaluate_original(args: argparse.Namespace, protocol: config.Protocol) -> Evaluation:
    """Evaluates a checkpoint of the authors' code, without data on a generated building."""
    is_demo = args.data is None and args.blocks is None
    if is_demo:
        experiment = dataclasses.replace(
            config.s3dis(), dataset=reduced.demo().dataset, test_area=3
        )
    else:
        experiment = s3dis_experiment.describe(args.data, args.blocks, args.test_area)
    experiment = config.with_network(experiment, args.network)
    if args.clusterer is not None:
        inference = dataclasses.replace(experiment.inference, clusterer=args.clusterer)
        experiment = dataclasses.replace(experiment, inference=inference)
    model = tf1_checkpoint.load_network(args.tf1_checkpoint, args.network)
    folder = command_line.RUNS / f"{experiment.dataset.name}_{args.network}_tf1"
    data = args.data
    if is_demo:
        print("no --data or --blocks: a generated building, which no checkpoint was trained for")
        data = preparation.generate_building(folder / "building", experiment)
    origin = runs.Sources(args.blocks or folder / "blocks", data)
    prepared = workflow.prepare_or_open(s3dis.read_areas, origin, experiment)
    out = folder / "evaluation" / protocol
    file = tf1_checkpoint.index_file(args.tf1_checkpoint)
    evaluation = workflow.evaluate_imported(model, file, experiment, prepared, protocol, out)
    print(f"wrote {out}")
    return evaluation


def estimate(args: argparse.Namespace) -> estimation.Estimate:
    """Settings estimated from a run's training areas and its network."""
    run = with_clusterer(runs.load(run_folder(args)), args)
    prepared = store.Store.open(args.blocks or run.sources().blocks)
    return estimation.estimate(run.experiment, prepared, model=checkpoints.load_model(run.folder))


def run_folder(args: argparse.Namespace) -> pathlib.Path:
    """The folder that --run or --model names, or the newest."""
    named = args.run or args.model
    if named is None:
        return runs.newest(command_line.RUNS)
    if named.suffix == ".keras":
        return named.parent.parent if named.parent.name == "checkpoints" else named.parent
    return named


def test_data(args: argparse.Namespace, run: runs.Run) -> str:
    where = args.data or args.blocks or run.experiment.dataset.name
    return f"Area {run.experiment.test_area} of {where}"


def is_other_data(args: argparse.Namespace, run: runs.Run) -> bool:
    """Whether --data or --blocks name anything but what the run was trained on."""
    if not run.sources_file.is_file():
        return args.data is not None or args.blocks is not None
    own = run.sources()
    named = ((args.data, own.data), (args.blocks, own.blocks))
    return any(path is not None and path.resolve() != mine for path, mine in named)


def with_clusterer(run: runs.Run, args: argparse.Namespace) -> runs.Run:
    """The run with the clusterer that --clusterer names; the network does not depend on it."""
    if args.clusterer is None:
        return run
    inference = dataclasses.replace(run.experiment.inference, clusterer=args.clusterer)
    return dataclasses.replace(
        run, experiment=dataclasses.replace(run.experiment, inference=inference)
    )


def on_data(run: runs.Run, args: argparse.Namespace) -> runs.Run:
    """The run with the name of the data that it is to be evaluated on."""
    if not is_other_data(args, run):
        return run
    if args.data is not None:
        name = s3dis.dataset_name(args.data, [run.experiment.test_area])
    else:
        found = store.Store.open(args.blocks)
        name = s3dis.name_of([room.name for room in found.rooms], otherwise=found.dataset)
    dataset = dataclasses.replace(run.experiment.dataset, name=name)
    return dataclasses.replace(run, experiment=dataclasses.replace(run.experiment, dataset=dataset))


def sources(args: argparse.Namespace, run: runs.Run) -> runs.Sources:
    """The run's own data, or those that --data and --blocks name."""
    if not is_other_data(args, run):
        return runs.Sources(run.sources().blocks, None)
    name = run.experiment.dataset.name
    blocks = args.blocks or run.folder / "evaluation" / f"blocks_{name}"
    return runs.Sources(blocks, args.data)


def results_folder(
    args: argparse.Namespace, folder: pathlib.Path, run: runs.Run, protocol: config.Protocol
) -> pathlib.Path:
    """A folder of its own for other data and for a checkpoint, beside the run's own results."""
    name = [protocol]
    if is_other_data(args, run):
        name.append(run.experiment.dataset.name)
    if args.model is not None and args.model.suffix == ".keras" and args.model != run.model_file:
        name.append(args.model.stem)
    return folder / "evaluation" / "_".join(name)


def score_predictions(folder: pathlib.Path, protocol: config.Protocol) -> Evaluation:
    """Scores a folder of `<room>_pred.txt` and `<room>_gt.txt`."""
    names = prediction_files.list_rooms(folder)
    areas = {int(match.group(1)) for name in names if (match := re.match(r"Area_(\d+)_", name))}
    dataset = dataclasses.replace(
        config.S3DIS, name=s3dis.name_of(names, otherwise=folder.resolve().name)
    )
    evaluator = Evaluator(dataset, tuple(areas), protocol, "prediction files")
    for room in prediction_files.read_rooms(folder, dataset.num_classes):
        evaluator.add(
            room.name, room.truth_semantic, room.truth_instance, room.semantic, room.instance
        )
    return evaluator.evaluation()


if __name__ == "__main__":
    command_line.run(main)
