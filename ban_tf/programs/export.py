"""Writes a trained network for TensorFlow Serving, as an unmodified server loads it.

    ban-export                                       # the newest run below runs/
    ban-export --run runs/area5 --out models/ban/1
    ban-export --run runs/area5 --half               # weights as float16: half the size
    ban-export --run runs/area5 --ops native         # for a server built with the compiled ops

--out is <name>/<version>: the server answers to the name and takes the highest version. The model
is compared with the network before it takes its place, and a version that is there is never
overwritten. It takes about a minute on two CPU cores. How to serve it: docs/serving.md.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, requests, running
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    request = command_line.request(requests.Export, parse_args(argv))
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import export

    export.export(request)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    defaults = requests.Export()
    flags = command_line.parser(names.spelled(__doc__))
    flags.add_argument(
        "--run",
        type=command_line.path,
        help="run folder, or a .keras file of a training (default: the newest below runs/)",
    )
    flags.add_argument(
        "--out",
        type=command_line.path,
        help="<name>/<version> to write (default: models/<network>/<the next version>)",
    )
    flags.add_argument(
        "--ops",
        choices=("stock", "native"),
        default=defaults.ops,
        help="ops in the graph: TensorFlow's own, or the compiled ones, which a server has to be "
        f"built with (default: {defaults.ops})",
    )
    flags.add_argument("--half", action="store_true", help="keep the larger weights as float16")
    flags.add_argument(
        "--onnx",
        action="store_true",
        help='also write the network as ONNX; needs python -m pip install -e ".[onnx]"',
    )
    return flags.parse_args(argv)


def command() -> None:
    """The installed command."""
    running.run(main)
