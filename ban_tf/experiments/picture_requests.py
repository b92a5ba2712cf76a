"""What a user asks of the commands that draw; importing it is fast."""

from pathlib import Path

from ban_tf.config import kinds
from ban_tf.config.pictures import CELL_WIDTH, ClassColors, Panel


@kinds.config
class Figure:
    """A picture of evaluated clouds: a line for each, truth and predictions side by side.

    Args:
        run: run folder; None takes the newest below `runs/`.
        compare: further runs, of the same clouds, beside it.
        cloud: names of the clouds; none given takes the first that was evaluated.
        panels: the groups of columns, in their order.
        class_colors: told apart by the colour-blind too, or the data set's own.
        width: of a cell, pixels.
        out: the picture to write; None is `cloud.png`.
        html: page for a browser of one cloud of `run` to write instead of a picture.
        similarity: keep in the page where the attentions of the network look.
        overwrite: replace a picture or page that is there.
    """

    run: Path | None = None
    compare: tuple[Path, ...] = ()
    cloud: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = ("scene", "instances", "mistakes", "classes")
    class_colors: ClassColors = "distinct"
    width: int = CELL_WIDTH
    out: Path | None = None
    html: Path | None = None
    similarity: bool = False
    overwrite: bool = False


@kinds.config
class Similarity:
    """A look into the attentions of a trained BAN.

    Args:
        run: run folder; None takes the newest below `runs/`.
        num_samples: of the test, at most.
        json: file to write the numbers to as well.
        out: picture of the similarities of points, a line for each.
        point: their numbers in the first sample; none given takes one in the middle.
        width: of a cell of the picture, pixels.
        overwrite: replace files that are there.
    """

    run: Path | None = None
    num_samples: int = 32
    json: Path | None = None
    out: Path | None = None
    point: tuple[int, ...] = ()
    width: int = CELL_WIDTH
    overwrite: bool = False
