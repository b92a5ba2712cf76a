"""The page that shows a labelled cloud: what is in it, how large it is, and what is refused."""

import base64
import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest

import page_reader
import viewer_scenes
from ban_tf.clouds.cloud import unlabelled
from ban_tf.config import NONE, Labels
from ban_tf.view.viewer import columns, page, scene, similarity, thinning

CLOUD = viewer_scenes.boxes()
FOUND = viewer_scenes.predicted(CLOUD)


def test_every_point_is_there_with_its_colour_and_labels():
    document, found = page_reader.read(page.page(CLOUD, viewer_scenes.LABELS, FOUND))
    xyz = found["place"] * document["step"] + document["origin"]
    rows = scene.shown_rows(CLOUD, 10**6)
    np.testing.assert_allclose(xyz, CLOUD.xyz[rows], atol=0.51 * document["step"])
    assert document["step"] <= 0.0005
    green = found["color"][:, 0]
    rgb = np.stack([green + found["color"][:, 1], green, green + found["color"][:, 2]], axis=1)
    np.testing.assert_array_equal(rgb % 256, CLOUD.rgb[rows])
    np.testing.assert_array_equal(found["predicted_semantic"][:, 0] - 1, FOUND.semantic[rows])
    np.testing.assert_array_equal(found["predicted_instance"][:, 0] - 1, FOUND.instance[rows])
    np.testing.assert_allclose(found["confidence"][:, 0] / 100, FOUND.confidence[rows], atol=0.006)
    numbers = [one["number"] for one in document["truth"]["instances"]]
    kept = np.append(numbers, NONE)[found["truth_instance"][:, 0] - 1]
    np.testing.assert_array_equal(kept, CLOUD.instance[rows])


def test_an_instance_comes_with_its_numbers():
    document, _ = page_reader.read(page.page(CLOUD, viewer_scenes.LABELS, FOUND))
    second = document["predicted"]["instances"][1]
    assert second["points"] == np.count_nonzero(FOUND.instance == 1)
    assert (second["semantic"], second["confidence"], second["number"]) == (2, 0.5, 1)
    np.testing.assert_allclose(second["size"], (0.8, 0.8, 1.0), atol=0.02)
    middle = np.array([500_003.3, 4_000_002.3, 120.5])
    np.testing.assert_allclose(second["center"], middle, atol=0.02)
    counts = np.bincount(FOUND.semantic + 1, minlength=4)
    assert document["predicted"]["counts"] == counts.tolist()


def test_a_cloud_without_truth_and_colours_has_neither():
    cloud = unlabelled("plain", CLOUD.xyz)
    document, found = page_reader.read(page.page(cloud, viewer_scenes.LABELS, FOUND))
    assert document["truth"] is None
    assert set(found) == {"place", "confidence", "predicted_semantic", "predicted_instance"}


def test_a_single_point_can_be_shown():
    one = viewer_scenes.Found(np.zeros(1, np.int32), np.full(1, NONE), np.ones(1), np.zeros(0))
    document, found = page_reader.read(
        page.page(unlabelled("one", np.ones((1, 3))), Labels(class_names=("desk",)), one)
    )
    assert document["origin"] == [1, 1, 1]
    assert found["place"].tolist() == [[0, 0, 0]]


def test_the_same_cloud_gives_the_same_page():
    again = viewer_scenes.boxes()
    found = viewer_scenes.predicted(again)
    labels = viewer_scenes.LABELS
    assert page.page(CLOUD, labels, FOUND) == page.page(again, labels, found)


def test_a_large_cloud_is_thinned_evenly_and_keeps_its_numbers():
    document, found = page_reader.read(
        page.page(CLOUD, viewer_scenes.LABELS, FOUND, max_points=500)
    )
    assert (document["total"], document["shown"]) == (4000, 500)
    assert len(found["place"]) == 500
    assert sum(document["predicted"]["counts"]) == 4000
    rows = thinning.rows(CLOUD.xyz, 500)
    assert len(set(rows.tolist())) == 500
    # An even sample: each third of the points keeps a third, within the rounding of the curve.
    shares = np.bincount(CLOUD.instance[rows] + 1, minlength=15) / 500
    whole = np.bincount(CLOUD.instance + 1, minlength=15) / 4000
    np.testing.assert_allclose(shares, whole, atol=0.01)


def test_names_cannot_leave_their_place():
    text = page.page(CLOUD, viewer_scenes.LABELS, FOUND)
    reader = page_reader.Reader(text)
    assert reader.title == CLOUD.name
    assert "b" not in {tag for tag, _ in reader.tags}
    document = json.loads(reader.scripts["document"])
    assert document["classes"][1]["name"] == "</script><b>box"


def test_nothing_is_loaded_from_elsewhere_and_only_our_script_may_run():
    text = page.page(CLOUD, viewer_scenes.LABELS, FOUND)
    reader = page_reader.Reader(text)
    for _, attributes in reader.tags:
        assert not {"src", "href", "srcset"} & set(attributes)
    policy = next(
        attributes["content"]
        for _, attributes in reader.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    digest = hashlib.sha256(reader.scripts["module"].encode()).digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)


def test_the_licence_of_three_is_in_the_page():
    assert "Permission is hereby granted" in page.page(CLOUD, viewer_scenes.LABELS, FOUND)


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_million_points_take_at_most_twelve_megabytes(count):
    """A room of 9 m x 7 m x 3 m as a scanner sees it: noise of 3 mm, and of colours.

    Fewer points lie farther apart, so each takes more than its share of the twelve.
    """
    rng = np.random.default_rng(0)
    sides = np.array([9.0, 7.0, 3.0])
    xyz = rng.uniform(0, 1, (count, 3)) * sides
    face = rng.integers(0, 3, count)
    xyz[np.arange(count), face] = rng.integers(0, 2, count) * sides[face]
    shade = 127 + 80 * np.sin(xyz @ np.array([[3.0, 1, 2], [1, 3, 2], [2, 1, 3]]))
    rgb = np.clip(shade + rng.normal(0, 6, (count, 3)), 0, 255).astype(np.uint8)
    cell = np.floor(xyz).astype(np.int64) @ np.array([1, 10, 80])
    instance = np.unique(cell, return_inverse=True)[1].astype(np.int32)
    cloud = unlabelled("hall", xyz + rng.normal(0, 0.003, (count, 3)), rgb)
    cloud = dataclasses.replace(cloud, semantic=instance % 8, instance=instance)
    confidence = np.clip(rng.normal(0.8, 0.15, count), 0, 1)
    found = viewer_scenes.Found(instance % 8, instance, confidence, np.ones(instance.max() + 1))
    text = page.page(cloud, Labels(class_names=tuple("abcdefgh")), found)
    assert json.loads(page_reader.Reader(text).scripts["document"])["shown"] == count
    script = 0.7e6
    assert len(text.encode()) < script + (12e6 - script) * count / 1e6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"semantic": np.full(4000, 3)}, "found.semantic.*classes of `labels`, 0 to 2"),
        ({"semantic": FOUND.semantic[1:]}, "found.semantic.*each of 4000 points"),
        ({"instance": np.full(4000, -2)}, "found.instance.*from -1"),
        ({"instance": FOUND.instance * 1.0}, "found.instance.*float64"),
        ({"confidence": np.full(4000, np.nan)}, "found.confidence.*4000 that are not finite"),
        ({"instance_scores": np.ones(1)}, "found.instance_scores.*2 finite numbers"),
    ],
)
def test_labels_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        page.page(CLOUD, viewer_scenes.LABELS, dataclasses.replace(FOUND, **change))


def test_an_empty_cloud_and_no_points_are_refused():
    none = np.zeros(0, np.int32)
    empty = viewer_scenes.Found(none, none, np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="`cloud` must have at least one point"):
        page.page(unlabelled("empty", np.zeros((0, 3))), viewer_scenes.LABELS, empty)
    with pytest.raises(ValueError, match="max_points=0"):
        page.page(CLOUD, viewer_scenes.LABELS, FOUND, max_points=0)


def test_samples_and_attentions_go_together():
    samples, attention = viewer_scenes.attention(CLOUD)
    for given, message in (
        (((), samples), "go together"),
        (((attention,), None), "go together"),
        (((attention,), samples[:, 1:]), r"\[K, P\]"),
        (((attention,), samples + 4000), "0 to 3999"),
    ):
        with pytest.raises(ValueError, match=message):
            page.page(CLOUD, viewer_scenes.LABELS, FOUND, *given)


def test_rows_of_a_similarity_of_low_rank_come_back():
    rng = np.random.default_rng(0)
    query, key = rng.normal(size=(2, 2, 300, 4)) @ rng.normal(size=(4, 40)) / 4
    kept = similarity.small(similarity.Attention("stoi", query, key + 3))
    assert kept.query.shape == (2, 300, 16)
    for sample in range(2):
        steps = [part[sample].astype(float) - 128 for part in (kept.query, kept.key)]
        products = (steps[0] * kept.scale[sample]) @ steps[1].T
        wanted = query[sample] @ key[sample].T
        offset = (wanted - products).mean(axis=1, keepdims=True)  # which a soft-max does not see
        assert np.abs(wanted - products - offset).max() < 0.02 * wanted.std() * 4
    assert kept.moved < 0.05


@pytest.mark.parametrize(
    ("query", "key"),
    [
        (np.zeros((1, 4, 2)), np.zeros((1, 4, 3))),
        (np.zeros((4, 2)), np.zeros((4, 2))),
        (np.full((1, 4, 2), np.inf), np.zeros((1, 4, 2))),
    ],
)
def test_queries_and_keys_that_do_not_fit_are_refused(query, key):
    with pytest.raises(ValueError, match="`query` and `key` must"):
        similarity.Attention("stoi", query, key)


def test_columns_of_other_kinds_are_refused():
    with pytest.raises(TypeError, match="float64 for place"):
        columns.Columns().add("place", np.zeros(3))


def test_a_page_that_is_there_stays(tmp_path):
    path = tmp_path / "room.html"
    page.write(path, "first")
    with pytest.raises(FileExistsError, match=r"room\.html is there already"):
        page.write(path, "second")
    assert path.read_text() == "first"
    page.write(path, "third", overwrite=True)
    assert path.read_text() == "third"
