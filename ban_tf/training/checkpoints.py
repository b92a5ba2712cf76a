"""A network on disk: saved whole or not at all, refused when it is damaged or another's."""

import dataclasses
import itertools
import pathlib
import zipfile

import keras

from ban_tf import disk, systems
from ban_tf.config import files
from ban_tf.model import networks  # which also tells Keras the layers that a file names
from ban_tf.training import description, instance_sizes, network_file, runs
from tf_ops import library

_UNREADABLE = (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile)


def save_model(model: keras.Model, path: pathlib.Path, run: runs.Run) -> None:
    """Saves the network of a run as `.keras` with its `Description`, whole or not at all.

    Raises:
        OSError: a full disk, a missing right and so on; the message names the file.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training import checkpoints, description, runs
        >>> run = runs.Run(pathlib.Path(tempfile.mkdtemp()), experiment)
        >>> checkpoints.save_model(model, run.model_file, run)
        >>> description.read(run.model_file).experiment == experiment
        True
    """
    way_out = (
        "Earlier checkpoints are intact; with space and rights restored the same command goes on "
        "from the last one."
    )
    has_sizes = (run.folder / instance_sizes.FILE_NAME).is_file()
    sizes = instance_sizes.load(run.folder) if has_sizes else None
    with disk.whole(path, way_out) as temporary:
        model.save(temporary)
        description.write(temporary, description.Description(run.experiment, sizes))


def export(model: keras.Model, path: pathlib.Path) -> None:
    """Saves `model` as `.keras`, or its weights alone as `.weights.h5`, whole or not at all.

    Raises:
        ValueError: another ending.
        OSError: a full disk, a missing right and so on; the message names the file.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> from ban_tf.training import checkpoints
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.weights.h5"
        >>> checkpoints.export(model, path)
        >>> path.is_file()
        True
    """
    check_ending(path)
    save = model.save_weights if path.name.endswith(".weights.h5") else model.save
    with disk.whole(
        path, "Restore space and rights, then give the same command again."
    ) as temporary:
        save(temporary)


def check_ending(path: pathlib.Path) -> None:
    """Raises ValueError unless `export` can write a file of this name.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import checkpoints
        >>> checkpoints.check_ending(pathlib.Path("network.keras"))  # says nothing: it can be
    """
    if not path.name.endswith((".keras", ".weights.h5")):
        raise ValueError(
            "a network is written as `.keras`, its weights alone as `.weights.h5`. "
            f"Received: {path}"
        )


def resume(model: keras.Model, run: runs.Run) -> int:
    """Loads the newest checkpoint into `model`; returns the epochs already done.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> from ban_tf.training import checkpoints, runs
        >>> run = runs.Run(pathlib.Path(tempfile.mkdtemp()), experiment=None)
        >>> checkpoints.resume(model, run)  # there is no checkpoint
        0
    """
    kept = run.checkpoints()
    if not kept:
        return 0
    epochs_done, path = kept[-1]
    way_out = (
        "Move this file away to resume from the one before it, or start in another folder (`run`)."
    )
    _load_fitting(model, run, path, way_out)
    model.optimizer.build(model.trainable_variables)  # else Keras has no place for its state
    model.load_weights(path)
    return epochs_done


def start_from(model: keras.Model, run: runs.Run) -> None:
    """Takes the weights of the network that the run is to start from, if there is one.

    Raises:
        ValueError: it is damaged, or of another network.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> from ban_tf.training import checkpoints, runs
        >>> run = runs.Run(pathlib.Path(tempfile.mkdtemp()), experiment=None)
        >>> checkpoints.start_from(model, run)  # there is no `initial_file`: `model` stays as it is
    """
    if run.initial_file.is_file():
        way_out = "Start in another folder (`run`) from `weights` of the same network and setting."
        model.set_weights(_load_fitting(model, run, run.initial_file, way_out).get_weights())


def require_fitting(path: pathlib.Path, model: keras.Model) -> None:
    """Refuses a file of which a training of `model` cannot start.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or of another network; the message names the first difference.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import networks
        >>> from ban_tf.training import checkpoints
        >>> model = networks.build(NetworkConfig(name="pointnet", num_classes=4, num_features=6))
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.keras"
        >>> checkpoints.export(model, path)
        >>> checkpoints.require_fitting(path, model)  # it is of the same network
    """
    found, asked = _weights(load_model(path)), _weights(model)
    if found == asked:
        return
    one, other = next(pair for pair in itertools.zip_longest(found, asked) if pair[0] != pair[1])
    raise ValueError(
        f"{path} is of another network than is asked for (`weights`); name a file of the same "
        "`network`, classes, features and setting (reduced or not), or ask for its. Received: "
        f"{_show(one)} where {_show(other)} is asked for"
    )


def _show(weight: tuple[str, tuple[int, ...]] | None) -> str:
    return "nothing" if weight is None else f"{weight[0]} of shape {weight[1]}"


def _load_fitting(
    model: keras.Model, run: runs.Run, path: pathlib.Path, way_out: str
) -> keras.Model:
    """The network in a file; refused unless its weights are those of `model`, name by name."""
    try:
        saved = load_model(path)
    except ValueError as error:
        raise ValueError(f"{error}. {way_out}") from error
    if _weights(saved) != _weights(model):
        raise _of_another_network(path, run, way_out)
    return saved


def _of_another_network(
    path: pathlib.Path, run: runs.Run, way_out: str, differences: str = ""
) -> ValueError:
    listed = f" ({differences})" if differences else ""
    return ValueError(
        f"{path} is of another network than {run.folder / 'config.json'} describes{listed}. "
        f"{way_out}"
    )


def _weights(model: keras.Model) -> list[tuple[str, tuple[int, ...]]]:
    return [(weight.name, tuple(weight.shape)) for weight in model.variables]


def load_model(path: pathlib.Path) -> keras.Model:
    """A trained network: a `.keras` file, or a run folder (its finished or newest model).

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: the file is damaged, or of something else; or `BAN_TF_OPS` is no choice.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.config import NetworkConfig
        >>> from ban_tf.model import networks
        >>> from ban_tf.training import checkpoints
        >>> config = NetworkConfig(name="pointnet", num_classes=4, num_features=6)
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.keras"
        >>> checkpoints.export(networks.build(config), path)
        >>> sorted(checkpoints.load_model(path).output)
        ['embedding', 'logits']
    """
    if path.is_dir():
        return load_of_run(runs.load(path))
    if not path.is_file():
        raise FileNotFoundError(f"There is no model at {path}. Check its name.")
    library.use_stock()  # Keras would hide a wrong choice of kernels in an error of the file
    try:
        network_file.require_whole(path)
        model = keras.models.load_model(path, compile=False)
        network_file.require_finite(model)
    except _UNREADABLE as error:
        raise ValueError(network_file.told_unreadable(path, error)) from error
    output = getattr(model, "output", None)
    names = output if isinstance(output, dict) else ()
    if not any(system.outputs <= set(names) for system in systems.SYSTEMS.values()):
        raise ValueError(
            f"{path} is not a segmentation network: it must have the outputs of one of "
            f"{', '.join(sorted(systems.SYSTEMS))}. Received: {sorted(names)}"
        )
    return model


def load_of_run(run: runs.Run, path: pathlib.Path | None = None) -> keras.Model:
    """A trained network of a run; refused if it is of another network than the run.

    Args:
        run: whose `config.json` tells what its network is.
        path: one of its `.keras` files; None takes the finished network, else the newest
            checkpoint.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: the file is damaged, or of another network.

    Example:
        >>> import pathlib
        >>> from ban_tf.training import checkpoints, runs
        >>> run = runs.Run(pathlib.Path("runs/no_such"), experiment=None)
        >>> checkpoints.load_of_run(run)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: runs/no_such ...
    """
    path = path or newest_model(run)
    way_out = "Put the run's own network back, or name the run that the file comes from (`run`)."
    expected = networks.build(run.experiment.network)
    found = _load_fitting(expected, run, path, way_out)
    # Variants of a network may have weights of one shape: what the file says of itself counts too.
    described = description.read(path)
    if described is not None:
        as_described = dataclasses.replace(run.experiment, network=described.experiment.network)
        differences = files.differences(as_described, run.experiment)
        if differences:
            raise _of_another_network(path, run, way_out, differences)
    return found


def newest_model(run: runs.Run) -> pathlib.Path:
    """The finished network of a run, or its newest checkpoint.

    Raises:
        FileNotFoundError: there is neither.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.training import checkpoints, runs
        >>> run = runs.Run(pathlib.Path(tempfile.mkdtemp()), experiment=None)
        >>> run.model_file.touch()
        >>> checkpoints.newest_model(run).name
        'model.keras'
    """
    if run.is_trained:
        return run.model_file
    kept = run.checkpoints()
    if not kept:
        raise FileNotFoundError(f"{run.folder} has no model yet: its training saved no checkpoint.")
    return kept[-1][1]
