"""Scores of the instances of prediction files."""

import dataclasses

import numpy as np
import pytest

from ban_tf.data import prediction_files, prediction_scores


def room(probability, semantic, instance, name="office"):
    count = len(instance)
    return prediction_files.RoomPrediction(
        name,
        xyz=np.zeros((count, 3)),
        rgb=np.zeros((count, 3)),
        probability=np.array(probability, np.float32),
        semantic=np.array(semantic, np.int32),
        instance=np.array(instance, np.int32),
        truth_semantic=np.zeros(count, np.int32),
        truth_instance=np.zeros(count, np.int32),
    )


ROOM = room([0.5, 0.75, 0.25, 1, 0.125], [2, 2, 1, 1, 0], [9, 9, 9, 4, -1])


def test_the_score_is_the_mean_probability_of_the_points_of_the_class():
    instance, scores = prediction_scores.numbered(ROOM)
    np.testing.assert_array_equal(instance, [1, 1, 1, 0, -1])
    np.testing.assert_array_equal(scores, [1.0, 0.625])


@pytest.mark.parametrize("constant", [0, 1])
def test_probabilities_that_say_nothing_give_no_scores(constant):
    instance, scores = prediction_scores.numbered(room([constant] * 2, [0, 0], [3, -1]))
    np.testing.assert_array_equal(instance, [0, -1])
    assert scores is None


def test_no_instance_needs_no_score():
    instance, scores = prediction_scores.numbered(room([0.5], [0], [-1]))
    assert (instance.tolist(), scores.tolist()) == ([-1], [])


def test_scores_come_back_from_their_file_to_the_last_bit(tmp_path):
    written = np.random.default_rng(0).random(10)
    path = prediction_scores.write(tmp_path, "office", written)
    assert path.name == "office_score.txt"
    _, scores = prediction_scores.numbered(ROOM, tmp_path)
    np.testing.assert_array_equal(scores, written[[4, 9]])
    prediction_files.write_room(tmp_path, ROOM)  # which the third file does not disturb
    assert prediction_files.list_rooms(tmp_path) == ["office"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5\nhigh\n", r"office_score.txt, line 2: a score is one number. 'high'"),
        ("0.5\n" * 9, "Received: 9 scores, instance 9"),
        ("0.5\n" * 9 + "nan\n", "none NaN"),
        ("", "Received: 0 scores"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "office_score.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        prediction_scores.numbered(ROOM, tmp_path)
    assert (
        prediction_scores.numbered(dataclasses.replace(ROOM, name="hall"), tmp_path)[1] is not None
    )
