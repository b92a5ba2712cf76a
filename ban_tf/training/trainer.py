"""Trains a network on prepared samples, in a run folder that can be left and taken up again."""

import re
from collections.abc import Callable

import keras
import tensorflow as tf

from ban_tf import config, systems
from ban_tf.data import pipeline, store
from ban_tf.model import networks, similarity
from ban_tf.training import (
    callbacks,
    checkpoints,
    joint,
    reporting,
    runs,
    stages,
    validation,
    watching,
)


def build_network(experiment: config.Experiment) -> keras.Model:
    """The experiment's network with fresh weights, the same for the same seed.

    Example:
        >>> from ban_tf.config import Experiment, Labels, NetworkConfig, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> network = NetworkConfig(name="pointnet")
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split, network=network)
        >>> from ban_tf.training import trainer
        >>> trainer.build_network(experiment).output["logits"].shape
        (None, None, 2)
    """
    keras.utils.set_random_seed(experiment.seed)
    return networks.build(
        experiment.network,
        batch_norm=experiment.training.batch_norm_decay,
        decay_unit=experiment.training.decay_unit,
    )


def starting_network(run: runs.Run) -> keras.Model:
    """What the run's training starts from: `run.initial_file`, else fresh weights.

    Raises:
        ValueError: the file is damaged or of another network.

    Example:
        >>> import pathlib
        >>> from ban_tf.config import Experiment, Labels, NetworkConfig, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> network = NetworkConfig(name="pointnet")
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split, network=network)
        >>> from ban_tf.training import runs, trainer
        >>> run = runs.Run(pathlib.Path("runs/no_such"), experiment)
        >>> trainer.starting_network(run).output["logits"].shape
        (None, None, 2)
    """
    model = build_network(run.experiment)
    checkpoints.start_from(model, run)
    return model


def train(run: runs.Run, samples: store.Store) -> keras.Model:
    """Trains the run's network to the last epoch.

    It goes on from the last checkpoint, else starts from `run.initial_file`, else from scratch.

    Deterministic: the samples and the dropout of an epoch depend on the seed and the epoch alone,
    so an interrupted run ends with the same weights.

    Args:
        run: an unfinished run.
        samples: the prepared samples of the training clouds; those of some clouds are held out
            where the experiment asks for a validation.

    Returns:
        The trained network, saved as `run.model_file`.

    Raises:
        callbacks.TrainingDivergedError: the loss became NaN or infinite.
        OSError: a full disk; the earlier checkpoints are intact.
        RuntimeError: a prepared sample is damaged or holds a class out of range.
        ValueError: fewer samples than a batch, no cloud left to train on, or a file to start from
            that is damaged or of another network.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import numpy as np
        >>> from ban_tf import config
        >>> from ban_tf.clouds.cloud import Cloud
        >>> from ban_tf.data import store
        >>> from ban_tf.training import runs, trainer
        >>> sizes = {"point_widths": (4,), "global_widths": (4,), "head_widths": (4,)}
        >>> pointnet = config.PointNetConfig(**sizes)
        >>> experiment = config.Experiment(
        ...     dataset="desks",
        ...     labels=config.Labels(class_names=("desk", "lamp")),
        ...     split=config.Split(name="val", train=("scan1",), test=("scan2",)),
        ...     samples=config.Blocks(num_points=64),
        ...     network=config.NetworkConfig(name="pointnet", pointnet=pointnet),
        ...     training=config.TrainingConfig(batch_size=1, num_epochs=1),
        ... )
        >>> label, rng = np.zeros(200, "int32"), np.random.default_rng(0)
        >>> rgb = np.zeros((200, 3), "uint8")
        >>> scan = Cloud("scan1", rng.uniform(size=(200, 3)), rgb, semantic=label, instance=label)
        >>> folder, settings = pathlib.Path(tempfile.mkdtemp()), store.Settings.of(experiment)
        >>> store.prepare([scan], settings=settings, path=folder / "blocks", progress=False)
        >>> samples = store.Store.open(folder / "blocks", experiment)
        >>> model = trainer.train(runs.start(folder / "run", experiment), samples)
        >>> sorted(model.output)
        ['embedding', 'logits']
    """
    experiment = run.experiment
    parts = validation.part(samples, experiment)
    model = starting_network(run)
    plan = stages.stages(experiment)
    kept = run.checkpoints()
    current = stages.stage_after(plan, kept[-1][0] if kept else 0)
    with run.training_time() as note_time:
        for stage in plan[plan.index(current) :]:
            steps = _steps_per_epoch(stage, parts.training)
            trainer = joint.compile_for_training(model, stage, steps)
            first_epoch = checkpoints.resume(model, run) if stage is current else stage.first_epoch
            _fit(trainer, run, stage, first_epoch, parts, note_time)
    if experiment.training.validation.keep == "best" and run.best_file.is_file():
        model.set_weights(checkpoints.load_model(run.best_file).get_weights())
    callbacks.require_finite_weights(model, run)
    systems.of(experiment.network.name).calibrate(model, parts.training, experiment)
    checkpoints.save_model(model, run.model_file, run)
    return model


def check_batches(experiment: config.Experiment, samples: store.Store) -> None:
    """Raises ValueError if a stage of the training has fewer samples than a batch.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> import numpy as np
        >>> from ban_tf import config
        >>> from ban_tf.clouds.cloud import Cloud
        >>> from ban_tf.data import store
        >>> from ban_tf.training import trainer
        >>> experiment = config.Experiment(
        ...     dataset="desks",
        ...     labels=config.Labels(class_names=("desk", "lamp")),
        ...     split=config.Split(name="val", train=("scan1",), test=("scan2",)),
        ...     samples=config.Blocks(num_points=64),
        ... )
        >>> label, rgb = np.zeros(200, "int32"), np.zeros((200, 3), "uint8")
        >>> scan = Cloud("scan1", rgb.astype("float64"), rgb, label, label)
        >>> folder, settings = pathlib.Path(tempfile.mkdtemp()), store.Settings.of(experiment)
        >>> store.prepare([scan], settings=settings, path=folder, progress=False)
        >>> trainer.check_batches(experiment, store.Store.open(folder))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: an epoch must hold at least one batch; ...
    """
    for stage in stages.stages(experiment):
        _steps_per_epoch(stage, samples)


def _steps_per_epoch(stage: stages.Stage, samples: store.Store) -> int:
    training = stage.experiment.training
    return pipeline.steps_per_epoch(samples, training.batch_size, training.blocks_per_epoch)


def _fit(
    trainer: joint.JointTrainer,
    run: runs.Run,
    stage: stages.Stage,
    first_epoch: int,
    parts: validation.Parts,
    note_time: Callable[[], None],
) -> None:
    """Trains from `first_epoch` to the end of the stage; notes the time with each checkpoint."""
    experiment, samples = stage.experiment, parts.training
    training = experiment.training
    steps = _steps_per_epoch(stage, samples)
    batches = pipeline.batches(
        samples,
        batch_size=training.batch_size,
        seed=experiment.seed,
        first_epoch=first_epoch,
        num_epochs=stage.end_epoch,
        augmentation=training.augmentation,
        blocks_per_epoch=training.blocks_per_epoch,
        num_classes=experiment.labels.num_classes,
    )
    embeds = systems.of(experiment.network.name).embeds
    watchers = [watching.WatchEmbedding(samples, experiment)] if embeds else []
    attends = bool(similarity.attentions(trainer.network))
    lookers = [watching.WatchAttention(samples, experiment)] if attends else []
    log = reporting.Log(run, stage, first_epoch, trainer.objective.terms)
    validators = []
    if parts.held_out is not None:
        validators.append(reporting.Validate(run, stage, parts.held_out, log))
    progress = reporting.Progress(stage, first_epoch, steps)
    try:
        trainer.fit(
            batches,
            initial_epoch=first_epoch,
            epochs=stage.end_epoch,
            steps_per_epoch=steps,
            verbose=0,
            shuffle=False,  # the pipeline shuffles
            callbacks=[
                callbacks.SetEpoch(stage),
                callbacks.SeedDropout(experiment.seed),
                callbacks.StopAtNan(run),
                *validators,
                log,
                *lookers,
                keras.callbacks.TensorBoard(run.tensorboard_folder, write_graph=False),
                callbacks.Checkpoint(run, training.checkpoint_every, note_time),
                *watchers,
                progress,
            ],
        )
    except tf.errors.OpError as error:
        raise RuntimeError(
            f"Training stopped at step {int(trainer.optimizer.iterations)}: {_reason(error)}"
        ) from error
    finally:
        progress.close()


def _reason(error: tf.errors.OpError) -> str:
    """The message of a Python error that TensorFlow passed on, without traceback and place."""
    text = error.message.split("\nTraceback")[0]
    return re.sub(r"^.*?\b\w+Error: ", "", text, count=1, flags=re.DOTALL).strip()


def make_deterministic(seed: int) -> None:
    """Seeds Python, NumPy and the backend, and asks TensorFlow for deterministic kernels.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from ban_tf.training import trainer
        >>> drawn = []
        >>> for _ in range(2):
        ...     trainer.make_deterministic(seed=0)
        ...     drawn.append(np.asarray(keras.random.uniform((3,))))
        >>> bool((drawn[0] == drawn[1]).all())
        True
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
