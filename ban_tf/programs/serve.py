"""Serves an exported model by the protocols of TensorFlow Serving, where that is not to be had.

    ban-serve --model models/ban                  # gRPC at 127.0.0.1:8500, REST at 127.0.0.1:8501
    ban-serve --model models/ban --ops native     # exported with the compiled ops
    ban-serve --model models/ban --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem \\
        --token-file token                        # for others than this machine

--model is the folder that ban-export writes versions into (models/ban for models/ban/1). A newer
version that appears there is loaded, warmed up and takes over; one that fails leaves the old one
answering. After about ten seconds the line `serving ban, version 1: gRPC 127.0.0.1:8500, REST
http://127.0.0.1:8501` says that requests are answered. The server and each worker take some 700 MB.
SIGTERM and Ctrl-C let running requests finish. Needs the extra "serving". All about it:
docs/serving.md.
"""

import argparse
import collections
from collections.abc import Sequence

from ban_tf.experiments import command_line, running
from ban_tf.experiments.commands import serve
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    args = vars(parse_args(argv))
    serve.serve(serve.Options(**args | {"labels": dict(args["labels"])}))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.parser(names.spelled(__doc__))
    defaults = serve.Options
    flags.add_argument(
        "--model", type=command_line.path, required=True, help="folder that holds the versions"
    )
    flags.add_argument("--name", help="of the model, for clients (default: the folder's)")
    flags.add_argument(
        "--ops",
        choices=("stock", "native"),
        default=defaults.ops,
        help=f"native loads the compiled ops (default: {defaults.ops})",
    )
    flags.add_argument(
        "--versions",
        type=versions,
        default=defaults.versions,
        metavar="LATEST|ALL|N,N",
        help="which are served (default: latest)",
    )
    flags.add_argument(
        "--label",
        type=label,
        action="append",
        default=[],
        dest="labels",
        metavar="NAME=N",
        help="a label of a version that is served, for /labels/NAME; several may be given",
    )
    _add_places(flags)
    _add_limits(flags)
    _add_files(flags)
    args = flags.parse_args(argv)
    twice = [name for name, count in collections.Counter(name for name, _ in args.labels).items()
             if count > 1]  # fmt: skip
    if twice:
        given = " ".join(f"{name}={number}" for name, number in args.labels if name in twice)
        flags.error(f"argument --label: each label may be given once. Received: {given}")
    return args


def _add_places(flags: argparse.ArgumentParser) -> None:
    defaults = serve.Options
    flags.add_argument(
        "--host", default=defaults.host, help=f"address to listen at (default: {defaults.host})"
    )
    for name in ("grpc", "rest"):
        default = getattr(defaults, f"{name}_port")
        flags.add_argument(
            f"--{name}-port",
            type=int,
            default=default,
            help=f"0 for a free one (default: {default})",
        )


def _add_limits(flags: argparse.ArgumentParser) -> None:
    defaults = serve.Options
    whole = {
        "workers": "processes that run the model",
        "threads": "of each worker",
        "queue": "blocks that may wait; more are refused",
        "max_request_mib": "MiB of a request",
    }
    for name, text in whole.items():
        default = getattr(defaults, name)
        shown = "the cores, shared" if default is None else default
        flags.add_argument(
            f"--{name.replace('_', '-')}",
            type=command_line.count,
            default=default,
            help=f"{text} (default: {shown})",
        )
    seconds = {
        "timeout": "a request may take, unless its client says less",
        "longest_run": "a batch may take in a worker, which is ended then",
        "poll": "between looks for new versions",
        "grace": "for running requests at the end",
    }
    for name, text in seconds.items():
        default = getattr(defaults, f"{name}_s")
        flags.add_argument(
            f"--{name.replace('_', '-')}-s",
            type=float,
            default=default,
            metavar="S",
            help=f"seconds {text} (default: {default:g})",
        )


def _add_files(flags: argparse.ArgumentParser) -> None:
    files = {
        "tls_cert": "certificate; both ports speak TLS then",
        "tls_key": "its key",
        "tls_client_ca": "whose clients' certificates are asked for",
        "token_file": "with a token that requests must bring (authorization: Bearer ...)",
    }
    for name, text in files.items():
        flags.add_argument(f"--{name.replace('_', '-')}", type=command_line.path, help=text)


def versions(text: str) -> str | tuple[int, ...]:
    """`latest`, `all`, or numbers with commas between them."""
    if text in ("latest", "all"):
        return text
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"must be latest, all or numbers. Received: {text!r}")
    return tuple(int(part) for part in parts)


def label(text: str) -> tuple[str, int]:
    """A label and the number of its version, as NAME=N."""
    name, _, number = text.partition("=")
    if not name or not (number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"must be NAME=N, such as stable=1. Received: {text!r}")
    return name, int(number)


def command() -> None:
    """The installed command."""
    running.run(main)
