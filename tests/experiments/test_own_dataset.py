"""A data set unlike the paper's, defined in this file alone, goes the whole way as it does.

Named clouds instead of areas, points without a class, two classes of stuff, no colours; once cut
into blocks, once as shapes.
"""

import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as framework_config

import tiny_runs
from ban_tf import Blocks, Cloud, Dataset, Features, Labels, Scan, Shapes, Split
from ban_tf.config import NONE, reduced
from ban_tf.data.dataset import always
from ban_tf.experiments import requests
from ban_tf.experiments.commands import evaluate, prepare, train
from ban_tf.experiments.outcomes import Outcome
from ban_tf.training import runs

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions"),
    # What was hardly trained has rarely left the collapse of untrained networks.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]

# --- the data set: 33 lines ---


def scans(root: Path, names=None) -> list[Scan]:
    return [
        Scan(path.stem, "", (path,), functools.partial(read, path), version="1")
        for path in sorted(root.glob("*.npy"))
        if names is None or path.stem in names
    ]


def read(path: Path):
    rows = np.load(path)
    xyz, semantic, instance = rows[:, :3], rows[:, 3], rows[:, 4]
    return Cloud(path.stem, xyz, None, semantic.astype("int32"), instance.astype("int32")), []


BLOCKS = Dataset(
    name="attic",
    labels=Labels(class_names=("floor", "wall", "chair"), stuff=("floor", "wall")),
    splits=(Split(name="val", train=("loft", "stairs"), test=("gable",)),),
    scans=scans,
    features=Features(names=("block_xyz",)),
    samples=Blocks(num_points=64, stride_m=1.0, min_points=10),
)
SHAPES = dataclasses.replace(
    BLOCKS,
    name="toys",
    features=Features(names=("xyz",)),
    samples=Shapes(num_points=256),
)

# --- its way through the same functions ---


def write_raw(root: Path) -> Path:
    """Three clouds of 1500 points in the data set's own format; a third of them has no class."""
    root.mkdir()
    for seed, name in enumerate(("loft", "stairs", "gable")):
        cloud = tiny_runs.room(name, seed=seed)
        semantic = np.select([cloud.semantic == 1, cloud.semantic == 2], [0, 1], 2)
        semantic[np.random.default_rng(seed).random(len(cloud)) < 1 / 3] = NONE
        np.save(root / f"{name}.npy", np.column_stack([cloud.xyz, semantic, cloud.instance]))
    return root


def tiny(experiment):
    least = tiny_runs.experiment(blocks_per_epoch=4)
    network = dataclasses.replace(experiment.network, backbone=tiny_runs.BACKBONE)
    return dataclasses.replace(experiment, network=network, training=least.training)


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, "quick", tiny)
        tf.config.run_functions_eagerly(True)
        yield
    tf.config.run_functions_eagerly(False)
    framework_config.disable_op_determinism()


@dataclasses.dataclass(frozen=True)
class Trained:
    data: Path
    run: Path
    outcome: Outcome


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains on a data set once, for all that look at the run."""

    @functools.cache
    def train_on(name: str) -> Trained:
        [dataset] = [one for one in (BLOCKS, SHAPES) if one.name == name]
        folder = tmp_path_factory.mktemp(name)
        data, run = write_raw(folder / "raw"), folder / "run"
        request = requests.Training(data=data, run=run, quick=True)
        [outcome] = train.train(request, always(dataset))
        return Trained(data, run, outcome)

    return train_on


WAYS = [(BLOCKS, "covering"), (SHAPES, "covering"), (SHAPES, "legacy")]


@pytest.mark.parametrize(("dataset", "protocol"), WAYS, ids=["blocks", "shapes", "shapes, legacy"])
def test_it_trains_evaluates_and_prints_its_table(dataset, protocol, trained, capsys):
    done = trained(dataset.name)
    run, outcome = done.run, done.outcome
    assert runs.load(run).is_trained
    assert outcome.after.test == ("gable",)
    capsys.readouterr()
    evaluate.evaluate(requests.Evaluation(run=run, protocol=protocol), always(dataset))
    printed = capsys.readouterr().out
    assert f"BAN on {dataset.name}, gable, 1 cloud" in printed
    assert "chair" in printed
    written = json.loads((run / "evaluation" / protocol / "scores.json").read_text())
    assert written["stuff_classes"] == ["floor", "wall"]
    assert np.isnan(outcome.after.instance.coverage).tolist() == [True, True, False]
    cloud = read(done.data / "gable.npy")[0]
    labelled = np.count_nonzero(cloud.semantic != NONE)
    assert outcome.after.semantic.num_points == labelled < len(cloud)


def test_the_originals_merging_is_refused_where_the_network_does_not_see_the_room(trained):
    request = requests.Evaluation(run=trained(BLOCKS.name).run, protocol="legacy")
    with pytest.raises(ValueError, match="room_xyz"):
        evaluate.evaluate(request, always(BLOCKS))


def test_prepared_samples_hold_its_channels_and_no_instance_of_stuff(tmp_path):
    data = write_raw(tmp_path / "raw")
    request = requests.Preparation(data=data, blocks=tmp_path / "blocks")
    store = prepare.prepare(request, always(BLOCKS))
    assert store.features == BLOCKS.features
    samples = store.read(range(len(store)))
    assert samples.features.shape[1:] == (64, 3)
    assert set(np.unique(samples.semantic)) == {NONE, 0, 1, 2}
    assert (samples.instance[samples.semantic != 2] == NONE).all()
    assert (samples.instance[samples.semantic == 2] != NONE).all()
