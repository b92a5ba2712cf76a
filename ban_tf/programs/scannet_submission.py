"""Submissions to ScanNet's benchmark: written from an evaluation, and scored."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.data import scannet
from ban_tf.data.dataset import Source
from ban_tf.data.scannet import submission
from ban_tf.data.scannet.classes import Choice, of_choice
from ban_tf.data.scannet.submission import Prediction
from ban_tf.experiments import requests
from ban_tf.metrics.benchmarks.scannet import ScanNet


def write(folder: Path, request: requests.Evaluation, source: Source) -> None:
    """Writes what was just evaluated.

    Args:
        folder: for the files.
        request: of the evaluation.
        source: of its data.

    Raises:
        FileNotFoundError: a prediction is missing.
        ValueError: one is damaged.
    """
    from ban_tf.experiments import chosen_runs
    from ban_tf.experiments.unfinished import kept_prediction

    [run], out = chosen_runs.choose_runs(request, source)
    names = sorted(file.stem for file in (out / "predictions").glob("*.npz"))

    def predictions() -> Iterator[Prediction]:
        for name in names:
            found = kept_prediction(out, name)
            classes = np.array([one.semantic for one in found.instances], np.int32)
            scores = np.array([one.score for one in found.instances], np.float64)
            yield submission.of_labels(name, found.semantic, found.instance, classes, scores)

    choice = _choice(run.experiment.labels.num_classes)
    written = submission.write(folder, predictions(), choice)
    print(f"wrote {len(names)} scans to {', '.join(map(str, written))}")


def score(
    folder: Path,
    data: Path,
    lists: Sequence[str],
    choice: Choice = "20",
    json_file: Path | None = None,
) -> ScanNet:
    """Scores a submission by the official rules, and prints the table.

    Args:
        folder: of the two files.
        data: raw scans with their labels.
        lists: which scans.
        choice: which classes.
        json_file: to write the scores to as well.

    Raises:
        FileNotFoundError: a file is missing, or the data have none of its scans.
        ValueError: a file is not as the benchmark asks for, or lacks a scan.
        reading.UnreadableError: a raw scan is damaged; the message names file and field.
    """
    scans = {scan.name: scan for scan in scannet.scans(data, lists, choice)}
    benchmark, left = ScanNet(of_choice(choice).labels), set(scans)
    for found in submission.read(folder, choice):
        if found.name not in scans:
            continue
        cloud, _ = scans[found.name].read()
        if len(found.semantic) != len(cloud):
            raise ValueError(
                f"{folder / submission.SEMANTIC}: {found.name}.txt must have a line per vertex. "
                f"Received: {len(found.semantic)} lines for {len(cloud)} vertices"
            )
        truth = (cloud.semantic, cloud.instance)
        benchmark.add_masks(
            found.name, *truth, found.masks, found.classes, found.scores, found.semantic
        )
        left.remove(found.name)
    if left:
        raise ValueError(
            f"{folder} lacks {len(left)} of {len(scans)} scans of {', '.join(lists)}, such as "
            f"{min(left)}."
        )
    print(f"{folder} on {', '.join(lists)} of {data}, {len(scans)} scans")
    print("\n" + "\n\n".join(table.text() for table in benchmark.tables()))
    if json_file is not None:
        disk.write_whole(json_file, json.dumps(benchmark.document(), indent=2) + "\n")
        print(f"\nwrote {json_file}")
    return benchmark


def _choice(num_classes: int) -> Choice:
    return "20" if num_classes == of_choice("20").labels.num_classes else "200"
