"""Checks what merging and votes are restored from, before anything is taken over."""

import numpy as np


def check_fits(state: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compares a state with arrays of the shapes and types that it must have.

    Args:
        state: arrays by name.
        expected: arrays with the same names; their values play no part.

    Raises:
        ValueError: a name is missing, or a shape or dtype differs.

    Example:
        >>> check_fits({"sum": np.ones(3)}, {"sum": np.zeros(3)})
    """
    for name, array in expected.items():
        found = state.get(name)
        if found is None or (found.shape, found.dtype) != (array.shape, array.dtype):
            received = "nothing" if found is None else f"{found.dtype} {found.shape}"
            raise ValueError(
                f"`{name}` of a state must be {array.dtype} {array.shape}, as in the room that it "
                f"is restored to. Received: {name}={received}"
            )
