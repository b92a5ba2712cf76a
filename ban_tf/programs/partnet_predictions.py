"""PartNet's prediction files: written from an evaluation, and scored."""

import json
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.data.dataset import Source
from ban_tf.data.partnet import Choice, layout, prediction_files, reader
from ban_tf.data.partnet.layout import Shape
from ban_tf.data.partnet.prediction_files import Predicted
from ban_tf.experiments import requests
from ban_tf.metrics.benchmarks.partnet import PartNet


def write(folder: Path, request: requests.Evaluation, source: Source, choice: Choice) -> None:
    """Writes what was just evaluated.

    Args:
        folder: for the prediction files.
        request: of the evaluation.
        source: of its data.
        choice: category and level.

    Raises:
        FileNotFoundError: the raw data, whose order the files have, or a prediction are missing.
    """
    from ban_tf.experiments import chosen_runs
    from ban_tf.experiments.unfinished import kept_prediction

    [run], out = chosen_runs.choose_runs(request, source)
    data = request.data or run.sources().data
    if data is None:
        raise FileNotFoundError(
            "the prediction files have the order of the raw data: name these (`data`)."
        )
    place = layout.find(data, choice.task, choice.form)
    shapes = list(layout.shapes(place, choice.task, run.experiment.split.test))
    first_part = int(choice.other_as_class)

    def predicted(shape: Shape) -> Predicted:
        found = kept_prediction(out, shape.name)
        part = np.array([one.semantic for one in found.instances], np.int64)
        score = np.array([one.score for one in found.instances], np.float32)
        return prediction_files.of_labels(found.instance, part, score, first_part)

    written = prediction_files.write(folder, shapes, predicted)
    print(f"wrote {', '.join(map(str, written))}")


def score(folder: Path, data: Path, choice: Choice, json_file: Path | None = None) -> PartNet:
    """Scores prediction files by the official rules for instances, and prints the tables.

    Args:
        folder: of `test-NN.h5`.
        data: where the true instances are.
        choice: category and level.
        json_file: to write the scores to as well.

    Raises:
        FileNotFoundError: there is no prediction file, or no test data.
        reading.UnreadableError: a file is damaged; the message names it and the field.
    """
    place = layout.find(data, choice.task, choice.form)
    shapes = list(layout.shapes(place, choice.task, ("test",)))
    for shape in shapes:
        if shape.row < 0:  # a file that cannot be listed: reading it tells what is wrong
            reader.read(shape, place.form, choice.task)
    benchmark = PartNet(choice.task.labels())
    for shape, found in prediction_files.read(folder, shapes, choice.task):
        cloud, _ = reader.read(shape, place.form, choice.task)
        if found.masks.shape[1] != len(cloud):
            raise ValueError(
                f"{folder / shape.file}.h5: `mask` must have the {len(cloud)} points of the data. "
                f"Received: {found.masks.shape[1]}"
            )
        benchmark.add_masks(
            shape.name, cloud.semantic, cloud.instance, found.masks, found.part, found.score
        )
    print(f"{folder} on {choice.task.title}, {len(shapes)} shapes")
    print("\n" + "\n\n".join(table.text() for table in benchmark.tables()))
    if json_file is not None:
        disk.write_whole(json_file, json.dumps(benchmark.document(), indent=2) + "\n")
        print(f"\nwrote {json_file}")
    return benchmark
