"""How sure the instances of prediction files are: what average precision sorts them by.

The files of ASIS, JSNet and BAN have no scores, but the probability of each point's own class. From
these a score is estimated. What is written here has a third file beside them, which they do not
mind, with the score of every instance:

    <room>_score.txt   score        one line per instance, from 0 on
"""

import pathlib

import numpy as np

from ban_tf import disk
from ban_tf.clouds import overlap
from ban_tf.config import NONE
from ban_tf.data.prediction_files import RoomPrediction

SUFFIX = "_score.txt"


def write(folder: pathlib.Path, room: str, scores: np.ndarray) -> pathlib.Path:
    """Writes the scores of a room's instances, to the last bit.

    Args:
        folder: of the prediction files.
        room: name of the room.
        scores: float64 `[G]`, of the instances 0 to G - 1.

    Returns:
        The file.

    Example:
        >>> import tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> write(folder, "office_1", np.array([0.1])).read_text()
        '0.10000000000000001\\n'
    """
    path = folder / (room + SUFFIX)
    disk.write_whole(path, "".join(f"{score:.17g}\n" for score in scores.tolist()))
    return path


def numbered(
    room: RoomPrediction, folder: pathlib.Path | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The instances of a room, numbered without gaps, and their scores.

    The scores are those of the file beside the predictions. Without it the score of an instance is
    the mean probability of its points of its own class, the most frequent one; probabilities that
    are all 0, or all 1, are none.

    Args:
        room: as it was read.
        folder: where its files lie; None if there are none.

    Returns:
        int64 `[N]` instances, `NONE` for points of none, and float64 `[G]` scores; None if nothing
        is known of these.

    Raises:
        ValueError: a file of scores that is damaged or of other instances; the message names it.

    Example:
        >>> label = np.zeros(3, np.int32)
        >>> room = RoomPrediction(
        ...     "office_1",
        ...     xyz=np.zeros((3, 3)),
        ...     rgb=np.zeros((3, 3)),
        ...     probability=np.array([0.5, 1.0, 0.75], np.float32),
        ...     semantic=label,
        ...     instance=np.array([7, 7, -1]),
        ...     truth_semantic=label,
        ...     truth_instance=label,
        ... )
        >>> numbered(room)
        (array([ 0,  0, -1]), array([0.75]))
    """
    used = room.instance != NONE
    labels, code = overlap.number(room.instance[used])
    instance = np.full(len(room.instance), NONE, np.int64)
    instance[used] = code
    path = None if folder is None else folder / (room.name + SUFFIX)
    if path is not None and path.is_file():
        return instance, _read(path, labels)
    if (room.probability == 0).all() or (room.probability == 1).all():
        return instance, None
    classes, counts = overlap.majority(code, room.semantic[used], len(labels))
    own = room.semantic[used] == classes[code]
    total = np.bincount(code[own], room.probability[used][own], len(labels))
    return instance, total / np.maximum(counts, 1)


def _read(path: pathlib.Path, labels: np.ndarray) -> np.ndarray:
    scores = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        try:
            scores.append(float(line))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: a score is one number. {line!r}") from error
    found = np.array(scores)
    if np.isnan(found).any() or (len(labels) and labels[-1] >= len(found)):
        raise ValueError(
            f"{path} must hold a score for each instance of the predictions beside it, none NaN; "
            f"delete it to estimate the scores. Received: {len(found)} scores, "
            f"instance {int(labels.max(initial=NONE))}"
        )
    return found[labels]
