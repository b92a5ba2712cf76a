"""Runs the training program with a tiny setting in place of the reduced one; flags as its own."""

import dataclasses

import tiny_runs
from ban_tf import config
from ban_tf.config import reduced
from ban_tf.programs import train


def tiny(experiment: config.Experiment) -> config.Experiment:
    least = tiny_runs.experiment(blocks_per_epoch=4)
    network = dataclasses.replace(least.network, name=experiment.network.name)
    return dataclasses.replace(
        experiment, samples=least.samples, network=network, training=least.training
    )


if __name__ == "__main__":
    reduced.quick = tiny
    train.command()
