"""What a flag takes: values that are checked as they are read."""

import argparse
import pathlib

from ban_tf.experiments import memory as sizes


def path(text: str) -> pathlib.Path:
    """A path as a flag gives it; an empty one, as of an unset variable, is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty (an unset variable?); leave it out")
    return pathlib.Path(text)


def memory(text: str) -> int:
    """Bytes of a size such as `8GiB`, as a flag gives it."""
    try:
        return sizes.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def count(text: str) -> int:
    """A whole number of at least 1, as a flag gives it."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, at least 1. Received: {text!r}")
    return value
