"""What the scripts in `train/` and `eval/` share: flags with one meaning, errors in one line."""

import argparse
import os
import pathlib
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import get_args

from ban_tf import config

RUNS = pathlib.Path("runs")
_EXPECTED = (
    OSError,
    ValueError,
    TypeError,
    ImportError,
    RuntimeError,
    FloatingPointError,
    MemoryError,
)


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """A parser that shows a script's docstring as it stands."""
    return argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_data_flags(flags: argparse.ArgumentParser) -> None:
    """`--data` and `--blocks`: where the input lies."""
    flags.add_argument("--data", type=pathlib.Path, help="raw input folder")
    flags.add_argument(
        "--blocks",
        type=pathlib.Path,
        help="prepared store (default: <run>/blocks), made if missing",
    )


def add_run_flag(flags: argparse.ArgumentParser, default: str) -> None:
    """`--run`: the run folder."""
    flags.add_argument("--run", type=pathlib.Path, help=f"run folder (default: {default})")


def add_clusterer_flag(flags: argparse.ArgumentParser, default: str) -> None:
    """`--clusterer`: who groups the points of a block."""
    flags.add_argument(
        "--clusterer",
        choices=get_args(config.Clusterer),
        help="who groups the points of a block: the compiled op, or scikit-learn, which gives the "
        f"same labels far more slowly (default: {default})",
    )


def run(main: Callable[[Sequence[str] | None], None]) -> None:
    """Calls `main`; an expected failure becomes one line on stderr and exit code 1.

    `BAN_TF_TRACEBACK=1` shows the whole traceback instead.
    """
    try:
        main(None)
    except _EXPECTED as error:
        if os.environ.get("BAN_TF_TRACEBACK") == "1":
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{pathlib.Path(frame.filename).name}:{frame.lineno}"
        print(
            f"\nerror: {error}\n(raised in {where}; BAN_TF_TRACEBACK=1 shows the way there)",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nStopped. Give the same command again to go on.", file=sys.stderr)
        sys.exit(130)
