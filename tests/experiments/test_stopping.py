"""SIGTERM ends a script like Ctrl-C: one line, no traceback, what is finished is kept."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from ban_tf.experiments import running, stopping

SCRIPT = """
import pathlib, sys, time
from ban_tf import disk
from ban_tf.experiments import running

def main(argv):
    folder = pathlib.Path(sys.argv[1])
    with disk.one_writer(folder):
        disk.write_whole(folder / "finished", "1")
        with disk.whole(folder / "unfinished") as temporary:
            temporary.write_text("0.5")
            print("begun", flush=True)
            time.sleep(60)

running.run(main)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_script_that_is_told_to_end_says_so_in_a_line(tmp_path, number, code):
    command = [sys.executable, "-c", SCRIPT, tmp_path]
    # What a shell starts in the background ignores SIGINT, and so do its children.
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, kept)
    with process:
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.decode() == "\nStopped. Give the same command again to go on.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["finished"]


def test_sigterm_within_a_command_exits_with_143(capsys):
    with pytest.raises(SystemExit) as stop:
        running.run(lambda argv: os.kill(os.getpid(), signal.SIGTERM))
    assert stop.value.code == 143
    assert "Traceback" not in capsys.readouterr().err


def test_a_second_sigterm_does_not_disturb_the_end():
    before = signal.getsignal(signal.SIGTERM)
    ended = []

    def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            ended.append("whole")

    with pytest.raises(stopping.Terminated), stopping.orderly():
        work()
    assert ended == ["whole"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_may_run_a_command_too():
    done = []
    thread = threading.Thread(target=lambda: running.run(done.append))
    thread.start()
    thread.join()
    assert done == [None]


def test_an_error_of_workers_that_were_told_to_end_as_well_is_a_stop(capsys):
    def main(argv):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except stopping.Terminated:
            raise RuntimeError("a worker process was unexpectedly terminated") from None

    with pytest.raises(SystemExit) as stop:
        running.run(main)
    assert stop.value.code == 143
    assert capsys.readouterr().err == "\nStopped. Give the same command again to go on.\n"


def test_the_next_command_of_the_process_has_its_errors_again(capsys):
    def fail(argv):
        raise ValueError("a flag is wrong")

    with pytest.raises(SystemExit) as stop:
        running.run(fail)
    assert stop.value.code == 1
    assert "error: a flag is wrong" in capsys.readouterr().err
