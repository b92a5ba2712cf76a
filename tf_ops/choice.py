"""Which kernels the environment asks for: `BAN_TF_OPS`, read in one place (stdlib only)."""

import os

VARIABLE = "BAN_TF_OPS"
STOCK = f"{VARIABLE}=stock"


def requested() -> str:
    """Returns what `BAN_TF_OPS` asks for: "native", "stock", or "" when it is not set.

    Raises:
        ValueError: it has another value.

    Example:
        >>> from tf_ops import choice
        >>> choice.requested() in ("", "native", "stock")
        True
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in ("", "native", "stock"):
        raise ValueError(
            f'The environment variable {VARIABLE} must be "native" or "stock", in lower case, or '
            f"not set, which means native. Received: {VARIABLE}={chosen}"
        )
    return chosen
