"""Gives every point of your own scan a class and an instance.

    ban-segment office.laz --model runs/demo -o office_labelled.laz
    ban-segment "scans/*.ply" --model runs/demo -o labelled --csv instances.csv
    ban-segment office.laz --server gpu:8500          # the network runs there (docs/serving.md)
    ban-segment office.ply --html office.html         # and a page that shows it; docs/viewer.md
    ban-segment office.e57 --dry-run                  # what would be done, and how it is understood

Reads PLY, PCD, LAS, LAZ, E57, XYZ, TXT, CSV, ASC, PTS, NPY and NPZ files, rooms of S3DIS and scans
of ScanNet. The labelled copy has everything that the file had, in its order, and the fields
semantic, instance, confidence and entropy. Unit, up axis and range of the colours are found and
told; flags say otherwise. LAS and compressed PCD need `python -m pip install -e ".[scans]"`, E57
`".[e57]"`. A million points take some minutes on two CPU cores, nearly all of it the network's;
what is stopped goes on with the same command. A scan that takes more than `--max-memory` is
segmented in tiles, to the same labels, with what it needs on the disk beside the copy. See
docs/own_scans.md.
"""

import argparse
from collections.abc import Sequence
from typing import get_args

from ban_tf.config.scans import ColorRange, Unit, Up
from ban_tf.experiments import (
    command_line,
    flag_values,
    page_flags,
    quiet,
    requests,
    running,
    server_flags,
)
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    request = parse_args(argv)
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.experiments.commands import segment_scan
    from ban_tf.programs import scan_folders

    segment_scan.segment(request, scan_folders.kinds())


def parse_args(argv: Sequence[str] | None) -> requests.Scans:
    flags = command_line.parser(names.spelled(__doc__))
    _add_files(flags)
    _add_meaning(flags)
    _add_results(flags)
    flags.add_argument(
        "--max-memory",
        type=flag_values.memory,
        metavar="SIZE",
        help="what may be used, such as 8GiB; a scan that takes more is segmented in tiles "
        "(default: 60 %% of the free memory)",
    )
    server_flags.add(flags)
    page_flags.add(
        flags, "also write a page for a browser here; with several scans a folder of them"
    )
    args = flags.parse_args(argv)
    for name in ("scans", "columns", "truth"):
        value = getattr(args, name)
        setattr(args, name, None if value is None else tuple(value))
    if args.truth is not None and (len(args.truth) > 2 or not args.evaluate):
        flags.error("--truth names one or two fields, and goes with --evaluate")
    server_flags.take(args, flags)
    page_flags.check(flags, args)
    return command_line.request(requests.Scans, args)


def _add_files(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("scans", nargs="+", metavar="SCAN", help="files, folders or patterns")
    flags.add_argument(
        "--model",
        type=command_line.path,
        help="a run folder, a .keras file of one, or with --server an exported version (default: "
        "the newest below runs/)",
    )
    flags.add_argument(
        "-o",
        "--out",
        type=command_line.path,
        help="the file to write, whose extension tells the format; with several scans a folder "
        "(default: <scan>_labelled beside each)",
    )
    flags.add_argument(
        "--format", metavar=".EXT", help="write this format instead of the scan's own"
    )
    flags.add_argument(
        "--overwrite", action="store_true", help="replace files and fields that are there"
    )


def _add_meaning(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--unit",
        choices=get_args(Unit),
        help="of the coordinates (default: found from extent and density)",
    )
    flags.add_argument(
        "--up",
        choices=get_args(Up),
        help="axis of the file that is up; write --up=-y (default: found from flat surfaces)",
    )
    flags.add_argument(
        "--colors",
        choices=get_args(ColorRange),
        help="their range, or leave them out (default: found from type and largest value)",
    )
    flags.add_argument(
        "--storeys",
        type=flag_values.heights,
        metavar="HEIGHTS",
        help="metres above the lowest point at which storeys are cut apart, such as 3.2,6.4, or "
        "none (default: found from floors and ceilings)",
    )
    flags.add_argument(
        "--columns",
        nargs="+",
        metavar="NAME",
        help="of a file of text, in order, such as x y z red green blue",
    )


def _add_results(flags: argparse.ArgumentParser) -> None:
    flags.add_argument(
        "--csv", type=command_line.path, help="also write the table of instances here"
    )
    flags.add_argument(
        "--json", type=command_line.path, help="also write instances, assumptions and scores here"
    )
    flags.add_argument(
        "--evaluate", action="store_true", help="score the labels that the scan has already"
    )
    flags.add_argument(
        "--truth",
        nargs="+",
        metavar="FIELD",
        help="with --evaluate: fields of the scan with class and instance (default: found by name)",
    )
    flags.add_argument(
        "--dry-run", action="store_true", help="read, tell what would be done, write nothing"
    )


def command() -> None:
    """The installed command."""
    running.run(main)
