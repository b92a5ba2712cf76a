"""The experiment that a command is to do: the paper's recipe, the settings file, then the flags.

Nothing here imports TensorFlow.
"""

import dataclasses
from typing import Any

from ban_tf import config
from ban_tf.config import reduced, settings
from ban_tf.data.dataset import Dataset
from ban_tf.experiments.requests import Ablation, Preparation, Training

DEMO_ABLATION_EPOCHS = 4  # of 40 steps: all 18 trainings take about a quarter of an hour


def for_training(request: Training, dataset: Dataset) -> config.Experiment:
    """The paper's setting on the data set, reduced for `quick` and the demo, with the changes.

    Raises:
        FileNotFoundError: there is no such settings file.
        ValueError: nothing to train on, or a setting that cannot be.
    """
    experiment = _base(dataset, request, request.split, request.network)
    if request.recipe is not None:
        experiment = config.with_recipe(experiment, request.recipe)
    experiment = _with_block_size(experiment, request.block_size)
    if not experiment.split.train:
        raise ValueError(
            f"{dataset.name} leaves nothing to train on once {experiment.split.title} is held out: "
            "its folders or file names must tell at least two groups, of which one is held out. "
            f"Received: splits={[split.name for split in dataset.splits]}"
        )
    if not dataset.has_fixed_samples:  # whose number of points is not chosen here
        _check_levels(experiment)
    return dataclasses.replace(
        experiment,
        training=_changed_training(request, experiment.training),
        inference=with_clusterer(experiment.inference, request.clusterer),
        seed=experiment.seed if request.seed is None else request.seed,
    )


def _with_block_size(experiment: config.Experiment, size_m: float | None) -> config.Experiment:
    return experiment if size_m is None else config.with_block_size(experiment, size_m)


def _check_levels(experiment: config.Experiment) -> None:
    """Refuses a level of the encoder that asks for more points than the one before it has."""
    network = experiment.network
    levels: dict[str, tuple[Any, ...]] = {
        "pointnet": (),
        "sgpn": (),
        "bonet": network.bonet.encoder,
        "jsnet": (network.jsnet.first, *network.jsnet.encoder),
    }
    chosen = levels.get(network.name, network.backbone.encoder)
    sizes = [experiment.samples.num_points, *(level.num_samples for level in chosen)]
    if sizes != sorted(sizes, reverse=True):
        raise ValueError(
            "each level of the encoder must sample at most as many points as come to it, the first "
            "at most `samples.num_points`: lower its `num_samples`, or raise `num_points`. "
            f"Received: num_points={sizes[0]}, num_samples={sizes[1:]}"
        )


def for_preparation(request: Preparation, dataset: Dataset) -> config.Experiment:
    """Whose samples are prepared; raises as `for_training`."""
    experiment = _with_block_size(_base(dataset, request), request.block_size)
    seed = experiment.seed if request.seed is None else request.seed
    return dataclasses.replace(experiment, seed=seed)


def for_ablation(request: Ablation, dataset: Dataset) -> config.Experiment:
    """What the variants of BAN are variants of, and a shorter demo; raises as `for_training`."""
    experiment = _base(dataset, request, request.split, "ban")
    training, epochs = experiment.training, request.epochs
    is_short = request.is_demo and not request.long
    if epochs is None and is_short and request.settings is None:
        epochs = DEMO_ABLATION_EPOCHS
    if epochs is not None:
        training = dataclasses.replace(training, num_epochs=epochs)
    seed = experiment.seed if request.seed is None else request.seed
    return dataclasses.replace(experiment, training=training, seed=seed)


def with_clusterer(
    inference: config.InferenceConfig, clusterer: config.Clusterer | None
) -> config.InferenceConfig:
    """The same thresholds with another clusterer; None changes nothing."""
    if clusterer is None:
        return inference
    return dataclasses.replace(inference, clusterer=clusterer)


def _base(
    dataset: Dataset,
    request: Training | Preparation | Ablation,
    split: str | None = None,
    network: str | None = None,
) -> config.Experiment:
    """The recipe of a network, which a settings file changes; `network` wins over the file's."""
    path = request.settings
    values: dict[str, Any] = {} if path is None else settings.read(path)
    named = None if path is None else settings.network_of(values, path)
    experiment = _reduced(dataset.experiment(split, network or named or "ban"), dataset, request)
    if path is None:
        return experiment
    changed = settings.apply(experiment, values, path)
    own = dataclasses.replace(changed.network, name=experiment.network.name)
    return dataclasses.replace(changed, network=own)


def _reduced(
    experiment: config.Experiment, dataset: Dataset, request: Training | Preparation | Ablation
) -> config.Experiment:
    """As it is, or reduced; samples that others have made stay as they are."""
    if not isinstance(request, Preparation) and request.long:
        changed = reduced.long(experiment, request.epochs or reduced.LONG_EPOCHS)
    elif request.quick or (not isinstance(request, Preparation) and request.is_demo):
        changed = reduced.quick(experiment)
    else:
        return experiment
    if dataset.has_fixed_samples:
        changed = dataclasses.replace(changed, samples=experiment.samples)
    return changed


def _changed_training(request: Training, training: config.TrainingConfig) -> config.TrainingConfig:
    changes: dict[str, Any] = {"validation": _changed_validation(request, training.validation)}
    if request.epochs is not None:
        changes["num_epochs"] = request.epochs
    if request.batch_size is not None:
        changes["batch_size"] = request.batch_size
        most = training.blocks_per_epoch
        if most is not None and request.batch_size > most:
            raise ValueError(
                f"`batch_size` must be at most {most}, the samples of an epoch in this setting. "
                f"Received: batch_size={request.batch_size}"
            )
    if request.learning_rate is not None:
        rate = training.learning_rate
        limit = min(rate.limit, request.learning_rate)  # fine-tuning may start below it
        changes["learning_rate"] = dataclasses.replace(
            rate, initial=request.learning_rate, limit=limit
        )
    return dataclasses.replace(training, **changes)


def _changed_validation(
    request: Training, validation: config.ValidationConfig
) -> config.ValidationConfig:
    every = validation.every if request.validate_every is None else request.validate_every
    if every is None and (request.validation_clouds is not None or request.keep == "best"):
        raise ValueError(
            "`validation_clouds` and the `keep` of the best network need `validate_every`: nothing "
            f"is validated otherwise. Received: validation_clouds={request.validation_clouds}, "
            f"keep={request.keep!r}, validate_every=None"
        )
    asked = {"num_clouds": request.validation_clouds, "keep": request.keep}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    return dataclasses.replace(validation, every=every, **changes)
