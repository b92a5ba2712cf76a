"""Columns of pictures: one colour for a matched pair, and mistakes where they are."""

import dataclasses

import numpy as np
import pytest

import tiny_runs
from ban_tf.config import NONE, Labels
from ban_tf.data import s3dis
from ban_tf.view import matching, palette, panels

LABELS = Labels(class_names=("floor", "chair"))


def test_matched_instances_have_one_colour_and_others_have_their_own():
    truth = np.repeat([3, 8, 5], [6, 4, 2])
    predicted = np.array([1, 1, 1, 1, 1, 9, 9, 4, 4, 4, NONE, 7])
    own, found = matching.numbers(truth, predicted)
    assert own.tolist() == [0] * 6 + [1] * 4 + [2] * 2  # the largest first
    assert found[:5].tolist() == [0] * 5
    assert found[7:10].tolist() == [1] * 3
    assert found[11] == 2  # exactly one half of two points
    assert found[10] == NONE
    assert set(found[5:7]) == {3}


def test_each_true_instance_is_matched_once():
    own, found = matching.numbers(np.zeros(4, int), np.array([0, 0, 1, 1]))
    assert own.tolist() == [0] * 4
    assert found.tolist() == [0, 0, 1, 1]


def test_points_without_a_true_instance_do_not_count_against_a_match():
    truth = np.array([0, 0, NONE, NONE, NONE, NONE])
    _, found = matching.numbers(truth, np.array([4, 4, 4, 4, 4, 6]))
    assert found.tolist() == [0, 0, 0, 0, 0, 1]


def test_numbers_do_not_depend_on_labels():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(NONE, 6, (2, 500))
    own, found = matching.numbers(truth, predicted)
    renamed = np.where(predicted == NONE, NONE, predicted + 70)
    again = matching.numbers(truth, renamed)
    np.testing.assert_array_equal(own, again[0])
    np.testing.assert_array_equal(found, again[1])


@pytest.mark.parametrize("length", [0, 3])
def test_no_instance_at_all_is_none(length):
    nothing = np.full(length, NONE)
    for found in matching.numbers(nothing, nothing):
        assert found.tolist() == [NONE] * length


def test_mistakes_are_told_apart():
    #                 right  class  object  both  no class  no instance
    truth = np.array([[0, 0, 0, 0, 0, 0, 1, 1, NONE, 1], [0, 0, 0, 0, 0, 0, 1, 1, 2, NONE]])
    found = np.array([[0, 0, 0, 1, 0, 1, 1, 1, 0, 1], [5, 5, 5, 5, 6, 6, 7, 7, 7, 8]])
    kinds = matching.mistakes(*truth, *found)
    assert kinds.tolist() == [0, 0, 0, 1, 2, 3, 0, 0, NONE, 0]


def columns(cloud, labels=s3dis.LABELS, **options):
    rng = np.random.default_rng(0)
    semantic = rng.integers(NONE, labels.num_classes, len(cloud))
    perfect = panels.Predicted(cloud.semantic, cloud.instance + 30)
    guessed = panels.Predicted(semantic, rng.integers(NONE, 9, len(cloud)))
    return panels.compare(cloud, labels, {"A": perfect, "B": guessed}, **options)


def test_a_perfect_prediction_looks_like_the_truth():
    found = columns(tiny_runs.room("office"))
    for what in ("instances", "classes"):
        np.testing.assert_array_equal(found[f"{what}: truth"], found[f"{what}: A"])
        assert (found[f"{what}: truth"] != found[f"{what}: B"]).any()
    assert (found["mistakes: A"] == found["mistakes: A"][0]).all()
    assert (found["mistakes: B"] != found["mistakes: A"][0]).any()


def test_columns_stand_in_the_order_asked_for():
    found = columns(tiny_runs.room("office"), which=("mistakes", "scene"))
    assert list(found) == ["mistakes: A", "mistakes: B", "scene"]


def test_a_cloud_without_colours_is_grey():
    cloud = dataclasses.replace(tiny_runs.room("office"), rgb=None)
    scene = columns(cloud)["scene"]
    assert (scene == scene[0, 0]).all()


def test_the_data_set_s_own_colours_are_taken_on_request():
    cloud = tiny_runs.room("office")
    own = columns(cloud, own_colors=True)["classes: truth"]
    expected = np.array(s3dis.LABELS.class_colors)[cloud.semantic] / 255
    np.testing.assert_array_equal(own, expected)
    legend = panels.legends([cloud.semantic], s3dis.LABELS, ("classes",), own_colors=True)
    assert [words for words, _ in legend[0]] == ["floor", "wall", "chair"]
    np.testing.assert_array_equal(legend[0][0][1] * 255, s3dis.LABELS.class_colors[1])


def test_the_legend_names_what_is_there():
    legends = panels.legends([np.array([1, NONE])], LABELS, ("classes", "mistakes"))
    assert [words for words, _ in legends[0]] == ["chair"]
    assert [words for words, _ in legends[1]] == list(palette.MISTAKES)
    assert panels.legends([np.array([1])], LABELS, ("scene", "instances")) == []
