"""The examples in docstrings run and show what they say."""

import doctest
import importlib
import pkgutil

import pytest

from ban_tf import clouds, config, data

MODULES = ["ban_tf.disk"] + [
    module.name
    for package in (clouds, config, data)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_are_true(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [finder.find(importlib.import_module(name)) for name in MODULES]
    assert sum(bool(test.examples) for tests in found for test in tests) > 25
