"""The 40 classes of NYU Depth v2 that several data sets are annotated with; ids count from 1."""

NAMES = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
    "floor mat", "clothes", "ceiling", "books", "refridgerator", "television", "paper", "towel",
    "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp",
    "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop",
)  # fmt: skip


def id_of(name: str) -> int:
    """The id of a class.

    Raises:
        ValueError: there is no such class.

    Example:
        >>> id_of("wall"), id_of("otherprop")
        (1, 40)
    """
    return NAMES.index(name) + 1
