"""The file from which a stopped segmentation goes on."""

import dataclasses
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ban_tf import disk
from ban_tf.inference.cloud_state import CloudState
from ban_tf.inference.digest import digest
from ban_tf.inference.key import Key

_FORMAT = 2  # of the file; one more whenever its contents change
_MAX_SHARE = 0.05  # of the time that writing states may take: those of large clouds take seconds
_UNREADABLE = (ValueError, KeyError, EOFError, zipfile.BadZipFile)
_WAY_OUT = (
    "An earlier state is intact. With space and rights restored the same call goes on from there."
)


class StateFile:
    """Keeps the state of a cloud, whole or not at all.

    Args:
        path: where it is kept; need not exist, its folder is created.
        key: what the labels depend on; a file with another key is refused.
        plan: int `[K, P]`, the points of all samples; a file with another plan is refused.
        every_s: least seconds between two states; more where writing one takes long.

    Raises:
        OSError: the folder cannot be created.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "room.state"
        >>> keeper = StateFile(path, Key("cloud", "network", "experiment"), np.zeros((1, 64)), 60.0)
        >>> keeper.delete()  # of what was never written
    """

    def __init__(self, path: Path, key: Key, plan: np.ndarray, every_s: float):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._header = {"format": str(_FORMAT), **dataclasses.asdict(key), "plan": digest(plan)}
        self._every_s = every_s
        self._last = time.monotonic()
        self._cost = 0.0

    def load(self, cloud: CloudState) -> None:
        """Brings `cloud`, without samples so far, to where the file left it.

        Does nothing if there is no file.

        Raises:
            ValueError: the file is damaged, or of another cloud, experiment or network.
        """
        if not self._path.exists():
            return
        way_out = "Move it away to begin anew."
        try:
            with self._path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                others = [name for name in self._header if header.get(name) != self._header[name]]
                if not others:
                    cloud.restore({name: file[name] for name in file.files if name != "header"})
        except _UNREADABLE as error:
            raise ValueError(f"{self._path} is damaged ({error}). {way_out}") from error
        if others:
            raise ValueError(
                f"{self._path} was left by a call with another {' and another '.join(others)}. "
                f"{way_out}"
            )

    def save_if_due(self, cloud: CloudState) -> None:
        """Saves if the last time is long enough ago."""
        elapsed = time.monotonic() - self._last
        if elapsed >= self._every_s and self._cost <= _MAX_SHARE * elapsed:
            self.save(cloud)

    def save(self, cloud: CloudState) -> None:
        """Writes the state, whole or not at all, if it has samples and is whole.

        Raises:
            OSError: a full disk, a missing right and so on; the message names the file.
        """
        if not cloud.is_whole or cloud.num_samples == 0:
            return
        begin = time.monotonic()
        contents: dict[str, Any] = {"header": np.array(json.dumps(self._header)), **cloud.state()}
        # Straight into the file: a copy in memory would double what a large cloud takes.
        with disk.whole(self._path, _WAY_OUT) as temporary, temporary.open("wb") as file:
            np.savez(file, **contents)
        self._last = time.monotonic()
        self._cost = self._last - begin

    def delete(self) -> None:
        """Removes the file: the segmentation is finished."""
        self._path.unlink(missing_ok=True)
