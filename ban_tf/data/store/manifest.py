"""What a folder of prepared samples was made with and must contain: `manifest.json`."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from ban_tf import disk
from ban_tf.config import Experiment, Features, Labels, Sampling, files, names

FORMAT = 2  # a store of an earlier format is prepared anew in its place
FILE_NAME = "manifest.json"
WAY_OUT = (
    "Ask for the same settings (the reduced ones are `quick`), or name another folder (`blocks`)."
)
AS_IT_IS = "To use it as it is, name it without the raw data (`data`)."


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything but the clouds that decides what prepared samples hold.

    Args:
        dataset: name of the data.
        labels: their classes; colours play no part.
        samples: how clouds become samples.
        features: what the network sees of a point.
        seed: of the draws.
    """

    dataset: str
    labels: Labels
    samples: Sampling
    features: Features
    seed: int

    @classmethod
    def of(cls, experiment: Experiment) -> "Settings":
        """What an experiment asks of its samples."""
        labels = dataclasses.replace(experiment.labels, class_colors=())
        return cls(
            dataset=experiment.dataset,
            labels=labels,
            samples=experiment.samples,
            features=experiment.features,
            seed=experiment.seed,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "class_names": list(self.labels.class_names),
            "stuff": list(self.labels.stuff),
            "samples": files.sampling_to_json(self.samples),
            "features": list(self.features.names),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Settings":
        if type(values["seed"]) is not int or not isinstance(values["dataset"], str):
            raise ValueError("`seed` must be a whole number and `dataset` a name")
        return cls(
            dataset=values["dataset"],
            labels=Labels(class_names=tuple(values["class_names"]), stuff=tuple(values["stuff"])),
            samples=files.sampling_from_json(values["samples"]),
            features=Features(names=tuple(values["features"])),
            seed=values["seed"],
        )

    def require_same(self, found: "Settings", where: Path) -> None:
        """Raises ValueError, naming every difference, if `where` was made with other settings."""
        ours, theirs = self.to_json(), found.to_json()
        names = ("seed", "dataset", "class_names", "stuff")
        of_samples = sample_differences(
            (self.samples, self.features), (found.samples, found.features)
        )
        others = [
            f"{name} is {theirs[name]!r}, asked for is {ours[name]!r}"
            for name in names
            if ours[name] != theirs[name]
        ]
        refuse_differences(of_samples + others, where, "" if of_samples else AS_IT_IS)


@dataclasses.dataclass(frozen=True)
class Record:
    """One cloud of a store.

    Args:
        name: of the cloud.
        group: of the cloud, which splits name; empty where they name the cloud itself.
        origin: the least x, y and z of the cloud, metres.
        extent: how far the cloud reaches from there, metres.
        num_samples: K, may be 0.
        num_bytes: size of the cloud's file in the store.
        sha256: of the cloud's file.
        cloud_points: points of the cloud that was cut.
        cloud_sha256: of the cloud's coordinates, colours and labels.
        cloud_stamp: size and time of change of the cloud's file; empty if it was in memory.
        instances: (class, raw points, points drawn into the samples) of every instance.
    """

    name: str
    group: str
    origin: tuple[float, float, float]
    extent: tuple[float, float, float]
    num_samples: int
    num_bytes: int
    sha256: str
    cloud_points: int
    cloud_sha256: str
    cloud_stamp: str
    instances: tuple[tuple[int, int, int], ...]

    @property
    def file_name(self) -> str:
        return f"{self.name}.h5"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`; clouds sorted by name."""

    settings: Settings
    clouds: tuple[Record, ...]


def sample_differences(
    expected: tuple[Sampling, Features], found: tuple[Sampling, Features]
) -> list[str]:
    """One phrase per setting of the samples in which two differ."""
    ours, theirs = (
        files.sampling_to_json(samples) | {"features": list(features.names)}
        for samples, features in (expected, found)
    )
    return [
        f"{name} is {theirs.get(name)!r}, asked for is {ours.get(name)!r}"
        for name in sorted(ours | theirs)
        if ours.get(name) != theirs.get(name)
    ]


def refuse_differences(differences: list[str], where: Path, also: str = "") -> None:
    """Raises ValueError if there is any difference; `also` is another way out."""
    if differences:
        ways_out = f"{WAY_OUT} {also}".rstrip()
        raise ValueError(
            f"{where} was prepared with other settings: {'; '.join(differences)}. {ways_out}"
        )


def list_files(folder: Path) -> list[Path]:
    """The files of clouds in a store of ours, sorted; hidden ones are none of them."""
    return sorted(file for file in folder.glob("*.h5") if not file.name.startswith("."))


def save(folder: Path, manifest: Manifest) -> None:
    """Writes `manifest.json`, whole or not at all; to be called when all clouds are there."""
    clouds = {
        record.name: {"file": record.file_name} | dataclasses.asdict(record)
        for record in manifest.clouds
    }
    content = {"format": FORMAT, "made_with": manifest.settings.to_json(), "clouds": clouds}
    disk.write_whole(folder / FILE_NAME, json.dumps(content, indent=1) + "\n")


def load(folder: Path) -> Manifest | None:
    """Reads `manifest.json`.

    Returns:
        The manifest, or None if the folder has none, or one of an earlier format.

    Raises:
        ValueError: it is damaged, or of a later version of this program; the message names it.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format"]
        if version == FORMAT:
            return Manifest(
                settings=Settings.from_json(content["made_with"]),
                clouds=tuple(
                    _record(name, values) for name, values in sorted(content["clouds"].items())
                ),
            )
        if version < FORMAT:
            return None
    except files.UNREADABLE as error:
        raise ValueError(
            f"{path} is damaged ({error!r}). Restore it, or name another folder (`blocks`)."
        ) from error
    raise ValueError(
        f"{path} must be of format {FORMAT}; a later version of this program made it. {WAY_OUT} "
        f"Received: format={version!r}"
    )


def _record(name: str, values: dict[str, Any]) -> Record:
    kept = {field.name: values[field.name] for field in dataclasses.fields(Record)}
    names.require_file_name("`name` of a cloud", name)
    if kept["name"] != name:
        raise ValueError(f"cloud {name} is recorded as {kept['name']}")
    whole = [kept[name] for name in ("num_samples", "num_bytes", "cloud_points")]
    whole += [number for row in kept["instances"] for number in row]
    texts = [kept[name] for name in ("group", "sha256", "cloud_sha256", "cloud_stamp")]
    lengths = [length for name in ("origin", "extent") for length in kept[name]]
    if (
        not all(type(number) is int and -1 <= number < 2**63 for number in whole)
        or not all(isinstance(text, str) for text in texts)
        or not all(type(length) in (int, float) and abs(length) < math.inf for length in lengths)
        or {len(row) for row in kept["instances"]} | {len(kept["origin"]), len(kept["extent"])}
        != {3}
    ):
        raise ValueError(f"the values of cloud {name} are of other kinds than those of a store")
    tuples = {name: tuple(values[name]) for name in ("origin", "extent")}
    return Record(**kept | tuples | {"instances": tuple(map(tuple, values["instances"]))})
