"""log.csv is read line by line; what is cut or garbled is told by file and line."""

import pytest

from ban_tf.training import log_file

COLUMNS = ("epoch", "step", "loss")
WHOLE = "epoch,step,loss\n1,2,0.5\n2,4,1e-05\n3,6,nan\n"


def write(folder, text):
    path = folder / "log.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_whole_rows_come_back(tmp_path):
    rows = ["1,2,0.5", "2,4,1e-05", "3,6,nan"]
    assert log_file.read(write(tmp_path, WHOLE), COLUMNS, epochs_done=3) == rows


def test_no_file_has_no_rows(tmp_path):
    assert log_file.read(tmp_path / "log.csv", COLUMNS, epochs_done=3) == []


def test_a_log_may_begin_late_after_an_earlier_one_was_moved_away(tmp_path):
    path = write(tmp_path, "epoch,step,loss\n7,14,0.5\n8,16,0.5\n")
    assert len(log_file.read(path, COLUMNS, epochs_done=8)) == 2


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_cut_anywhere_is_told_of(tmp_path, length):
    path = write(tmp_path, WHOLE[:length])
    line = max(1, WHOLE[:length].count("\n") + 1)
    with pytest.raises(ValueError, match=rf"log\.csv:{line} is (cut or garbled|missing)") as told:
        log_file.read(path, COLUMNS, epochs_done=3)
    assert "move it away" in str(told.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n1,2,0.5\n", 1),
        ("epoch,step\n1,2\n", 1),
        ("epoch,step,loss\nx,2,0.5\n", 2),
        ("epoch,step,loss\n1,2,0.5\n1,2,0.5\n", 3),
        ("epoch,step,loss\n1,2,0.5\n3,2,0.5\n", 3),
        ("epoch,step,loss\n2,2,0.5\n1,2,0.5\n", 3),
        ("epoch,step,loss\n1,2,0.5\n2,4\n3,6,0.5\n", 3),
        ("epoch,step,loss\n1,2,0.5\n2,4,\n", 3),
        ("epoch,step,loss\n1,2,0.5,7\n", 2),
        ("epoch,step,loss\n1,2,0.5\n\n", 3),
        (b"epoch,step,loss\n1,2,0.5\n\xff\xfe\x00\n", 3),
        ("epoch,step,loss\n1,2,0.5\n2,4,0.\0005\n", 3),
    ],
)
def test_what_is_garbled_is_named_by_its_line(tmp_path, text, line):
    with pytest.raises(ValueError, match=rf"log\.csv:{line} is cut or garbled"):
        log_file.read(write(tmp_path, text), COLUMNS)
