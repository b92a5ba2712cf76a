"""What lies beside the graph: class names, units, a card of the model, files for the server."""

import json
from pathlib import Path
from typing import Any

import numpy as np

import ban_tf
from ban_tf.config import Blocks, Experiment
from ban_tf.serving import clustering, model_card

CLASS_NAMES, UNITS, CARD = "class_names.txt", "units.json", model_card.NAME
BATCH_SIZES = (1, 2, 4, 8)  # the server fills a batch up to the next of them
_PLACE_IN_CONTAINER = "/models"  # where the server's own image looks

BATCHING = f"""\
# Read with --enable_batching --enable_per_model_batching_parameters.
max_batch_size {{ value: {BATCH_SIZES[-1]} }}
{"".join(f"allowed_batch_sizes: {size}{chr(10)}" for size in BATCH_SIZES)}\
batch_timeout_micros {{ value: 2000 }}
num_batch_threads {{ value: 2 }}
max_enqueued_batches {{ value: 16 }}
# Blocks of unequal size meet in one batch: `num_points` tells which rows are there.
pad_variable_length_inputs: true
"""
MONITORING = """\
# Read with --monitoring_config_file; needs --rest_api_port.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""
_UNITS = {
    "points": "float32 [B, N, C]: channels as `features` lists them, coordinates in metres",
    "num_points": "int32 [B]: rows of each block that are there; what stands beyond is passed over",
    "xyz": "float32 [B, N, 3]: metres, z up, in the frame of room_min and room_max",
    "rgb": "uint8 [B, N, 3]: 0 to 255",
    "room_min": "float32 [B, 3]: least x, y, z of the whole room, metres",
    "room_max": "float32 [B, 3]: greatest x, y, z of the whole room, metres",
    "semantic": "int32 [B, N]: class, a line of class_names.txt from 0; 0 beyond num_points",
    "instance": "int32 [B, N]: instance within its block, from 1; 0 for none and beyond num_points",
    "confidence": "float32 [B, N]: probability of the class; 0 beyond num_points",
    "iterations": "int32 [B]: most moves of a ball of mean shift; one above the bound of the model "
    "card where that ended it, 0 where it is not counted (compiled ops)",
    "logits": "float32 [B, N, classes]: before the soft-max; 0 beyond num_points",
    "embedding": "float32 [B, N, width]: 0 beyond num_points",
    "fingerprint": "uint8 [B, 64]: UTF-8, digest of the weights of the network",
    "card": "uint8 [B, any]: UTF-8, the model card as JSON, without what the export measured",
}


def models_config(name: str) -> str:
    """The server's `--model_config_file` for one model, at its place in the server's image.

    Example:
        >>> print(models_config("ban").splitlines()[3])
            base_path: "/models/ban"
    """
    return f"""\
model_config_list {{
  config {{
    name: "{name}"
    base_path: "{_PLACE_IN_CONTAINER}/{name}"
    model_platform: "tensorflow"
  }}
}}
"""


def card(
    experiment: Experiment,
    ops: str,
    half: bool,
    fewest_points: int,
    fingerprint: str,
    mean_sizes: np.ndarray | None = None,
) -> dict[str, Any]:
    """What the model is, for people and for `model_card`; the export adds what it measures."""
    samples = experiment.samples
    return {
        "made_by": f"ban-tf {ban_tf.__version__}",
        "network": experiment.network.name,
        "dataset": experiment.dataset,
        "split": experiment.split.name,
        "fingerprint": fingerprint,
        "ops": ops,
        "half": half,
        "features": list(experiment.features.names),
        "classes": list(experiment.labels.class_names),
        "stuff": list(experiment.labels.stuff),
        "points_per_block": samples.num_points,
        "fewest_points": fewest_points,
        "block_size_m": samples.size_m if isinstance(samples, Blocks) else None,
        "bandwidth": experiment.inference.bandwidth,
        "bin_seeding": experiment.inference.bin_seeding,
        "mean_shift_max_iterations": clustering.MAX_ITERATIONS,
        **model_card.fields(experiment, mean_sizes),
    }


def write(folder: Path, experiment: Experiment, document: dict[str, Any]) -> None:
    """Writes the assets of a version, and how the server is to make its batches.

    Args:
        folder: of the version.
        experiment: tells the classes.
        document: the finished card.
    """
    place = folder / "assets"
    place.mkdir(exist_ok=True)
    names = "".join(f"{name}\n" for name in experiment.labels.class_names)
    (place / CLASS_NAMES).write_text(names, encoding="utf-8")
    (place / UNITS).write_text(json.dumps(_UNITS, indent=2) + "\n", encoding="utf-8")
    (place / CARD).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (folder / "batching_params.pbtxt").write_text(BATCHING, encoding="utf-8")
