"""What TensorBoard shows of the clouds that are held out: scores of classes, confusions, clouds."""

import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorboard.plugins.mesh import summary as mesh_summary

from ban_tf import config
from ban_tf.config import NONE
from ban_tf.metrics import cells, means
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.training.validation import HeldOut
from ban_tf.view import matching, palette

FOLDER = "held_out"  # below the run's folder of TensorBoard; no other writer's
MAX_CLOUDS = 2
MAX_POINTS = 6000  # of a cloud: 90 kB each time that it is written
_CELL = 24  # pixels
_FULL = (0.0, 0.45, 0.70)


class HeldOutSummaries:
    """Writes IoU of every class, the confusion of classes, and a few clouds in three dimensions.

    Clouds are points without faces, true and predicted, coloured as in all pictures: a predicted
    instance as the true one that it matches within its sample. What is true is written once.

    Args:
        folder: the run's, of TensorBoard.
        labels: the classes.

    Example:
        >>> import pathlib, tempfile
        >>> from ban_tf.config import Labels
        >>> from ban_tf.metrics.evaluators import Evaluator
        >>> from ban_tf.training.summaries import HeldOutSummaries
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> evaluation = Evaluator("desks", labels, (), "legacy").evaluation()
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> HeldOutSummaries(folder, labels).write(epoch=0, evaluation=evaluation, clouds=[])
        >>> [path.name[:6] for path in (folder / "held_out").iterdir()]
        ['events']
    """

    def __init__(self, folder: pathlib.Path, labels: config.Labels) -> None:
        self._writer = tf.summary.create_file_writer(str(folder / FOLDER))
        self._labels = labels
        self._shown: set[str] = set()

    def write(self, epoch: int, evaluation: Evaluation, clouds: Sequence[HeldOut]) -> None:
        """Writes what was found after an epoch.

        Args:
            epoch: counted from 0, as by Keras.
            evaluation: of the held-out samples.
            clouds: which of them were looked at; the first ones are shown.
        """
        with self._writer.as_default(step=epoch):
            for name, iou in zip(evaluation.class_names, evaluation.semantic.iou, strict=True):
                if not np.isnan(iou):
                    tf.summary.scalar(f"IoU/{name}", float(iou))
            if evaluation.details is not None:
                counts = evaluation.details.confusion
                tf.summary.image("confusion", confusion_image(counts)[None])
                text = confusion_text(counts, evaluation.class_names)
                tf.summary.text("confusion (percent of the true class)", text)
            for cloud in clouds[:MAX_CLOUDS]:
                self._write_cloud(cloud)
        self._writer.flush()

    def _write_cloud(self, cloud: HeldOut) -> None:
        own, found = numbered_by_sample(cloud)
        kinds = {
            "instances, predicted": palette.instance_colors(found),
            "classes, predicted": palette.class_colors(cloud.predicted_semantic, self._labels),
        }
        if cloud.name not in self._shown:
            self._shown.add(cloud.name)
            kinds["instances, true"] = palette.instance_colors(own)
            kinds["classes, true"] = palette.class_colors(cloud.semantic, self._labels)
        rows = np.arange(0, len(cloud.xyz), -(-len(cloud.xyz) // MAX_POINTS))
        vertices = cloud.xyz[rows].astype(np.float32)
        for kind, colors in kinds.items():
            mesh_summary.mesh(
                f"{cloud.name}/{kind}",
                vertices=vertices[None],
                colors=np.rint(255 * colors[rows]).astype(np.uint8)[None],
                config_dict={"material": {"cls": "PointsMaterial", "size": 0.03}},
            )


def numbered_by_sample(cloud: HeldOut) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted instances, a matched pair with one number; matched in each sample alone.

    Returns:
        Two int64 `[N]`, `NONE` where there is no instance.

    Example:
        >>> import numpy as np
        >>> from ban_tf.training.summaries import numbered_by_sample
        >>> from ban_tf.training.validation import HeldOut
        >>> labels = (np.zeros(4, int), np.array([7, 7, 8, 8]))
        >>> found = (np.zeros(4, int), np.array([0, 0, 0, 1]))
        >>> cloud = HeldOut("a", np.zeros((4, 3)), *labels, *found, sample=np.array([0, 0, 1, 1]))
        >>> numbered_by_sample(cloud)
        (array([0, 0, 1, 1]), array([0, 0, 1, 2]))
    """
    own, _ = matching.numbers(cloud.instance, cloud.instance)
    found = np.full(len(own), NONE, np.int64)
    free = int(own.max(initial=NONE)) + 1
    for sample in np.unique(cloud.sample):
        rows = np.flatnonzero(cloud.sample == sample)
        truth, like = matching.numbers(own[rows], cloud.predicted_instance[rows])
        first = int(truth.max(initial=NONE)) + 1  # numbers from here on match nothing
        whole = np.full(first + 1, NONE, np.int64)
        whole[truth] = own[rows]
        found[rows] = np.where(like < first, whole[np.minimum(like, first)], free + like - first)
        free += max(int(like.max(initial=NONE)) + 1 - first, 0)
    return own, found


def confusion_image(counts: np.ndarray) -> np.ndarray:
    """The confusion of classes as a picture: rows are true, the darker the larger their share.

    Args:
        counts: int `[C, C + 1]`, as of `metrics.semantic.ConfusionMatrix`.

    Returns:
        uint8 `[24 C, 24 (C + 1), 3]`.

    Example:
        >>> import numpy as np
        >>> from ban_tf.training.summaries import confusion_image
        >>> image = confusion_image(np.array([[3, 1, 0], [0, 0, 0]]))
        >>> image.shape, image[30, 30].tolist(), bool(image[5, 5].max() < image[5, 30].max())
        ((48, 72, 3), [255, 255, 255], True)
    """
    share = np.nan_to_num(_shares(counts))[..., None]
    colors = np.rint(255 * (1 - share * (1 - np.array(_FULL)))).astype(np.uint8)
    return colors.repeat(_CELL, axis=0).repeat(_CELL, axis=1)


def confusion_text(counts: np.ndarray, class_names: Sequence[str]) -> str:
    """The same as a table of Markdown, in percent of the points of each true class.

    Example:
        >>> import numpy as np
        >>> from ban_tf.training.summaries import confusion_text
        >>> print(confusion_text(np.array([[3, 1, 0], [0, 0, 0]]), ("desk", "lamp")))
        | true | desk | lamp | none |
        | --- | ---: | ---: | ---: |
        | desk | 75.0 | 25.0 | 0.0 |
        | lamp | - | - | - |
    """
    lines = [["true", *class_names, "none"], ["---", *["---:"] * (len(class_names) + 1)]]
    for name, row in zip(class_names, _shares(counts), strict=True):
        lines.append([name, *(cells.percent(100 * share) for share in row.tolist())])
    return "\n".join(
        "| " + " | ".join(one.replace("|", "\\|") for one in line) + " |" for line in lines
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    """Shares of each row, NaN in a row of nothing."""
    return means.ratio(counts, np.broadcast_to(counts.sum(axis=1, keepdims=True), counts.shape))
