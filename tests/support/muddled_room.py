"""A network that is nearly right, on a room of many blocks, for tests of whole rooms."""

import dataclasses

import numpy as np

import tiny_runs
from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import samples
from ban_tf.inference import segmentation

CLOUD = tiny_runs.room("Area_1_hallway_1", num_points=3000, size_m=3.0)
EXPERIMENT = dataclasses.replace(
    tiny_runs.experiment(), samples=config.Blocks(num_points=256, stride_m=0.5, min_points=10)
)
NUM_BLOCKS = len(samples.plan_covering(CLOUD, EXPERIMENT.samples))


def with_thresholds(**thresholds) -> config.Experiment:
    changed = dataclasses.replace(EXPERIMENT.inference, **thresholds)
    return dataclasses.replace(EXPERIMENT, inference=changed)


# Two batches of two blocks, one in the network and one in clustering: many chunks in one room.
SMALL = with_thresholds(batch_size=2, blocks_in_flight=4)


class Muddled(tiny_runs.Oracle):
    """Knows the truth but for noise that depends on the block, so that votes and merging matter.

    Stops with `error` when it has seen `blocks_until` blocks.
    """

    def __init__(
        self, cloud: Cloud, blocks_until: int | None = None, error: BaseException | None = None
    ):
        super().__init__(cloud)
        self._blocks_until = blocks_until
        self._error = error

    def predict_on_batch(self, features):
        if self._error and sum(self.batch_sizes) >= self._blocks_until:
            raise self._error
        outputs = super().predict_on_batch(features)
        for k, block in enumerate(features):
            rng = np.random.default_rng(int(np.abs(block).sum() * 1e3))
            outputs["logits"][k] += rng.normal(0, 9, outputs["logits"][k].shape)
            outputs["embedding"][k] += rng.normal(0, 0.25, outputs["embedding"][k].shape)
        return outputs


def assert_equal(found: segmentation.Segmentation, expected: segmentation.Segmentation) -> None:
    for name, array in expected.to_arrays().items():
        np.testing.assert_array_equal(found.to_arrays()[name], array, err_msg=name)
