"""The page that tells people of an evaluation, beside its scores."""

import json
import pathlib

from ban_tf import config, disk
from ban_tf.experiments import results
from ban_tf.view import report

NAME = "report.html"
_PLACES = (".", "html", "viewer", "viewers")  # below a folder of results, where pages of clouds lie


def write(folder: pathlib.Path, result: results.Result) -> pathlib.Path:
    """Writes the page into a folder of results; it links to `<cloud>.html` where there are any.

    Args:
        folder: of the results.
        result: what is reported.

    Returns:
        The page.
    """
    documents = {
        "Evaluated networks (SHA-256)": result.models,
        "Evaluated with": dict(result.evaluated_with),
        "Seconds of training and evaluation": [result.training_seconds, result.evaluation_seconds],
        "Trainings": [dict(one) for one in result.training],
        "Settings": json.loads(config.to_json(result.experiment)),
    }
    path = folder / NAME
    pages = _pages(folder, result.scores.clouds)
    disk.write_whole(path, report.render(result.scores, documents, pages))
    return path


def rewrite(folder: pathlib.Path) -> pathlib.Path:
    """Writes the page of an evaluation that was done before, such as for pages made since then.

    Raises:
        FileNotFoundError: the folder holds no result.
        ValueError: its result is damaged or of another version.
    """
    return write(folder, results.read(folder))


def _pages(folder: pathlib.Path, clouds: tuple[str, ...]) -> dict[str, str]:
    """The pages of clouds that are there, relative to the folder."""
    found = {}
    for name in clouds:
        for place in _PLACES:
            if (folder / place / f"{name}.html").is_file() and f"{name}.html" != NAME:
                found[name] = f"{name}.html" if place == "." else f"{place}/{name}.html"
                break
    return found
