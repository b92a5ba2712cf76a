"""A command whose output nobody reads ends quietly, and keeps what is finished."""

import io
import os
import subprocess
import sys

import pytest

from ban_tf.experiments import running, unread

BEGIN = """
import logging, pathlib, select, sys
from ban_tf import disk
from ban_tf.experiments import running

def wait_until_unread():
    waiting = select.poll()
    waiting.register(1, 0)  # of a pipe without a reader, POLLERR comes unasked
    assert waiting.poll(60_000)

def write_for_ever(stream):
    while True:
        print("x" * 100, file=stream)

"""


def ended(body, stderr=False, options=()):
    """Exit code and stderr of a script, the readers of whose streams go after its first line."""
    script = (
        f"{BEGIN}\ndef main(argv):\n    print('begun', flush=True)\n    {body}\nrunning.run(main)"
    )
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, *options, "-c", script],
        stdout=writing,
        stderr=writing if stderr else subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    os.close(writing)
    with process:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            assert pipe.readline() == b"begun\n"
        told = b"" if stderr else process.stderr.read()
        return process.wait(timeout=60), told.decode()


@pytest.mark.parametrize("options", [(), ("-u",)])
@pytest.mark.parametrize(
    "body",
    [
        "write_for_ever(sys.stdout)",
        "wait_until_unread(); print('at the end alone')",
        "wait_until_unread(); print('help'); sys.exit(0)",
    ],
)
def test_a_pipe_that_is_closed_ends_a_command_quietly(body, options):
    assert ended(body, options=options) == (141, "")


def test_what_is_finished_is_kept_and_what_is_not_goes(tmp_path):
    body = f"""folder = pathlib.Path({str(tmp_path)!r})
    with disk.one_writer(folder):
        disk.write_whole(folder / "finished", "1")
        with disk.whole(folder / "unfinished") as temporary:
            temporary.write_text("0.5")
            write_for_ever(sys.stdout)
"""
    assert ended(body) == (141, "")  # not a disk that failed
    assert [path.name for path in tmp_path.iterdir()] == ["finished"]


@pytest.mark.parametrize("options", [(), ("-u",)])
def test_what_nobody_reads_of_stderr_ends_nothing(tmp_path, options):
    body = f"""wait_until_unread()
    for _ in range(100):
        print("x" * 1000, file=sys.stderr)
        logging.warning("x")
    pathlib.Path({str(tmp_path / "finished")!r}).touch()
"""
    assert ended(body, stderr=True, options=options)[0] == 0
    assert (tmp_path / "finished").exists()


def test_what_fails_keeps_its_code_and_its_sentence():
    body = "wait_until_unread(); print('unread'); raise ValueError('it is wrong')"
    code, told = ended(body)
    assert code == 1
    assert told.startswith("\nerror: it is wrong\n")
    assert "roken" not in told
    assert ended(body, stderr=True)[0] == 1


def test_another_pipe_that_breaks_is_an_error_as_before(capsys):
    def main(argv):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            pipe.write("to a process that has ended")

    with pytest.raises(SystemExit) as stop:
        running.run(main)
    assert stop.value.code == 1
    assert "error: broken pipe" in capsys.readouterr().err


def test_the_streams_are_given_back_open(monkeypatch):
    kept = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", kept)
    with unread.noticed():
        print("one")
    assert sys.stdout is kept
    print("two")
    kept.flush()
    assert kept.buffer.getvalue() == b"one\ntwo\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no disk that is always full")
@pytest.mark.parametrize("end", ["pass", "sys.exit(0)"])
def test_a_full_disk_behind_stdout_is_told_in_a_sentence(end):
    script = f"{BEGIN}\ndef main(argv):\n    print('x')\n    {end}\nrunning.run(main)"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr.startswith("\nerror: no space left on device.")
    assert done.stderr.count("\n") == 3
