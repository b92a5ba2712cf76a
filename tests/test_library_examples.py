"""The examples in the docstrings of the library run and show what they say."""

import doctest
import importlib
import pkgutil

import pytest

import ban_tf

# Run for their work, not imported for what they offer.
PROGRAMS = {"ban_tf.experiments.efficiency.measure"}


def modules_with_examples() -> list[str]:
    names = {found.name for found in pkgutil.walk_packages(ban_tf.__path__, "ban_tf.")} - PROGRAMS
    return [
        name
        for name in sorted(names)
        if ">>> " in importlib.util.find_spec(name).loader.get_source(name)
    ]


@pytest.mark.parametrize("name", modules_with_examples())
@pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning")
def test_the_examples_of_a_module_run(name):
    if name == "ban_tf.view.figures":
        pytest.importorskip("matplotlib", reason="matplotlib is not among the test extras")
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_most_rooms_have_examples():
    rooms = {name.split(".")[1] for name in modules_with_examples()}
    assert {"clouds", "config", "data", "inference", "instances", "metrics", "view"} <= rooms
