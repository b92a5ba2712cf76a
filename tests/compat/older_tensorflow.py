"""Runs in an environment with TensorFlow 2.15.1, Keras 2.15 and tensorflow-addons 0.23.0.

    python older_tensorflow.py MODEL EXPECTED

MODEL is an exported version with TensorFlow's own ops, EXPECTED an `.npz` of a request to its
signature `outputs` with the answer of the TensorFlow that exported it, and of calls of the ops.
Nothing of `ban_tf` is imported, and of `tf_ops` the native wrappers alone.
"""

import sys
import warnings

import numpy as np
import tensorflow as tf


def check_model(folder, expected):
    """The model loads and gives the same labels."""
    request = {name: tf.constant(expected[name]) for name in ("points", "num_points")}
    found = tf.saved_model.load(folder).signatures["outputs"](**request)
    for name in ("semantic", "instance"):
        np.testing.assert_array_equal(found[name], expected[f"out_{name}"], err_msg=name)
    for name in ("logits", "embedding", "confidence"):
        np.testing.assert_allclose(found[name], expected[f"out_{name}"], rtol=0, atol=1e-4)
    return found


def check_metrics(found, expected):
    """Metrics of tensorflow-addons score the labels as their definitions say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its end of life
        import tensorflow_addons as tfa
    num_classes = expected["out_logits"].shape[-1]
    truth, predicted = expected["truth"].ravel(), found["semantic"].numpy().ravel()
    one_hot = (tf.one_hot(labels, num_classes) for labels in (truth, predicted))
    f1 = tfa.metrics.F1Score(num_classes, average="micro")(*one_hot).numpy()
    np.testing.assert_allclose(f1, np.mean(truth == predicted), rtol=1e-5)
    kappa = tfa.metrics.CohenKappa(num_classes, sparse_labels=True)
    kappa.update_state(truth, tf.one_hot(predicted, num_classes))
    shares = [
        np.bincount(labels, minlength=num_classes) / truth.size for labels in (truth, predicted)
    ]
    chance = np.dot(*shares)
    expected_kappa = (np.mean(truth == predicted) - chance) / (1 - chance)
    np.testing.assert_allclose(kappa.result().numpy(), expected_kappa, rtol=1e-5)


def check_ops(expected):
    """The compiled ops, built for this TensorFlow, give the same."""
    from tf_ops.clustering import native as clustering
    from tf_ops.gathering import native as gathering
    from tf_ops.grouping import native as grouping
    from tf_ops.interpolation import native as interpolation
    from tf_ops.sampling import native as sampling

    xyz = tf.constant(expected["xyz"])
    picks = sampling.farthest_point_sample(xyz, 16)
    centres = gathering.gather(xyz, picks)
    found = {
        "picks": picks,
        "ball": grouping.ball_query(xyz, centres, 0.4, 8)[0],
        "nearest": interpolation.three_nearest(xyz, centres)[1],
        "clusters": clustering.mean_shift(xyz, 0.3, True, 300)[0],
    }
    for name, values in found.items():
        np.testing.assert_array_equal(values, expected[f"op_{name}"], err_msg=name)


def main():
    assert tf.__version__ == "2.15.1", tf.__version__
    expected = np.load(sys.argv[2])
    found = check_model(sys.argv[1], expected)
    check_metrics(found, expected)
    check_ops(expected)
    print("agreed")


if __name__ == "__main__":
    main()
