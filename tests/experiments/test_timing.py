import doctest
import subprocess
import sys

import numpy as np
import pytest

from ban_tf.experiments.efficiency import timing, workload


@pytest.mark.parametrize("module", [timing, workload], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_run(module):
    assert doctest.testmod(module).failed == 0


def test_memory_of_a_run_is_its_peak_above_what_was_resident():
    timing.reset_peak()
    before = timing.resident_mib()
    np.ones(64 << 20, np.uint8)
    assert 60 < timing.peak_mib() - before < 100


def test_importing_it_imports_no_library():
    code = (
        "import sys; from ban_tf.experiments.efficiency import timing;"
        "print({'numpy', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
