"""How large a network and how long a training a request asks for."""

import dataclasses

from ban_tf import config
from ban_tf.config import reduced
from ban_tf.data.dataset import Dataset
from ban_tf.experiments.requests import Ablation, Training


def sized(
    experiment: config.Experiment, dataset: Dataset, request: Training | Ablation
) -> config.Experiment:
    """The experiment as it is, or reduced for `quick`, `long` and the demo.

    Samples that others have made stay as they are.

    Args:
        experiment: in the setting of the paper.
        dataset: what it is trained on.
        request: says what is wanted.
    """
    if request.long:
        changed = reduced.long(experiment, request.epochs or reduced.LONG_EPOCHS)
    elif request.quick or request.is_demo:
        changed = reduced.quick(experiment)
    else:
        return experiment
    if dataset.has_fixed_samples:
        changed = dataclasses.replace(changed, samples=experiment.samples)
    return changed
