"""Writes a checkpoint of the authors' TensorFlow 1 code as a network of this project.

    python train/convert_tf1_checkpoint.py log5/epoch_99.ckpt --network ban --out ban.keras

The checkpoint is named by its prefix, its `.index` file, or a folder that holds one. What does not
fit the network is refused by name. `--out x.keras` is the whole network, `--out x.weights.h5` its
weights alone; either takes seconds, and one line tells its size.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, running


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.training import tf1_checkpoint

    model = tf1_checkpoint.convert(args.checkpoint, args.network, args.out, args.overwrite)
    print(f"{args.out}: {args.network}, {tf1_checkpoint.summary(model)}")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(__doc__)
    flags.add_argument(
        "checkpoint",
        type=command_line.path,
        help="prefix of the checkpoint, its .index file or folder",
    )
    flags.add_argument(
        "--network", required=True, choices=command_line.ORIGINALS, help="what wrote it"
    )
    flags.add_argument(
        "--out", required=True, type=command_line.path, help="file to write: .keras or .weights.h5"
    )
    flags.add_argument("--overwrite", action="store_true", help="replace --out where it exists")
    return flags.parse_args(argv)


if __name__ == "__main__":
    running.run(main)
