"""Times whole systems: the layout of the paper's Table 8, and ours beside the originals' way.

    ban-efficiency                        # a generated room, a few minutes
    ban-efficiency --run runs/demo        # the embedding of a trained network too
    ban-efficiency --data S3DIS --num-blocks 64 --json efficiency.json

Networks have the paper's size; each runs in a process of its own. The network runs, but its
embedding is replaced by one of three prepared ones: instances well apart (separated) or close
together (overlapping), and what the network of each --run makes of the same blocks (trained). With
the last of --systems, the originals' way after the network (scikit-learn, and merging point by
point) is timed too; it must lead to the same instances.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, requests, running
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    request = command_line.request(requests.Timing, parse_args(argv))
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.data import s3dis
    from ban_tf.experiments.commands import efficiency

    efficiency.time_systems(request, s3dis.SOURCE)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.timing_parser(names.spelled(__doc__))
    flags.add_argument(
        "--test-area",
        type="area{}".format,
        dest="split",
        metavar="N",
        help="whose first room is timed (default: 5, else the last)",
    )
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
