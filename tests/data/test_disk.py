"""Files and folders are written whole or not at all."""

import errno
import os

import pytest

from ban_tf import disk


def fill(temporary, content="new"):
    temporary.mkdir()
    (temporary / "inside.txt").write_text(content)


def test_a_file_appears_when_all_of_it_is_written(tmp_path):
    path = tmp_path / "made" / "notes.txt"
    with disk.whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["notes.txt"]


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_when_all_of_it_is_written(tmp_path, exists):
    path = tmp_path / "building"
    if exists:
        path.mkdir()
    with disk.whole(path) as temporary:
        fill(temporary)
    assert (path / "inside.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["building"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("no"), OSError(28, "full")])
@pytest.mark.parametrize("write", [lambda path: path.write_text("new"), fill])
def test_a_failure_leaves_nothing_new(tmp_path, write, error):
    (tmp_path / "old.txt").write_text("old")

    def fail(path):
        with disk.whole(path) as temporary:
            write(temporary)
            raise error

    for name in ("old.txt", "new.txt"):
        with pytest.raises(error if isinstance(error, type) else type(error)):
            fail(tmp_path / name)
    assert os.listdir(tmp_path) == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


def test_a_folder_that_holds_something_is_not_replaced(tmp_path):
    path = tmp_path / "building"
    fill(path, "old")
    with pytest.raises(OSError, match="building cannot be written"), disk.whole(path) as temporary:
        fill(temporary)
    assert (path / "inside.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["building"]


def test_an_os_error_names_the_path_its_number_and_the_way_out(tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "notes.txt"
    with pytest.raises(OSError, match=r"notes\.txt cannot be written \(.*\)\. Move it") as raised:
        with disk.whole(path, way_out="Move it."):
            pass
    assert raised.value.errno in (errno.ENOTDIR, errno.EEXIST)


def test_text_is_written_as_utf_8_and_bytes_as_they_are(tmp_path):
    disk.write_whole(tmp_path / "a", "Wände\n")
    disk.write_whole(tmp_path / "b", b"\xff\x00")
    assert (tmp_path / "a").read_bytes() == "Wände\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\xff\x00"
