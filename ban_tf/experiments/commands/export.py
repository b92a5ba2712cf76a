"""Writes a trained network for TensorFlow Serving."""

from pathlib import Path

from ban_tf.experiments import folds, trained
from ban_tf.experiments.requests import RUNS, Export
from ban_tf.serving import export as writing
from ban_tf.serving import onnx_graph, version_folders
from tf_ops import library

MODELS = Path("models")


def export(request: Export) -> writing.Exported:
    """Does what the export script is asked for, and prints where the model lies and how to load it.

    Args:
        request: which network, where to, with which kernels.

    Raises:
        FileNotFoundError: there is no such run or file.
        ValueError: a place that is not to be written, or a network that embeds nothing.
        ImportError: compiled ops are wanted and there are none.
        RuntimeError: the exported model fails its trial.
    """
    if request.out is not None:
        writing.check_place(request.out)
    source = request.run or folds.newest(RUNS)
    description = trained.describe(source)
    experiment, sizes = description.experiment, description.sizes
    writing.check_system(experiment)
    if request.ops == "native":
        library.require_usable()
    out = request.out or next_version(MODELS / experiment.network.name)
    if request.onnx:
        onnx_graph.check(request.ops)
    network = trained.load_network(source)
    made = writing.export(
        network,
        experiment,
        out,
        ops=request.ops,
        half=request.half,
        onnx=request.onnx,
        mean_sizes=None if sizes is None else sizes.raw,
    )
    print(f"wrote {made.folder}: {experiment.network.name}, {request.ops} ops")
    for name, value in made.card["difference_from_network"].items():
        print(f"  largest difference from the network, {name}: {value:.1e}")
    return made


def next_version(model: Path) -> Path:
    """The folder of a version above all that are there, from 1.

    Raises:
        ValueError: the highest that there can be is there.

    Example:
        >>> next_version(Path("models/none")).as_posix()
        'models/none/1'
    """
    following = version_folders.following(model)
    if following is None:
        raise ValueError(
            "the next version of a model must be above all that are there, and "
            f"{model / str(version_folders.LARGEST)} is the highest that there can be. Name "
            "another model with `out`, or move that version away"
        )
    return following
