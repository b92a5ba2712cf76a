"""Network files of before load today, and say the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"
PROGRAM = """
import sys
import numpy as np
import ban_tf
import keras

model = keras.models.load_model(sys.argv[1])
features = np.load(sys.argv[2])["features"]
np.savez(sys.argv[3], **model.predict_on_batch(features))
"""


@pytest.mark.parametrize(
    "order", ["before Keras", pytest.param("after Keras", marks=pytest.mark.slow)]
)
def test_a_file_of_before_loads_after_importing_the_package(order, tmp_path):
    program = PROGRAM
    if order == "after Keras":
        program = program.replace("import ban_tf\nimport keras", "import keras\nimport ban_tf")
    files = [GOLDEN / "ban.keras", GOLDEN / "ban.npz", tmp_path / "out.npz"]
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(GOLDEN / "ban.npz") as expected, np.load(tmp_path / "out.npz") as got:
        for name in ("logits", "embedding"):
            # Other processors sum in other orders.
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-5)
            assert np.abs(expected[name]).max() > 0.01
