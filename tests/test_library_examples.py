"""The examples in the docstrings of the library run and show what they say."""

import doctest
import importlib
import inspect
import pkgutil
import re
import types

import pytest

import ban_tf

# Run for their work, not imported for what they offer.
PROGRAMS = {"ban_tf.experiments.efficiency.measure"}
# Rooms whose every public class and function has an example that can be pasted as it stands.
SHOWN_ROOMS = ("instances", "losses", "model", "systems", "training")
PASTEABLE_ROOMS = ("model", "systems", "training")  # their examples import all that they use


def modules_with_examples() -> list[str]:
    names = {found.name for found in pkgutil.walk_packages(ban_tf.__path__, "ban_tf.")} - PROGRAMS
    return [
        name
        for name in sorted(names)
        if ">>> " in importlib.util.find_spec(name).loader.get_source(name)
    ]


@pytest.mark.parametrize("name", modules_with_examples())
@pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_examples_of_a_module_run(name):
    if name == "ban_tf.view.figures":
        pytest.importorskip("matplotlib", reason="matplotlib is not among the test extras")
    if name.startswith("ban_tf.serving.server."):
        for package in ("tensorflow_serving", "aiohttp"):
            pytest.importorskip(package, reason=f"{package} is of the extra serving")
    # In a shown room an example has no names but those that it imports.
    names = {} if name.split(".")[1] in PASTEABLE_ROOMS else None
    found = doctest.testmod(importlib.import_module(name), globs=names)
    assert found.attempted > 0
    assert found.failed == 0


def test_most_rooms_have_examples():
    rooms = {name.split(".")[1] for name in modules_with_examples()}
    assert {"clouds", "config", "data", "inference", "instances", "metrics", "view"} <= rooms


def public_members(module: types.ModuleType) -> list[str]:
    """Names of the classes and functions that a module defines, those of decorators too."""
    return [
        name
        for name, found in sorted(vars(module).items())
        if not name.startswith("_")
        and callable(found)
        and getattr(found, "__module__", None) == module.__name__
    ]


def members_of(rooms: tuple[str, ...]) -> list[str]:
    """Dotted names of the public classes and functions of rooms of the library."""
    names = []
    for room in rooms:
        package = importlib.import_module(f"ban_tf.{room}")
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            names += [f"{module.__name__}.{name}" for name in public_members(module)]
    return names


def has_example(docstring: str | None) -> bool:
    """Whether the last section of a docstring is an `Example:` with something to run."""
    section = re.search(r"^Example:\n((?:    .*\n?|\n)+)\Z", docstring or "", re.MULTILINE)
    return section is not None and bool(doctest.DocTestParser().get_examples(section[1]))


@pytest.mark.parametrize("name", members_of(SHOWN_ROOMS))
def test_a_public_member_of_a_shown_room_has_an_example(name):
    module, _, short = name.rpartition(".")
    found = getattr(importlib.import_module(module), short)
    text = inspect.getdoc(found) if found.__doc__ else None  # not that of a base class
    assert has_example(text), f"{name} has no section `Example:` with a line of >>> at its end"


def test_the_search_for_examples_finds_what_is_public():
    members = members_of(SHOWN_ROOMS)
    assert {"ban_tf.model.layers.PointMLP", "ban_tf.model.networks.build"} <= set(members)
    assert not [name for name in members if name.rpartition(".")[2].startswith("_")]


@pytest.mark.parametrize(
    "docstring",
    [None, "", "Doubles.", "Doubles.\n\nExample:\n    double(2)", "Doubles.\n\n>>> double(2)\n4"],
)
def test_a_docstring_without_an_example_is_found_out(docstring):
    assert not has_example(docstring)


def test_a_docstring_with_an_example_passes():
    assert has_example("Doubles.\n\nExample:\n    >>> double(2)\n    4")
