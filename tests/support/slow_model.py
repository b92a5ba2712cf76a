"""A model of which a test can tell how long it runs, written in no time."""

import pathlib

import numpy as np
import tensorflow as tf

from ban_tf.serving import assets, warm_up

MOST_TURNS = 1e6  # so that no damaged request runs for ever


class Slow(tf.Module):
    """Adds `bias` to x `[B, N]`; a negative first scalar is a loop of so many turns."""

    def __init__(self, bias):
        super().__init__()
        self.bias = tf.Variable(float(bias))

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")])
    def predict(self, x):
        turns = tf.cast(tf.clip_by_value(tf.reduce_max(-x), 0.0, MOST_TURNS), tf.int32)
        count = tf.while_loop(lambda k: k < turns, lambda k: [k + 1], [tf.constant(0)])
        return {"y": x + self.bias + 0.0 * tf.cast(count[0], tf.float32)}


def write(folder: pathlib.Path, bias, warm=True):
    """Writes a version, moved into its place; `warm` False gives it a warm-up that fails."""
    model = Slow(bias)
    hidden = folder.with_name(f"writing_{folder.name}")
    tf.saved_model.save(model, str(hidden), signatures={"serving_default": model.predict})
    (hidden / "batching_params.pbtxt").write_text(assets.BATCHING)
    x = np.zeros((1, 3), np.float32)
    record = ("serving_default", {"x": x} if warm else {"x": x.astype(np.int32)})
    warm_up.write(hidden / warm_up.FILE, folder.parent.name, iter([record]))
    hidden.rename(folder)
