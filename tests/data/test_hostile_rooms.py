"""What raw rooms hold beside good rows is told or refused, never read without a word."""

import raw_trees
from ban_tf.data import s3dis
from ban_tf.data.s3dis import reader


def _room(tmp_path):
    return raw_trees.write_room(tmp_path / "Area_1" / "office_1", {"floor_1": 20, "wall_1": 20})


def _problems(tmp_path):
    (scan,) = reader.scans(tmp_path)
    return [str(problem) for problem in scan.read()[1]]


def test_shares_among_colours_of_0_to_255_are_told(tmp_path):
    with (_room(tmp_path) / "wall_1.txt").open("a") as file:
        file.write("1 1 1 0.5 0.25 1\n2 1 1 0.5 0.25 0\n3 1 1 0 0 0\n")
    (problem,) = _problems(tmp_path)
    assert "wall_1.txt" in problem
    assert "2 of 23 rows have colours of 0 to 1" in problem


def test_an_annotation_that_lost_its_suffix_is_told(tmp_path):
    annotations = _room(tmp_path)
    (annotations / "wall_1.txt").rename(annotations / "wall_1")
    (problem,) = _problems(tmp_path)
    assert "wall_1: is no .txt file; left out" in problem
    assert s3dis.describe(tmp_path, None).split().test == ("Area_1",)
