"""Prediction files whose columns cannot be what they should be are refused by line."""

import pytest

from ban_tf.data import prediction_files

GOOD = "1 2 3 10 20 30 0.5 1 2"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("1 2 3 10 20 30 1.5 1 2", "probability"),
        ("1 2 3 10 20 30 -0.1 1 2", "probability"),
        ("1 2 3 256 20 30 0.5 1 2", "colours"),
        ("1 2 3 10 20 -1 0.5 1 2", "colours"),
    ],
)
def test_what_is_out_of_range_is_refused(tmp_path, row, name):
    (tmp_path / "r_pred.txt").write_text(f"{GOOD}\n{row}\n")
    (tmp_path / "r_gt.txt").write_text("1 2\n1 2\n")
    with pytest.raises(ValueError, match=rf"r_pred.txt, line 2: {name} must be in 0 to .*Received"):
        prediction_files.read_room(tmp_path, "r", 3)
