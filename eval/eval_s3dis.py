"""Evaluates trained networks on the areas they have not seen, and prints the paper's tables.

    python eval/eval_s3dis.py                                    # the newest run below runs/
    python eval/eval_s3dis.py --run runs/area5 --protocol legacy # drawn and scored as in the paper
    python eval/eval_s3dis.py --run runs/six --six-fold          # six runs, rooms pooled
    python eval/eval_s3dis.py --predictions DIR --protocol legacy --json scores.json

`--predictions` scores prediction files in the text format of ASIS, JSNet and BAN.
"""

import argparse
import dataclasses
import pathlib
import re
from collections.abc import Sequence

from ban_tf import command_line, config, runs, workflow
from ban_tf.data import prediction_files, s3dis
from ban_tf.metrics import table
from ban_tf.metrics.evaluation import Evaluation, Evaluator


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.predictions is not None:
        evaluation = score_predictions(args.predictions, args.protocol)
    else:
        evaluation = evaluate(args)
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
        default="covering",
        help="every raw point (default), or drawn as by the originals",
    )
    flags.add_argument("--predictions", type=pathlib.Path, help="folder of prediction files")
    flags.add_argument("--json", type=pathlib.Path, help="also write the scores here")
    args = flags.parse_args(argv)
    if args.run is not None and args.model is not None:
        flags.error("--run and --model name the same thing; give one")
    if args.six_fold and args.model is not None:
        flags.error("--six-fold needs --run, the folder of area1 ... area6")
    return args


def evaluate(args: argparse.Namespace) -> Evaluation:
    """Evaluates one run or six, from the checkpoints alone."""
    folder = run_folder(args)
    if args.six_fold:
        found = workflow.six_fold_runs(folder, config.S3DIS.areas)
    else:
        found = [runs.load(folder)]
    if args.data is not None:
        found = [on_data(run, args.data) for run in found]
    stores = [
        workflow.prepare_or_open(s3dis.read_areas, where(args, run), run.experiment)
        for run in found
    ]
    out = folder / "evaluation" / args.protocol
    evaluation = workflow.evaluate_runs(found, stores, args.protocol, out)
    print(f"wrote {out}")
    return evaluation


def on_data(run: runs.Run, data: pathlib.Path) -> runs.Run:
    """The run with the name of the data that it is to be evaluated on."""
    dataset = run.experiment.dataset
    name = s3dis.dataset_name(data, dataset.areas)
    dataset = dataclasses.replace(dataset, name=name)
    return dataclasses.replace(run, experiment=dataclasses.replace(run.experiment, dataset=dataset))


def run_folder(args: argparse.Namespace) -> pathlib.Path:
    """The folder that --run or --model names, or the newest."""
    named = args.run or args.model
    if named is None:
        return runs.newest(command_line.RUNS)
    if named.suffix == ".keras":
        return named.parent.parent if named.parent.name == "checkpoints" else named.parent
    return named


def where(args: argparse.Namespace, run: runs.Run) -> runs.Sources:
    """The run's own data, or those that --data and --blocks name."""
    if args.data is None and args.blocks is None:
        return runs.Sources(run.sources().blocks, None)
    if args.blocks is None:
        return runs.Sources(
            run.folder / "evaluation" / f"blocks_{args.data.resolve().name}", args.data
        )
    return runs.Sources(args.blocks, args.data)


def score_predictions(folder: pathlib.Path, protocol: config.Protocol) -> Evaluation:
    """Scores a folder of `<room>_pred.txt` and `<room>_gt.txt`."""
    names = prediction_files.list_rooms(folder)
    areas = {int(match.group(1)) for name in names if (match := re.match(r"Area_(\d+)_", name))}
    evaluator = Evaluator(config.S3DIS, tuple(areas), protocol, "prediction files")
    for room in prediction_files.read_rooms(folder, config.S3DIS.num_classes):
        evaluator.add(
            room.name, room.truth_semantic, room.truth_instance, room.semantic, room.instance
        )
    return evaluator.evaluation()


if __name__ == "__main__":
    command_line.run(main)
