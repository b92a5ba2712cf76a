"""The page of an evaluation: whole, alone, escaped, and with the numbers of the scores."""

import dataclasses
import html.parser
import json
import pathlib
import re

import numpy as np
import pytest

from ban_tf.config import NONE, Labels
from ban_tf.metrics import table
from ban_tf.metrics.evaluators import Evaluator
from ban_tf.view import report

NASTY = '<script>alert("1")</script>&'
VOID = {"meta", "link", "br", "hr", "img"}


class Page(html.parser.HTMLParser):
    """Reads a page; refuses tags that do not close."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]) and data.strip():
            self.words.append(data.strip())


def evaluation(num_clouds=3, names=("floor", "chair", "lamp")):
    labels = Labels(class_names=names)
    evaluator = Evaluator("office", labels, ("scans",), "covering")
    rng = np.random.default_rng(0)
    for number in range(num_clouds):
        semantic, instance = rng.integers(0, 3, 400), rng.integers(0, 9, 400)
        is_right = rng.uniform(size=400) < 0.7
        found = np.where(is_right, semantic, rng.integers(NONE, 3, 400))
        evaluator.add(f"scan {number}", semantic, instance, found, np.where(is_right, instance, 0))
    return evaluator.evaluation()


@pytest.mark.parametrize("num_clouds", [0, 1, 25])
def test_the_page_is_html_that_needs_nothing_beside_it(num_clouds):
    text = report.render(evaluation(num_clouds))
    page = Page(text)
    assert text.startswith("<!doctype html>")
    for tag, attributes in page.tags:
        assert not {"src", "href"} & set(attributes), tag
        assert tag not in ("script", "link", "img")
    assert "url(" not in text
    assert "http" not in text


def test_the_numbers_of_the_scores_stand_in_it():
    found = evaluation()
    page = Page(report.render(found))
    scores = json.loads(table.to_json(found))
    for name in ("mCov", "mWCov", "mPrec", "mRec", "mAcc", "mIoU", "oAcc", "PQ"):
        assert page.words[page.words.index(name) - 1] == f"{100 * scores[name]:.1f}"
    for value in scores["per_class"]["IoU"] + scores["per_class"]["Cov"]:
        assert f"{100 * value:.1f}" in page.words
    for row in table.tables(found)[3].rows:
        assert set(row) <= set(page.words)


def test_the_confusions_are_those_counted():
    found = evaluation()
    titles = [attributes["title"] for tag, attributes in Page(report.render(found)).tags
              if tag == "td" and "title" in attributes]  # fmt: skip
    counts = found.details.confusion
    names = [*found.class_names, "none"]
    expected = [
        f"{true} as {names[column]}: {count}"
        for true, row in zip(names, counts.tolist(), strict=False)
        for column, count in enumerate(row)
    ]
    assert titles == expected


def test_bars_of_sizes_are_as_high_as_their_numbers():
    found = evaluation()
    text = report.render(found)
    told = re.findall(r"points: (\d+) true, (\d+) found, (\d+) predicted", text)
    sums = np.array(told, int).sum(axis=0)
    strict = found.strict
    expected = [strict.num_truth.sum(), strict.num_matched.sum(), strict.num_predicted.sum()]
    assert sums.tolist() == expected
    heights = [float(height) for height in re.findall(r'width="20" height="([\d.]+)"', text)]
    assert max(heights) == 150


def test_clouds_stand_with_the_worst_first_and_link_to_their_pages():
    found = evaluation(30)
    page = Page(report.render(found, pages={"scan 4": "pages/scan 4.html"}))
    names = [word for word in page.words if word.startswith("scan ")]
    order = found.details.worst_first()
    assert names == [found.clouds[index] for index in order]
    assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == [
        "pages/scan%204.html"
    ]
    assert "The other 10" in page.words


def test_names_are_escaped():
    made = dataclasses.replace(evaluation(names=(NASTY, "b", "c")), dataset=NASTY, method=NASTY)
    page = Page(report.render(made, {NASTY: {"key": NASTY}}))
    assert "script" not in {tag for tag, _ in page.tags}
    assert NASTY in page.words


def test_settings_are_shown_as_they_are():
    settings = {"bandwidth": 0.6, "classes": ["a", "b"]}
    page = Page(report.render(evaluation(), {"Settings": settings}))
    assert json.loads(page.words[page.words.index("Settings") + 1]) == settings


def test_an_evaluation_of_before_there_were_details_has_its_tables():
    page = Page(report.render(dataclasses.replace(evaluation(), details=None)))
    assert "Tables" in page.words
    assert "Confusion of classes" not in page.words


def test_light_dark_and_print_have_styles():
    text = (pathlib.Path(report.__file__).parent / "templates/report.html").read_text()
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
