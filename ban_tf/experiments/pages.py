"""Pages for a browser that show labelled clouds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ban_tf import config, disk
from ban_tf.clouds.cloud import Cloud
from ban_tf.data.store import Store
from ban_tf.experiments import unfinished
from ban_tf.inference.results import Segmentation
from ban_tf.training.runs import Run
from ban_tf.view.viewer import page, scene
from ban_tf.view.viewer.similarity import Attention

Attended = tuple[np.ndarray, list[Attention]]


def names(paths: Sequence[Path], html: Path | None) -> dict[Path, Path]:
    """Where the page of each scan goes.

    Args:
        paths: of all scans; of several each has its page in the folder `html`.
        html: the page or folder; None is no pages.

    Raises:
        ValueError: two pages would be one file.

    Example:
        >>> names([Path("a.ply"), Path("b.ply")], Path("pages"))[Path("b.ply")]
        PosixPath('pages/b.html')
    """
    if html is None:
        return {}
    if len(paths) == 1 and not html.is_dir():
        found = {paths[0]: html}
    else:
        found = {path: html / f"{path.name if path.is_dir() else path.stem}.html" for path in paths}
    twins = sorted(path for path in found if list(found.values()).count(found[path]) > 1)
    if twins:
        raise ValueError(
            f"{' and '.join(map(str, twins))} would have one page (`html`): name them one by one."
        )
    return found


def places(found: dict[Path, Path], overwrite: bool, wanted: Sequence[Path]) -> dict[Path, Path]:
    """The pages of the scans that are to be labelled.

    Args:
        found: of `names`.
        overwrite: replace pages that are there.
        wanted: the scans.

    Raises:
        FileExistsError: a page is there and must not be replaced.
        ValueError: one cannot be written.
    """
    chosen = {path: found[path] for path in wanted if path in found}
    for place in chosen.values():
        page.require_free(place, overwrite)
        disk.require_writable(place, "html", is_folder=False)
    return chosen


@dataclasses.dataclass(frozen=True)
class Page:
    """The page of a cloud.

    Args:
        text: HTML.
        num_shown: points that it shows.
        total: points of the cloud.
    """

    text: str
    num_shown: int
    total: int

    @classmethod
    def of(
        cls,
        cloud: Cloud,
        found: Segmentation,
        experiment: config.Experiment,
        attended: Attended | None = None,
        whole: scene.Whole | None = None,
    ) -> Page:
        """Makes the page of a cloud.

        Args:
            cloud: with its true labels, where they are known.
            found: what was predicted.
            experiment: of the network.
            attended: similarities to keep, of `page_similarities.of_cloud`; None keeps none.
            whole: what is predicted of all points, where the cloud has only some of them.

        Raises:
            ValueError: labels that do not fit the cloud.
        """
        chosen, attentions = attended or (None, [])
        text = page.page(
            cloud,
            experiment.labels,
            found,
            attentions,
            chosen,
            is_room=isinstance(experiment.samples, config.Blocks),
            whole=whole,
        )
        num_shown = min(len(cloud), page.MAX_POINTS)
        return cls(text, num_shown, len(cloud) if whole is None else whole.num_points)

    def write(self, path: Path, overwrite: bool = False) -> None:
        """Writes the page, and says so.

        Args:
            path: of the page.
            overwrite: replace one that is there.

        Raises:
            FileExistsError: it is there.
        """
        page.write(path, self.text, overwrite)
        size = f"{len(self.text) / 1e6:.1f} MB"
        some = f", {self.num_shown:,} of {self.total:,} points"
        thinned = some * (self.total > self.num_shown)
        print(f"wrote {path} ({size}{thinned}): open it in a browser")


def evaluated(run: Run, name: str | None) -> tuple[Cloud, Segmentation]:
    """A cloud that a run was evaluated on under the covering protocol, and what was predicted.

    Args:
        run: the run.
        name: of the cloud; None takes the first.

    Raises:
        FileNotFoundError: there is no such prediction.
        ValueError: it is of another version of the cloud.
    """
    folder = run.evaluation_folder("covering") / "predictions"
    names = sorted(file.stem for file in folder.glob("*.npz"))
    name = name or (names[0] if names else None)
    if name not in names:
        raise FileNotFoundError(
            f"{folder} has no prediction of a cloud {name!r}. Evaluate the run {run.folder} "
            f"first, with the covering protocol. It has: {', '.join(names) or 'none'}"
        )
    cloud = Store.open(run.sources().blocks).load_cloud(name)
    return cloud, unfinished.prediction_of(folder.parent, cloud)


def write_evaluated(
    run: Run, name: str | None, path: Path, similarity: bool, overwrite: bool = False
) -> Path:
    """Writes the page of a cloud that a run was evaluated on; returns it.

    Args:
        run: the run.
        name: of the cloud; None takes the first.
        path: of the page.
        similarity: keep where the attentions of the network look.
        overwrite: replace a page that is there.

    Raises:
        FileExistsError: the page is there.
        FileNotFoundError, ValueError: as `evaluated`; or the network has no attention.
    """
    page.require_free(path, overwrite)
    cloud, found = evaluated(run, name)
    attended = None
    if similarity:
        # With Keras, which nothing else here needs.
        from ban_tf.experiments import page_similarities

        keys = page_similarities.queries_and_keys(run.folder)
        attended = page_similarities.of_cloud(cloud, cloud, run.experiment, keys)
    Page.of(cloud, found, run.experiment, attended).write(path, overwrite)
    return path
