"""Flags on a network that runs behind a server; nothing here imports TensorFlow."""

import argparse
from pathlib import Path

from ban_tf.config.served import Server
from ban_tf.experiments.flag_values import count, path

_OWN = ("rest", "model_name", "model_version", "tls", "ca_file", "token_file", "timeout_s")


def add(flags: argparse.ArgumentParser) -> None:
    """`--server` and what goes with it."""
    group = flags.add_argument_group("a network behind a server (docs/serving.md)")
    group.add_argument(
        "--server",
        metavar="HOST:PORT",
        help="ask this server for the network's outputs; --model then only tells classes and "
        "features (default: the served model itself)",
    )
    group.add_argument(
        "--rest", action="store_true", default=None, help="by HTTP instead of gRPC: far more bytes"
    )
    group.add_argument(
        "--model-name", metavar="NAME", help="under which the server knows it (default: ban)"
    )
    group.add_argument(
        "--model-version", type=int, metavar="N", help="(default: the newest of the server)"
    )
    group.add_argument("--tls", action="store_true", default=None, help="encrypt")
    group.add_argument(
        "--ca-file", type=path, help="with --tls: certificates that the server's is checked against"
    )
    group.add_argument("--token-file", type=path, help="a file with a token to send")
    group.add_argument(
        "--timeout-s", type=count, metavar="S", help="seconds for a request (default: 60)"
    )


def take(args: argparse.Namespace, flags: argparse.ArgumentParser) -> None:
    """Puts a `Server`, or None, in place of all flags of `add`.

    Args:
        args: as they were read; changed.
        flags: which refuses those that go with `--server` alone.

    Raises:
        OSError: the file of the token cannot be read.
        ValueError: a value that cannot be.
    """
    values = {name: args.__dict__.pop(name) for name in _OWN}
    given = {name: value for name, value in values.items() if value is not None}
    if args.server is None:
        if given:
            flags.error(f"--{next(iter(given)).replace('_', '-')} goes with --server")
        return
    token_file: Path | None = given.pop("token_file", None)
    if token_file is not None:
        given["token"] = token_file.read_text(encoding="utf-8").strip()
    args.server = Server(address=args.server, **given)
