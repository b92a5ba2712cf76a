"""What a training came to, read back from its run folder."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any, get_args

from ban_tf import config
from ban_tf.config import files
from ban_tf.data.store import Store, manifest
from ban_tf.experiments import results
from ban_tf.metrics.evaluators import Evaluation
from ban_tf.systems import collapse
from ban_tf.training import checkpoints, runs

UNTRAINED = "untrained"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a fold came to.

    Args:
        run: the finished run.
        before: the seven scores of the untrained network, as fractions; None if not asked for.
        after: the evaluation of the trained one.
        collapse: the finding that its embedding collapsed, if it did.
    """

    run: runs.Run
    before: dict[str, Any] | None
    after: Evaluation
    collapse: collapse.Collapse | None

    def gain(self) -> str | None:
        """One line: mIoU and mCov before and after training; None without a before."""
        if self.before is None:
            return None
        means = self.after.means()
        parts = [
            f"{name} {100 * (self.before[name] or 0):.1f} → {100 * means[name]:.1f}"
            for name in ("mIoU", "mCov")
        ]
        start = "before" if self.run.initial_file.is_file() else "untrained"
        return f"{start} → trained: {', '.join(parts)}"


def protocol_of(store: Store) -> config.Protocol:
    """What a training ends with: every raw point, where the store has them."""
    return "covering" if store.settings is not None else "legacy"


def finished(run: runs.Run) -> Outcome | None:
    """What `workflow.train_and_evaluate` came to; None if it has not come to its end."""
    if not run.is_trained:
        return None
    digest = results.digest(run.model_file)
    for protocol in get_args(config.Protocol):
        if protocol == "legacy" and not _is_foreign(run):
            continue  # its training ends with the other one
        with contextlib.suppress(FileNotFoundError, ValueError):  # missing, or to be made anew
            found = results.read(run.evaluation_folder(protocol))
            if found.models == (digest,):
                return Outcome(run, scores_of_start(run), found.scores, None)
    return None


def _is_foreign(run: runs.Run) -> bool:
    """Whether others prepared the run's samples; also where they are gone."""
    return not (run.sources().blocks / manifest.FILE_NAME).is_file()


def scores_of_start(run: runs.Run) -> dict[str, Any] | None:
    """The scores of what training started from, if they were asked for."""
    path = run.evaluation_folder(UNTRAINED) / "scores.json"
    return results.read_scores(path) if path.is_file() else None


def earlier_result(fold_runs: Sequence[runs.Run], out: pathlib.Path) -> results.Result | None:
    """What `workflow.evaluate_runs` left in `out`, if it was of these networks and settings."""
    if not (out / results.NAME).is_file():
        return None
    found = results.read(out)
    models = tuple(results.digest(checkpoints.newest_model(run)) for run in fold_runs)
    differs = files.differences(found.experiment, fold_runs[0].experiment)
    return found if found.models == models and not differs else None
