"""`--classes`: whether the classes are those of S3DIS, or those that the raw files name."""

import argparse
import dataclasses
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ban_tf.data.dataset import Source

OF_S3DIS, FROM_DATA = "s3dis", "from-data"


def add_flag(flags: argparse.ArgumentParser) -> None:
    """Adds `--classes`."""
    flags.add_argument(
        "--classes",
        choices=(OF_S3DIS, FROM_DATA),
        default=OF_S3DIS,
        help="S3DIS's 13 classes, or the names of the files in --data, <class>_<k>.txt, sorted "
        f"(default: {OF_S3DIS})",
    )


def source(args: argparse.Namespace) -> "Source":
    """Tells the data set, with the classes that were asked for.

    Raises:
        ValueError: the classes of data that are not named.
    """
    from ban_tf.data import s3dis

    if args.classes == OF_S3DIS:
        return s3dis.SOURCE
    if args.data is None:
        raise ValueError(
            "--classes from-data takes the classes from the raw files: give --data. A prepared "
            "store has its own classes without this flag. Received: no --data"
        )
    describe = functools.partial(s3dis.describe, classes_from_data=True)
    return dataclasses.replace(s3dis.SOURCE, describe=describe)
