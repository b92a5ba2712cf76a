"""`import tf_ops` is enough to call every op, and costs nothing until one is called."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import tf_ops


def imported_for_type_checkers():
    """Name and module of everything below `if TYPE_CHECKING:` in `tf_ops/__init__.py`."""
    tree = ast.parse(Path(tf_ops.__file__).read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return {alias.name: node.module for node in block.body for alias in node.names}


@pytest.mark.parametrize("name", tf_ops.__all__)
def test_a_public_name_is_the_function_of_its_module(name):
    module = importlib.import_module(imported_for_type_checkers()[name])
    assert getattr(tf_ops, name) is getattr(module, name)
    assert name in dir(tf_ops)


def test_type_checkers_see_the_names_that_programs_see():
    assert sorted(imported_for_type_checkers()) == sorted(tf_ops.__all__)
    assert imported_for_type_checkers() == tf_ops._MODULES


def test_no_public_name_is_that_of_a_module():
    modules = {module.name for module in pkgutil.iter_modules(tf_ops.__path__)}
    assert not modules & set(tf_ops.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tf_ops' has no attribute 'atend'"):
        _ = tf_ops.atend


def test_the_import_loads_no_library_and_the_first_use_does():
    program = """
import sys
import tf_ops
print([name for name in ("keras", "numpy", "tensorflow") if name in sys.modules])
from tf_ops import *
print("keras" in sys.modules, callable(ball_query), callable(mean_shift))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[]", "True True True"], done.stderr


def test_the_package_says_that_it_is_typed():
    assert (Path(tf_ops.__file__).parent / "py.typed").exists()
