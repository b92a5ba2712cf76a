import argparse
import pathlib

import pytest

from ban_tf.experiments import command_line


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("there is no data"),
        OSError(28, "No space left on device"),
        ValueError("there is no data"),
        TypeError("there is no data"),
        ImportError("there is no data"),
        RuntimeError("there is no data"),
        FloatingPointError("there is no data"),
        MemoryError("Unable to allocate 64 GiB for an array"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_expected_failure_is_a_message_without_traceback(error, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.run(raising(error))
    assert stop.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line for line in printed.err.splitlines() if line.startswith("error:")] == [
        f"error: {error}"
    ]
    assert "Traceback" not in printed.err
    assert "test_command_line.py" in printed.err  # where to look


def test_a_bug_keeps_its_traceback():
    with pytest.raises(KeyError):
        command_line.run(raising(KeyError("of nobody's making")))


def test_the_whole_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv("BAN_TF_TRACEBACK", "1")
    with pytest.raises(ValueError, match="there is no data"):
        command_line.run(raising(ValueError("there is no data")))


def test_ctrl_c_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.run(raising(KeyboardInterrupt()))
    assert stop.value.code == 130
    assert capsys.readouterr().err == "\nStopped. Give the same command again to go on.\n"


def test_success_prints_and_exits_nothing(capsys):
    assert command_line.run(lambda argv: None) is None
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
