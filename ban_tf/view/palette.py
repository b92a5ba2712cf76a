"""Colours for classes, instances and mistakes: RGB in [0, 1], light grey for what has none.

The same for every picture and page, and told apart by colour-blind readers too: first those of
Okabe and Ito (Color Universal Design, 2008), then each as far from all before it as RGB has any, in
OKLab as seen with full, red-blind, green-blind and blue-blind vision.
"""

import numpy as np

from ban_tf.config import NONE, Labels

_NONE_COLOR = (0.85, 0.85, 0.85)
_OKABE_ITO = "e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7"
_FURTHER = (
    "801a00 1a00cc 9966ff b30066 8000ff 660099 99cc80 80b380 00ff99 cc00b3 804d00 80ccff b380ff "
    "cccc33 cc004d e68033 b34d80 e61acc 00664d 803399 801a66 cc99cc ff3366 b36699 4d80cc 1a1ae6 "
    "990080 1a99e6 80e6b3 994d99 334d80 990033 806600"
)
_SHADES = (1.0, 0.7, 1.3)  # of the whole list, one after the other: as it is, darker, lighter
RIGHT, WRONG_CLASS, WRONG_INSTANCE, WRONG_BOTH = range(4)
MISTAKES = ("right", "class wrong", "object wrong", "both wrong")
_MISTAKE_COLORS = (_NONE_COLOR, (0.90, 0.62, 0.0), (0.0, 0.45, 0.70), (0.35, 0.0, 0.25))


def distinct_colors(num_colors: int) -> np.ndarray:
    """Colours that tell numbers apart; more of them begin with the same ones.

    Args:
        num_colors: how many. Some forty are well apart, three times as many are different at all,
            and then they begin again.

    Returns:
        float64 `[num_colors, 3]`.

    Example:
        >>> distinct_colors(2).round(2)
        array([[0.9 , 0.62, 0.  ],
               [0.34, 0.71, 0.91]])
    """
    listed = f"{_OKABE_ITO} {_FURTHER}".split()
    basis = np.array([tuple(bytes.fromhex(color)) for color in listed]) / 255.0
    number = np.arange(num_colors)
    shade = np.array(_SHADES)[number // len(basis) % len(_SHADES), None]
    color = basis[number % len(basis)]
    return np.where(shade > 1, 1 - (1 - color) * (2 - shade), color * shade)


def instance_colors(instance: np.ndarray) -> np.ndarray:
    """A colour for each instance.

    Args:
        instance: int `[N]`, at least -1; -1 (`NONE`) is no instance.

    Returns:
        float64 `[N, 3]`.

    Example:
        >>> instance_colors(np.array([0, NONE])).round(2)
        array([[0.9 , 0.62, 0.  ],
               [0.85, 0.85, 0.85]])
    """
    return _look_up(instance, distinct_colors(int(instance.max(initial=NONE)) + 1))


def colors_of_classes(labels: Labels, own: bool = False) -> np.ndarray:
    """The colours of the classes, float64 `[C, 3]`.

    Args:
        labels: the classes.
        own: take the data set's own colours, where it has any. Those are what other people's
            pictures of it have, and seldom told apart by the colour-blind.

    Example:
        >>> labels = Labels(class_names=("desk", "lamp"), class_colors=((255, 0, 0), (0, 0, 255)))
        >>> colors_of_classes(labels, own=True)
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    if own and labels.class_colors:
        return np.array(labels.class_colors) / 255.0
    return distinct_colors(labels.num_classes)


def class_colors(semantic: np.ndarray, labels: Labels, own: bool = False) -> np.ndarray:
    """The colour of each point's class.

    Args:
        semantic: int `[N]`, class of every point, `NONE` where it has none.
        labels: the classes.
        own: as for `colors_of_classes`.

    Returns:
        float64 `[N, 3]`.

    Example:
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> class_colors(np.array([1, NONE]), labels).round(2)
        array([[0.34, 0.71, 0.91],
               [0.85, 0.85, 0.85]])
    """
    return _look_up(semantic, colors_of_classes(labels, own))


def mistake_colors(mistake: np.ndarray) -> np.ndarray:
    """The colour of each point by what is wrong there, one of `RIGHT` to `WRONG_BOTH`.

    Args:
        mistake: int `[N]` in [-1, 4); `NONE` is not judged, and looks like what is right.

    Returns:
        float64 `[N, 3]`.

    Example:
        >>> mistake_colors(np.array([RIGHT, WRONG_CLASS]))
        array([[0.85, 0.85, 0.85],
               [0.9 , 0.62, 0.  ]])
    """
    return _look_up(mistake, np.array(_MISTAKE_COLORS))


def _look_up(numbers: np.ndarray, colors: np.ndarray) -> np.ndarray:
    return np.vstack([colors, _NONE_COLOR])[numbers]  # `NONE` reads the last
