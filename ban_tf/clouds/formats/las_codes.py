"""Classes as codes of LAS files: those that ASPRS leaves to users, 64 and up."""

import numpy as np

_FIRST_OWN_CLASS, _LAST_CLASS = 64, 255  # of the ASPRS codes, those for users
_FREE_CODES = (0, 1)  # never classified, unassigned
_FIRST_WITH_BYTE = 6  # of the point formats; those before hold five bits of a code


def takes_classes(num_classes: int) -> bool:
    """Whether so many classes have codes among those that ASPRS leaves free."""
    return num_classes - 1 + _FIRST_OWN_CLASS <= _LAST_CLASS


def takes_codes(point_format: int | None, num_classes: int, may_replace: bool) -> bool:
    """Whether a LAS file gets `classification` (see `classification`).

    Args:
        point_format: of the file; None of a new one.
        num_classes: of the labels.
        may_replace: whether what the file has there may go.
    """
    has_room = point_format is None or point_format >= _FIRST_WITH_BYTE
    return takes_classes(num_classes) and has_room and may_replace


def are_free(codes: np.ndarray) -> bool:
    """Whether codes of a file say nothing, so that ours may take their place."""
    return bool(np.isin(codes, _FREE_CODES).all())


def codes_of(semantic: np.ndarray) -> np.ndarray:
    """uint8 `[N]`: 64 and the class, 0 for none."""
    return np.where(semantic < 0, 0, semantic + _FIRST_OWN_CLASS).astype(np.uint8)
