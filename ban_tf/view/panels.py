"""The columns of a picture: a cloud as it is, true and predicted labels, and mistakes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np

from ban_tf.clouds.cloud import Cloud
from ban_tf.config import NONE, Labels
from ban_tf.config.pictures import Panel
from ban_tf.view import figures, matching, palette

PANELS: tuple[Panel, ...] = get_args(Panel)
_NO_RGB = 0.6  # grey of clouds without colours
TRUTH = "truth"


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted:
    """What a system says of a cloud.

    Attributes:
        semantic: int `[N]`, classes, `NONE` for none.
        instance: int `[N]`, instances, `NONE` for none.
    """

    semantic: np.ndarray
    instance: np.ndarray


def compare(
    cloud: Cloud,
    labels: Labels,
    found: Mapping[str, Predicted],
    which: Sequence[Panel] = PANELS,
    own_colors: bool = False,
) -> dict[str, np.ndarray]:
    """Colourings of a labelled cloud beside those of what systems say of it.

    A predicted instance has the colour of the true one that it matches (`matching.numbers`), and a
    colour of its own where it matches none.

    Args:
        cloud: the cloud, with its true labels.
        labels: its classes.
        found: what each system says, by its title.
        which: the groups of columns, in their order.
        own_colors: colours of classes as for `palette.class_colors`.

    Returns:
        float `[N, 3]` colours by title, for `figures.Row`.

    Example:
        >>> from ban_tf.clouds.cloud import unlabelled
        >>> desk, none = unlabelled("desk", np.zeros((4, 3))), np.full(4, -1)
        >>> list(compare(desk, Labels(class_names=("desk",)), {"BAN": Predicted(none, none)}))[:3]
        ['scene', 'instances: truth', 'instances: BAN']
    """
    grey = np.full((len(cloud), 3), _NO_RGB)
    truth = Predicted(cloud.semantic, labels.without_stuff(cloud.semantic, cloud.instance))
    columns: dict[str, np.ndarray] = {}
    for panel in which:
        if panel == "scene":
            columns["scene"] = grey if cloud.rgb is None else cloud.rgb / 255.0
        elif panel == "instances":
            own, _ = matching.numbers(truth.instance, truth.instance)
            columns[f"instances: {TRUTH}"] = palette.instance_colors(own)
            for title, one in found.items():
                _, like = matching.numbers(truth.instance, one.instance)
                columns[f"instances: {title}"] = palette.instance_colors(like)
        elif panel == "classes":
            for title, one in {TRUTH: truth, **found}.items():
                colors = palette.class_colors(one.semantic, labels, own_colors)
                columns[f"classes: {title}"] = colors
        else:
            for title, one in found.items():
                wrong = matching.mistakes(
                    truth.semantic, truth.instance, one.semantic, one.instance
                )
                columns[f"mistakes: {title}"] = palette.mistake_colors(wrong)
    return columns


def legends(
    seen: Sequence[np.ndarray],
    labels: Labels,
    which: Sequence[Panel] = PANELS,
    own_colors: bool = False,
) -> list[figures.Legend]:
    """What the colours of a picture mean: the classes in it, and the kinds of mistakes.

    Args:
        seen: int arrays of all classes that are drawn.
        labels: the classes.
        which: the groups of columns.
        own_colors: as for `compare`.

    Example:
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> [[words for words, _ in one] for one in legends([np.array([1, 1])], labels)]
        [['lamp'], ['right', 'class wrong', 'object wrong', 'both wrong']]
    """
    found: list[figures.Legend] = []
    if "classes" in which:
        colors = palette.colors_of_classes(labels, own_colors)
        present = np.unique(np.concatenate([np.zeros(0, np.int64), *seen]))
        found.append(
            [(labels.class_names[index], colors[index]) for index in present if index != NONE]
        )
    if "mistakes" in which:
        colors = palette.mistake_colors(np.arange(len(palette.MISTAKES)))
        found.append(list(zip(palette.MISTAKES, colors, strict=True)))
    return found


def row(
    cloud: Cloud, rows: np.ndarray, columns: Mapping[str, np.ndarray], name: str
) -> figures.Row:
    """A row of a picture that shows some points of a cloud."""
    return figures.Row(
        name, cloud.xyz[rows], {title: colors[rows] for title, colors in columns.items()}
    )
