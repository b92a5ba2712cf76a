"""What an evaluation gave and all that it came from, in one JSON file; tables are made of these."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from ban_tf import config, disk, systems
from ban_tf.config import files
from ban_tf.metrics import comparison, documents
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.training import side_files

NAME = "result.json"
_FORMAT = 3  # of the file; one more whenever its contents change
_READABLE = (2, _FORMAT)  # 2 lacks average precision, panoptic quality and benchmarks


@dataclasses.dataclass(frozen=True)
class Result:
    """One evaluation of one system.

    Attributes:
        experiment: of the run, or of the first fold.
        scores: the evaluation itself.
        models: SHA-256 of the file of each network that was evaluated.
        training: revision, versions, machine and start of each training; empty for networks that
            were not trained here.
        training_seconds: of all trainings together; None where they are not known.
        evaluation_seconds: of the evaluation.
        evaluated_with: revision, versions, machine and time of the evaluation.
    """

    experiment: config.Experiment
    scores: Evaluation
    models: tuple[str, ...]
    training: tuple[Mapping[str, Any], ...]
    training_seconds: float | None
    evaluation_seconds: float
    evaluated_with: Mapping[str, Any]

    @property
    def system(self) -> systems.System:
        return systems.of(self.experiment.network.name)

    def row(
        self, footnotes: tuple[str, ...] = (), further: Sequence[Evaluation] = ()
    ) -> comparison.SystemScores:
        """The system as a row of the tables that compare several.

        Args:
            footnotes: sentences beside those on where the system departs from its original.
            further: scores of the same setting with other seeds.
        """
        system = self.system
        own = system.footnotes(self.experiment)
        return comparison.SystemScores(
            system.title, system.backbone, self.scores, (*own, *footnotes), tuple(further)
        )


def write(folder: pathlib.Path, result: Result) -> None:
    """Writes the result into `folder`, whole or not at all."""
    document = {
        "format": _FORMAT,
        "system": result.system.title,
        "network": result.experiment.network.name,
        "seed": result.experiment.seed,
        **dataclasses.asdict(result),
        "experiment": json.loads(config.to_json(result.experiment)),
        "scores": documents.to_dict(result.scores),
    }
    disk.write_whole(folder / NAME, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read(folder: pathlib.Path) -> Result:
    """The inverse of `write`; also reads the format before, whose later scores are undefined.

    Raises:
        FileNotFoundError: the folder holds no result.
        ValueError: the file is damaged or of another version.
    """
    path = folder / NAME
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: evaluate the run first.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] not in _READABLE:
            raise ValueError(f"its format is {document['format']}, not {_FORMAT}")
        fields = {field.name: document[field.name] for field in dataclasses.fields(Result)}
        fields["experiment"] = config.from_json(json.dumps(fields["experiment"]))
        fields["scores"] = documents.from_dict(fields["scores"])
        fields |= {name: tuple(fields[name]) for name in ("models", "training")}
        found = Result(**fields)
        systems.of(found.experiment.network.name)  # refuses a name that is none
        return found
    except files.UNREADABLE as error:
        raise ValueError(
            f"{path} is damaged or of another version ({error}). Evaluate the run again."
        ) from error


def by_setting(found: Sequence[Result]) -> list[list[int]]:
    """Which results are of one setting with different seeds, in the order of their first.

    Args:
        found: any results.

    Returns:
        Indices into `found`, each once. Results that share setting and seed stay apart.
    """
    groups: list[list[int]] = []
    for index, one in enumerate(found):
        for group in groups:
            first, seeds = found[group[0]].experiment, [found[i].experiment.seed for i in group]
            alike = dataclasses.replace(one.experiment, seed=first.seed)
            if one.experiment.seed not in seeds and not files.differences(first, alike):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def read_scores(path: pathlib.Path) -> dict[str, Any]:
    """The document of an earlier `scores.json`.

    Raises:
        ValueError: it is damaged; the message names it.
    """
    way_out = "Restore it, or move it away to evaluate again."
    scores = side_files.read(path, way_out)
    for name in ("mIoU", "mCov"):
        if scores.get(name) is not None:  # of which there may be none
            side_files.number(path, scores, name, way_out)
    return scores


def digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
