"""Every network learns from a small generated building: a minute or two each on two cores."""

import dataclasses
import pathlib

import numpy as np
import pytest
from tensorflow.python.framework import config as framework_config

from ban_tf import config, systems
from ban_tf.config import reduced
from ban_tf.data import preparation, s3dis
from ban_tf.data.store import Store
from ban_tf.experiments import workflow
from ban_tf.metrics.evaluators import Evaluator
from ban_tf.training import runs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # What is not trained yet may well lie in one place.
    pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning"),
]
DATA = s3dis.dataset(areas=(1, 2), name="demo")
WALL = DATA.labels.class_names.index("wall")
NUM_EPOCHS = 4  # of 40 steps; where a network is pre-trained, as many before


def experiment(network: str) -> config.Experiment:
    short = reduced.quick(DATA.experiment(network=network))
    early = dataclasses.replace(
        short.training.pretraining, num_epochs=min(short.training.pretraining.num_epochs, 4)
    )
    return dataclasses.replace(
        short,
        training=dataclasses.replace(short.training, num_epochs=NUM_EPOCHS, pretraining=early),
    )


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> runs.Sources:
    folder = tmp_path_factory.mktemp("building")
    s3dis.write_building(folder / "raw", 2, seed=0, rooms_per_area=3, points_per_m2=1500)
    return runs.Sources(folder / "blocks", folder / "raw")


@pytest.fixture(scope="module")
def prepared(sources) -> Store:
    return preparation.prepare(DATA, sources.data, sources.blocks, experiment("ban"))


@pytest.fixture(autouse=True)
def _as_it_was():
    """Training asks for deterministic kernels, which other tests do not expect."""
    yield
    framework_config.disable_op_determinism()


def everything_is_wall(store: Store) -> dict[str, float]:
    """The scores of one instance of one class."""
    evaluator = Evaluator(DATA.name, DATA.labels, ("Area_2",), "covering", "wall")
    for room in store.select(["Area_2"]).clouds:
        cloud = store.load_cloud(room.name)
        wall = np.full(len(cloud), WALL, np.int32)
        evaluator.add(room.name, cloud.semantic, cloud.instance, wall, np.zeros_like(wall))
    return dict(evaluator.evaluation().means())


@pytest.mark.parametrize("network", sorted(systems.SYSTEMS))
def test_a_network_learns_classes_and_instances(
    network: str, prepared: Store, sources: runs.Sources, tmp_path: pathlib.Path
):
    run = runs.start(tmp_path / network, experiment(network))
    outcome = workflow.train_and_evaluate(run, prepared, sources, compare_untrained=True)
    wall, trained = everything_is_wall(prepared), outcome.after.means()
    for name, gain in (("mIoU", 0.15), ("mCov", 0.10)):
        assert trained[name] > (outcome.before[name] or 0) + gain, name
        assert trained[name] > wall[name] + gain, name
    assert outcome.collapse is None
