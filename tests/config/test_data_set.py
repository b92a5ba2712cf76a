"""Labels, splits and features: what they answer, beside what they refuse."""

import numpy as np
import pytest

from ban_tf import config
from ban_tf.config import NONE
from ban_tf.config.features import KNOWN

LABELS = config.Labels(class_names=("wall", "chair", "floor"), stuff=("floor", "wall"))


def test_stuff_classes_are_indices_in_the_order_of_the_classes():
    assert LABELS.num_classes == 3
    assert LABELS.stuff_classes == (0, 2)
    assert config.Labels(class_names=("wall",)).stuff_classes == ()


def test_stuff_and_points_without_a_class_lose_their_instances():
    semantic = np.array([0, 1, 2, NONE, 1], np.int32)
    instance = np.array([4, 5, 6, 7, NONE], np.int32)
    got = LABELS.without_stuff(semantic, instance)
    np.testing.assert_array_equal(got, [NONE, 5, NONE, NONE, NONE])
    assert got.dtype == np.int32
    np.testing.assert_array_equal(instance, [4, 5, 6, 7, NONE])


def test_instances_stay_the_same_array_where_nothing_is_stuff():
    instance = np.array([4, 5], np.int32)
    assert LABELS.without_stuff(np.array([1, 1]), instance) is instance


def test_names_become_indices_and_unknown_ones_none():
    assert LABELS.of_names(("floor", "sofa", "wall")) == (2, NONE, 0)
    assert LABELS.of_names(()) == ()


def test_leaving_one_out_trains_on_all_others():
    split = config.leave_one_out(("a", "b", "c"), "b", name="fold_b")
    assert split == config.Split(name="fold_b", train=("a", "c"), test=("b",))
    alone = config.leave_one_out(("a",), "a", name="only")
    assert (alone.train, alone.test) == ((), ("a",))
    with pytest.raises(ValueError, match=r"must be one of \('a', 'b'\). Received: test='c'"):
        config.leave_one_out(("a", "b"), "c", name="c")


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (("Area_5",), "Area 5"),
        (("Area_1", "Area_2"), "Area 1, Area 2"),
        (tuple("abcdef"), "a, b, c, d, e, f"),
        (tuple("abcdefg"), "7 clouds"),
    ],
)
def test_titles_list_a_few_names_and_count_many(names, title):
    assert config.title_of(names) == title
    assert config.Split(name="val", train=(), test=names).title == title


def test_places_of_features_follow_their_order_without_a_gap():
    features = config.Features(names=("xyz", "room_xyz", "rgb"))
    assert list(features.places()) == ["xyz", "room_xyz", "rgb"]
    covered = [k for place in features.places().values() for k in range(9)[place]]
    assert covered == list(range(features.num_channels)) == list(range(9))
    assert features.place("rgb") == slice(6, 9)
    assert features.place("block_xyz") is None


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_feature_can_be_the_only_one_if_it_moves(name):
    if KNOWN[name].moves:
        assert config.Features(names=(name,)).num_channels == KNOWN[name].width
    else:
        with pytest.raises(ValueError, match="first channels must be coordinates"):
            config.Features(names=(name,))
