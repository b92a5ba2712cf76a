"""What goes to the process that times a system, and what comes back."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ban_tf import config, disk


@dataclasses.dataclass(frozen=True)
class Request:
    """What to time.

    Args:
        experiment: names an embedding system's network, built as it says. Its weights are fresh:
            time does not depend on them.
        blocks: file of a `Workload`.
        rounds: how often; medians are reported.
        with_originals: also run, once, what the originals do after the network.
    """

    experiment: config.Experiment
    blocks: Path
    rounds: int
    with_originals: bool

    def write(self, path: Path) -> None:
        document = {
            "experiment": json.loads(config.to_json(self.experiment)),
            "blocks": str(self.blocks),
            "rounds": self.rounds,
            "with_originals": self.with_originals,
        }
        disk.write_whole(path, json.dumps(document, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Request":
        """The inverse of `write`."""
        values = json.loads(path.read_text(encoding="utf-8"))
        values["experiment"] = config.from_json(json.dumps(values["experiment"]))
        return cls(**values | {"blocks": Path(values["blocks"])})


@dataclasses.dataclass(frozen=True)
class AfterNetwork:
    """From an embedding to instances.

    Args:
        embedding: its name.
        clusters: mean number of clusters in a block.
        instances: of the room.
        seconds: for clustering and merging all blocks, alone.
        whole_seconds: with the network, the clustering beside it.
        originals_seconds: what the originals take after the network, with the same result; None
            if that was not asked for.
    """

    embedding: str
    clusters: float
    instances: int
    seconds: float
    whole_seconds: float
    originals_seconds: float | None


@dataclasses.dataclass(frozen=True)
class Efficiency:
    """One system.

    Args:
        network: its name.
        num_weights: trainable ones.
        shape: K blocks of P points.
        network_seconds: for all blocks, without clustering.
        peak_mib: of the process's memory, above what the framework takes; without the originals.
        gpu_peak_mib: of TensorFlow's memory on the GPU; None without one.
        after: a row for each embedding.
    """

    network: str
    num_weights: int
    shape: tuple[int, int]
    network_seconds: float
    peak_mib: float
    gpu_peak_mib: float | None
    after: tuple[AfterNetwork, ...]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Efficiency":
        """The inverse of `to_json`."""
        values: dict[str, Any] = json.loads(text)
        after = tuple(AfterNetwork(**row) for row in values["after"])
        return cls(**values | {"shape": tuple(values["shape"]), "after": after})
