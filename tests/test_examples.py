"""Every public function shows how it is called, and what it shows is what it does."""

import doctest
import importlib
import inspect
import re

import pytest

# The public functions of a package are those of its `__all__`.
PACKAGES = ("ban_tf", "tf_ops")


def public_functions():
    """Dotted names of the public functions of `PACKAGES`."""
    names = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        found = [name for name in module.__all__ if inspect.isroutine(getattr(module, name))]
        assert found, f"no function in {package}.__all__"
        names += [f"{package}.{name}" for name in found]
    return names


@pytest.mark.parametrize("name", public_functions())
def test_a_public_function_has_an_example_that_runs(name):
    package, _, short = name.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(package), short)) or ""
    example = re.search(r"^Example:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    assert example, f"{name} has no section `Example:` in its docstring"
    # By itself: with no name but those that it imports.
    test = doctest.DocTestParser().get_doctest(example[1], {}, name, None, None)
    assert test.examples, f"the example of {name} has no line that starts with >>>"
    output = []
    failed, _ = doctest.DocTestRunner().run(test, out=output.append)
    assert not failed, "".join(output)
