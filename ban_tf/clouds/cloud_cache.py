"""Clouds on disk: one `.npz` per cloud, never half-written, and refused when damaged."""

import zipfile
from pathlib import Path

import numpy as np

from ban_tf import disk
from ban_tf.clouds.cloud import Cloud

_FIELDS = ("name", "xyz", "rgb", "semantic", "instance", "group", "fingerprint", "notes")
_NO_COLOR = np.zeros((0, 0), np.uint8)  # stands for `rgb=None`
_DAMAGE = (zipfile.BadZipFile, ValueError, EOFError, KeyError, OSError)


def save_cloud(cloud: Cloud, path: Path, fingerprint: str = "", notes: str = "") -> None:
    """Writes a cloud as an uncompressed `.npz`; a failed write leaves an earlier file intact.

    Args:
        cloud: the cloud; a missing `rgb` stays missing.
        path: the file to write, ending in `.npz`; its folder is made if needed.
        fingerprint: what the cloud was made from, for `read_header` to compare.
        notes: free text kept with the cloud.

    Raises:
        ValueError: `path` does not end in `.npz`.
        OSError: the file cannot be written, e.g. on a full disk.

    Example:
        >>> import tempfile
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> path = Path(tempfile.mkdtemp()) / "my_scan.npz"
        >>> save_cloud(unlabelled("my_scan", np.zeros((3, 3))), path, fingerprint="f00d")
        >>> len(load_cloud(path)), read_header(path)
        (3, ('f00d', ''))
    """
    if path.suffix != ".npz":
        raise ValueError(f"A cloud is kept in a `.npz` file. Received: path={path}")
    rgb = _NO_COLOR if cloud.rgb is None else cloud.rgb
    with disk.whole(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            name=cloud.name,
            xyz=cloud.xyz,
            rgb=rgb,
            semantic=cloud.semantic,
            instance=cloud.instance,
            group=cloud.group,
            fingerprint=fingerprint,
            notes=notes,
        )


def load_cloud(path: Path) -> Cloud:
    """Reads a cloud written by `save_cloud`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or not a cloud; the message names it.
    """
    fields = _read(path, _FIELDS)
    rgb = fields["rgb"]
    return Cloud(
        name=str(fields["name"]),
        xyz=fields["xyz"],
        rgb=None if rgb.shape == _NO_COLOR.shape else rgb,
        semantic=fields["semantic"],
        instance=fields["instance"],
        group=str(fields["group"]),
    )


def read_header(path: Path) -> tuple[str, str]:
    """Returns the `fingerprint` and `notes` of a saved cloud without reading its points.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or not a cloud; the message names it.
    """
    fields = _read(path, ("fingerprint", "notes"))
    return str(fields["fingerprint"]), str(fields["notes"])


def _read(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no saved cloud at {path}.")
    try:
        # The zip directory is at the end, so a file cut anywhere fails here, not at first use.
        with zipfile.ZipFile(path) as archive:
            return {name: _read_array(archive, name) for name in names}
    except _DAMAGE as error:
        raise ValueError(
            f"{path} is damaged or not a saved cloud ({error}). Move it away and prepare again."
        ) from error


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)
