"""What a flag takes: values that are checked as they are read."""

import argparse
import itertools
import math
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


def heights(text: str) -> tuple[float, ...]:
    """Ascending heights such as `3.2,6.4`, or none, as a flag gives them."""
    if text == "none":
        return ()
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    is_rising = all(low < high for low, high in itertools.pairwise((0.0, *values)))
    if not values or not is_rising or not math.isfinite(values[-1]):
        raise argparse.ArgumentTypeError(
            "must be 'none', or metres above the lowest point, ascending, such as 3.2,6.4. "
            f"Received: {text!r}"
        )
    return values


def count(text: str) -> int:
    """A whole number of at least 1, as a flag gives it."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, at least 1. Received: {text!r}")
    return value
