import argparse
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from ban_tf.experiments import command_line, running


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("there is no data"),
        ValueError("there is no data"),
        TypeError("there is no data"),
        ImportError("there is no data"),
        RuntimeError("there is no data"),
        FloatingPointError("there is no data"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_expected_failure_is_a_message_without_traceback(error, capsys):
    with pytest.raises(SystemExit) as stop:
        running.run(raising(error))
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line for line in printed.err.splitlines() if line.startswith("error:")] == [
        f"error: {error}"
    ]
    assert "Traceback" not in printed.err
    assert "test_command_line.py" in printed.err  # where to look


class OpError(Exception):
    """TensorFlow's are known by this name, so that nothing need be imported."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "out of memory. Close other programs, or ask for less at a time"),
        (MemoryError("Unable to allocate 64 GiB"), "out of memory (Unable to allocate 64 GiB)."),
        (OpError("OOM when allocating tensor with shape[8]\n\t [[node]]"), "out of memory (OOM"),
        (RuntimeError("Training stopped: OOM when allocating tensor"), "out of memory (Training"),
        (OSError(28, "No space left on device"), "no space left on device. Make space there"),
        (OSError(28, "No space left on device", "a.h5"), "a.h5: no space left on device. Make"),
        (OSError(30, "Read-only file system", "a"), "a: read-only file system. Name a folder"),
        (PermissionError(13, "Permission denied", "a.txt"), "a.txt: permission denied. Restore"),
        (OSError(28, "b.h5 cannot be written (full). Mend it."), "b.h5 cannot be written (full)."),
        (ValueError("`blocks` and `data` of x. Name it (`data` or `run`)."), "--blocks and `data`"),
        (ValueError("Name the data (`data` or `blocks`)."), "Name the data (--data or --blocks)."),
        (ValueError("Name the run or the data (`run` or `data`)."), "(--run or --data)."),
        (
            OpError("{{function_node __wrapped__Ban}} K must be at least 1."),
            "K must be at least 1.",
        ),
        (ValueError(), "ValueError, without a message"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_what_went_wrong_is_told_with_its_file_and_the_way_out(error, told, capsys):
    with pytest.raises(SystemExit):
        running.run(raising(error))
    line = next(line for line in capsys.readouterr().err.splitlines() if "error:" in line)
    assert told in line
    assert "[Errno" not in line


def test_what_a_layer_refuses_is_told_without_the_marks_of_keras(capsys):
    sentence = "`k` must be at most 4. Received: k=5"

    class Inner(keras.layers.Layer):
        def call(self, points, training=None):
            raise ValueError(sentence)

    class Outer(keras.layers.Layer):
        def call(self, points):
            return Inner()(points)

    with pytest.raises(SystemExit):
        running.run(lambda argv: Outer()(np.zeros((1, 2), np.float32)))
    printed = capsys.readouterr().err
    assert f"\nerror: {sentence}\n(raised in test_command_line.py:" in printed
    assert "Arguments" not in printed


def test_the_place_told_is_ours_and_not_a_librarys(tmp_path, capsys):
    with pytest.raises(SystemExit):
        running.run(lambda argv: (tmp_path / "nowhere.txt").read_text())
    printed = capsys.readouterr().err
    assert "nowhere.txt: no such file or directory. Check its name." in printed
    assert "(raised in test_command_line.py:" in printed


def test_output_that_cannot_show_a_character_ends_no_finished_run(tmp_path):
    code = (
        "from ban_tf.experiments import running\n"
        "running.run(lambda argv: print('mIoU 1.0 \\u2192 2.0 \\udce4'))"
    )
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"mIoU 1.0 ")


def test_a_bug_keeps_its_traceback():
    with pytest.raises(KeyError):
        running.run(raising(KeyError("of nobody's making")))


def test_the_whole_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("BAN_TF_TRACEBACK", "1")
    with pytest.raises(ValueError, match="there is no data"):
        running.run(raising(ValueError("there is no data")))


def test_ctrl_c_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit) as stop:
        running.run(raising(KeyboardInterrupt()))
    assert stop.value.code == 130
    assert capsys.readouterr().err == "\nStopped. Give the same command again to go on.\n"


def test_success_prints_and_exits_nothing(capsys):
    assert running.run(lambda argv: None) is None
    assert capsys.readouterr() == ("", "")


def test_flags_are_paths_and_default_to_nothing():
    flags = command_line.parser("What it does.\n\n    a command   # spaces kept")
    command_line.add_data_flags(flags)
    command_line.add_run_flag(flags, "the newest")
    assert flags.parse_args([]) == argparse.Namespace(data=None, blocks=None, run=None)
    given = flags.parse_args(["--data", "a", "--blocks", "b", "--run", "c"])
    assert given.data == pathlib.Path("a")
    assert (given.blocks, given.run) == (pathlib.Path("b"), pathlib.Path("c"))
    text = flags.format_help()
    assert "a command   # spaces kept" in text
    assert "(default: the newest)" in text
