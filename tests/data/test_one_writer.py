"""A folder has one writer at a time, and what dead writers left is cleared."""

import contextlib
import dataclasses
import fcntl
import logging
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

import tiny_runs
from ban_tf import disk
from ban_tf.data import preparation, s3dis, store

HOLD = """
import pathlib, sys
from ban_tf import disk
with disk.one_writer(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_writer(folder: pathlib.Path):
    """A process that writes to `folder` until it is killed or the block ends."""
    command = [sys.executable, "-c", HOLD, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_second_process_is_refused_in_one_sentence_that_names_the_first(tmp_path):
    with another_writer(tmp_path / "run") as other:
        with pytest.raises(disk.FolderInUseError) as refused, disk.one_writer(tmp_path / "run"):
            pass
    message = str(refused.value)
    assert message.startswith(f"{tmp_path / 'run'} is being written by process {other.pid}: ")
    assert message.count(". ") == 0


def test_a_killed_writer_gives_the_folder_back(tmp_path):
    with another_writer(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (tmp_path / disk.LOCK).is_file()
        with disk.one_writer(tmp_path):
            pass
    assert not list(tmp_path.iterdir())


def test_a_second_thread_is_refused(tmp_path):
    refused = []

    def enter():
        try:
            with disk.one_writer(tmp_path):
                pass
        except disk.FolderInUseError as error:
            refused.append(str(error))

    with disk.one_writer(tmp_path):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert f"process {os.getpid()}" in refused[0]


def test_the_same_thread_may_ask_again_and_keeps_the_folder(tmp_path):
    with disk.one_writer(tmp_path):
        with disk.one_writer(tmp_path / "." / "x" / ".."):
            pass
        assert (tmp_path / disk.LOCK).is_file()
    assert not (tmp_path / disk.LOCK).exists()


def test_readers_are_not_asked(tmp_path):
    experiment = tiny_runs.experiment()
    tiny_runs.prepare(tiny_runs.rooms(), tmp_path, experiment)
    with another_writer(tmp_path):
        assert store.Store.open(tmp_path, experiment).read([0]).features.shape[0] == 1


def test_a_store_that_another_process_prepares_is_refused(tmp_path):
    with another_writer(tmp_path) as other:
        with pytest.raises(disk.FolderInUseError, match=f"written by process {other.pid}"):
            tiny_runs.prepare(tiny_runs.rooms(), tmp_path, tiny_runs.experiment())
    assert not list(tmp_path.glob("*.h5"))


def test_a_folder_that_nothing_came_into_is_removed(tmp_path):
    with pytest.raises(ValueError, match="no"), disk.one_writer(tmp_path / "run"):
        raise ValueError("no")
    assert not list(tmp_path.iterdir())


def test_a_lock_file_that_was_just_removed_is_made_again(tmp_path, monkeypatch):
    """The writer before removes its file between our opening and our locking it."""
    lock, removed = fcntl.flock, []

    def remove_first(file, operation):
        if not removed:
            removed.append((tmp_path / disk.LOCK).unlink())
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with disk.one_writer(tmp_path):
        assert (tmp_path / disk.LOCK).is_file()
    assert removed


def test_a_file_system_without_locks_is_told_of(tmp_path, monkeypatch, caplog):
    def refuse(file, operation):
        raise OSError(disk._NO_LOCKS[0], "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with caplog.at_level(logging.WARNING), disk.one_writer(tmp_path):
        disk.write_whole(tmp_path / "notes.txt", "new")
    assert "file system without locks" in caplog.text


# --- what dead processes left ---


def test_temporary_files_of_dead_processes_alone_are_removed(tmp_path):
    dead, alive = dead_process(), os.getppid()
    mine = [f".{dead}.part.epoch_0001.keras", f".{dead}.part.building/inside"]
    others = [
        f".{alive}.part.epoch_0001.keras",
        f".{os.getpid()}.part.notes.txt",
        f"{dead}.part.notes.txt",
        ".part.notes.txt",
        f".{dead}.parted",
        ".99999999999999999999.part.notes.txt",
        "notes.part",
    ]
    for name in (*mine, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with disk.one_writer(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_what_a_dead_process_of_this_number_left_is_written_over(tmp_path):
    left = tmp_path / f".{os.getpid()}.part.building"
    left.mkdir()
    (left / "old").touch()
    with disk.whole(tmp_path / "building") as temporary:
        temporary.mkdir()
    assert not list((tmp_path / "building").iterdir())


# --- what may not be written ---


@contextlib.contextmanager
def as_nobody():
    """Without the rights of root, whom no mode of a folder keeps out."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def readable():
    """A folder that everybody may read and nobody but its owner write, its own parents included."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o555)
        yield pathlib.Path(folder)
        pathlib.Path(folder).chmod(0o755)


def test_a_folder_of_another_is_known_not_to_be_writable(readable):
    for place in (readable, readable / "evaluation" / "covering"):
        with as_nobody():
            assert not disk.is_writable(place)
        readable.chmod(0o755)
        assert disk.is_writable(place)
        readable.chmod(0o555)


def test_a_store_that_may_not_be_written_is_read_and_used_again(readable):
    experiment = tiny_runs.experiment()
    readable.chmod(0o755)
    data = tiny_runs.write_raw(readable / "raw", tiny_runs.rooms())
    made = s3dis.dataset(areas=(1, 2), name="tiny")
    preparation.prepare(made, data, readable / "blocks", experiment, progress=False)
    for folder in (readable / "blocks" / "clouds", readable / "blocks", readable):
        folder.chmod(0o555)
    before = sorted(readable.rglob("*"))
    other_seed = dataclasses.replace(experiment, seed=3)
    with as_nobody():
        for asked in (experiment, other_seed):
            found = preparation.prepare_or_open(made, data, readable / "blocks", asked)
            assert len(found.clouds) == 4
    assert sorted(readable.rglob("*")) == before
    for folder in (readable, readable / "blocks", readable / "blocks" / "clouds"):
        folder.chmod(0o755)


def test_a_place_below_a_file_is_not_writable(tmp_path):
    (tmp_path / "file").touch()
    assert not disk.is_writable(tmp_path / "file" / "results")
