"""Colours for classes and instances: RGB in [0, 1], light grey for what has none."""

import numpy as np

from ban_tf.config import NONE, Labels

_NONE_COLOR = (0.85, 0.85, 0.85)
_TURN = 0.61803  # steps of the golden ratio around the colour wheel keep neighbouring numbers apart
_SHADES = (0.9, 0.65, 0.45)


def distinct_colors(num_colors: int) -> np.ndarray:
    """Colours that tell neighbouring numbers apart; more of them begin with the same ones.

    Returns:
        float64 `[num_colors, 3]`.

    Example:
        >>> distinct_colors(2).round(2)
        array([[0.9 , 0.  , 0.  ],
               [0.  , 0.19, 0.65]])
    """
    number = np.arange(num_colors)
    hue = number * _TURN % 1.0
    wheel = np.clip(np.abs((hue[:, None] * 6 + (0, 4, 2)) % 6 - 3) - 1, 0, 1)
    return wheel * np.array(_SHADES)[number % len(_SHADES), None]


def instance_colors(instance: np.ndarray) -> np.ndarray:
    """A colour for each instance.

    Args:
        instance: int `[N]`, at least -1; -1 (`NONE`) is no instance.

    Returns:
        float64 `[N, 3]`.

    Example:
        >>> instance_colors(np.array([0, NONE])).round(2)
        array([[0.9 , 0.  , 0.  ],
               [0.85, 0.85, 0.85]])
    """
    return _look_up(instance, distinct_colors(int(instance.max(initial=NONE)) + 1))


def class_colors(semantic: np.ndarray, labels: Labels) -> np.ndarray:
    """The colour of each point's class: the data set's own, or a made one where it has none.

    Args:
        semantic: int `[N]`, class of every point, `NONE` where it has none.
        labels: the classes.

    Returns:
        float64 `[N, 3]`.

    Example:
        >>> labels = Labels(class_names=("desk", "lamp"), class_colors=((255, 0, 0), (0, 0, 255)))
        >>> class_colors(np.array([1, NONE]), labels)
        array([[0.  , 0.  , 1.  ],
               [0.85, 0.85, 0.85]])
    """
    own = np.array(labels.class_colors).reshape(-1, 3) / 255.0
    return _look_up(semantic, own if len(own) else distinct_colors(labels.num_classes))


def _look_up(numbers: np.ndarray, colors: np.ndarray) -> np.ndarray:
    return np.vstack([colors, _NONE_COLOR])[numbers]  # `NONE` reads the last
