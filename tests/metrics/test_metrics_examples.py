"""What the docstrings show is what happens, and what the room must not know it does not name."""

import doctest
import importlib
import pathlib
import pkgutil
import re

import pytest

from ban_tf import metrics
from ban_tf.metrics import benchmarks

BENCHMARKS = "benchmarks"  # the package of the data sets' own evaluations
MODULES = [module.name for module in pkgutil.iter_modules(metrics.__path__)]
OF_BENCHMARKS = [
    f"{BENCHMARKS}.{module.name}" for module in pkgutil.iter_modules(benchmarks.__path__)
]
FOREIGN = re.compile(
    r"s3dis|scannet|partnet|\bareas?\b|\brooms?\b|\b13\b|\btables? \d", re.IGNORECASE
)
PAPERS = "published"  # the only module that may name data sets and what they are tested on


@pytest.mark.parametrize("name", [*MODULES, *OF_BENCHMARKS])
def test_the_examples_in_the_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(f"ban_tf.metrics.{name}")).failed == 0


@pytest.mark.parametrize("name", sorted(set(MODULES) - {PAPERS, BENCHMARKS}))
def test_no_module_but_that_of_the_paper_s_numbers_knows_a_data_set(name):
    text = (pathlib.Path(metrics.__path__[0]) / f"{name}.py").read_text(encoding="utf-8")
    assert not FOREIGN.findall(text)
