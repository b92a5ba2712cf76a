"""Times whole systems: the layout of the paper's Table 8, and ours beside the originals' way.

    python eval/eval_efficiency.py                        # a generated room, a few minutes
    python eval/eval_efficiency.py --run runs/demo        # the embedding of a trained network too
    python eval/eval_efficiency.py --data S3DIS --num-blocks 64 --json efficiency.json

Networks have the paper's size; each runs in a process of its own. What is clustered is put in the
place of the network's embedding, while the network runs: instances well apart (separated) or close
together (overlapping), and what the network of each --run makes of the same blocks (trained). With
the last of --systems, the originals' way after the network (scikit-learn, and merging point by
point) is timed too; it must lead to the same instances.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from ban_tf import config, systems
from ban_tf.data import s3dis, store
from ban_tf.data.s3dis import s3dis_experiment
from ban_tf.data.samples.blocks import Blocks
from ban_tf.experiments import command_line
from ban_tf.experiments.efficiency import measure, report, workload
from ban_tf.inference import segmentation
from ban_tf.training import checkpoints, provenance, runs

TABLE_8 = ("pointnet2", "asis", "ban")
# Least distance of two instances' centres and standard deviation around them; bandwidth is 0.6.
DRAWN = {"separated": (1.5, 0.15), "overlapping": (0.8, 0.30)}
TRAINED = "trained"


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    blocks = choose_blocks(args)
    trained = {run.experiment.network.name: run for run in map(runs.load, args.run or ())}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for network in args.systems:
            print(f"timing {systems.of(network).title} ...", flush=True)
            work = workload.Workload(blocks.features, embeddings(blocks, network, trained))
            with_originals = not args.without_originals and network == args.systems[-1]
            request = write_request(
                pathlib.Path(folder), network, work, args.rounds, with_originals
            )
            found.append(measure_apart(request))
    counted = {network: TRAINED if trained else "separated" for network in args.systems}
    print(f"\n{report.speed_table(found, counted).text()}")
    print(f"\n{report.after_table(found).text()}")
    if not trained:
        print("No trained embedding was clustered: name a run of train/train_*.py with --run.")
    if args.json is not None:
        document = report.document(found, provenance.collect())
        runs.write_text(args.json, json.dumps(document, indent=2) + "\n")
        print(f"\nwrote {args.json}")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    command_line.add_data_flags(flags)
    flags.add_argument(
        "--run",
        type=pathlib.Path,
        nargs="+",
        help="trained runs; each other system takes the first",
    )
    embedding = [name for name, one in systems.SYSTEMS.items() if "embedding" in one.outputs]
    flags.add_argument(
        "--systems", nargs="+", choices=sorted(embedding), default=TABLE_8, help="what to time"
    )
    flags.add_argument("--test-area", type=int, help="of --data or --blocks (default: 5)")
    flags.add_argument("--num-blocks", type=int, default=4, help="of one room (default: 4)")
    flags.add_argument("--rounds", type=int, default=3, help="medians of so many (default: 3)")
    flags.add_argument(
        "--without-originals", action="store_true", help="leave out scikit-learn: far faster"
    )
    flags.add_argument("--json", type=pathlib.Path, help="also write what was measured here")
    args = flags.parse_args(argv)
    if args.num_blocks < 1 or args.rounds < 1:
        flags.error("--num-blocks and --rounds must be at least 1")
    return args


def choose_blocks(args: argparse.Namespace) -> Blocks:
    """The first blocks of the first room of the test area, or of a generated one."""
    if args.data is None and args.blocks is None:
        cloud = workload.generated_room(config.S3DIS.class_names)
        return workload.draw_blocks(cloud, config.BlockConfig(), args.num_blocks)
    experiment = s3dis_experiment.describe(args.data, args.blocks, args.test_area)
    if args.blocks is None:
        room = s3dis.list_rooms(args.data, [experiment.test_area])[0]
        cloud, _ = s3dis.read_room(room, experiment.dataset.class_names)
        return workload.draw_blocks(cloud, experiment.blocks, args.num_blocks)
    prepared = store.Store.open(args.blocks).select([experiment.test_area])
    filled = [room for room in prepared.rooms if room.num_blocks]
    if not filled:
        raise ValueError(f"{args.blocks} has no blocks of Area {experiment.test_area}.")
    first = dataclasses.replace(prepared, rooms=(filled[0],))
    return first.read(range(min(args.num_blocks, len(first))))


def embeddings(blocks: Blocks, network: str, trained: dict[str, runs.Run]) -> dict[str, np.ndarray]:
    """What to cluster, by name; float32 `[K, P, E]`."""
    width = config.NetworkConfig.embedding_size
    found = {
        name: workload.embed(blocks.instance, width, separation, std)
        for name, (separation, std) in DRAWN.items()
    }
    if trained:
        run = trained.get(network) or next(iter(trained.values()))
        if "embedding" not in systems.of(run.experiment.network.name).outputs:
            raise ValueError(
                f"--run must be of networks that embed points. Received: {run.folder}, a run of "
                f"{run.experiment.network.name}"
            )
        model = checkpoints.load_model(run.folder)
        outputs = segmentation.predict(blocks.features, model, run.experiment.inference.batch_size)
        found[TRAINED] = outputs["embedding"]
    return found


def write_request(
    folder: pathlib.Path, network: str, work: workload.Workload, rounds: int, with_originals: bool
) -> pathlib.Path:
    """Writes down what to time; returns the file."""
    work.write(folder / "blocks.npz")
    request = measure.Request(network, str(folder / "blocks.npz"), rounds, with_originals)
    runs.write_text(folder / "request.json", json.dumps(dataclasses.asdict(request)))
    return folder / "request.json"


def measure_apart(request: pathlib.Path) -> measure.Efficiency:
    """Times a system in a process of its own."""
    command = [sys.executable, "-m", "ban_tf.experiments.efficiency.measure", str(request)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"timing failed: {reason}")
    return measure.parse(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    command_line.run(main)
