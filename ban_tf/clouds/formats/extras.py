"""Libraries that only some formats need, loaded when such a file comes."""

import importlib
from types import ModuleType


def load(module: str, extra: str, what: str) -> ModuleType:
    """Imports a library of an extra of ours.

    Args:
        module: to import.
        extra: of the package, which installs it.
        what: needs it.

    Raises:
        ImportError: it is missing; the message has the command that installs it.

    Example:
        >>> load("no_such_library", "scans", "LAS files")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ImportError: LAS files need `no_such_library`: ...
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{what} need `{module}`: python -m pip install "ban-tf[{extra}]" (in a checkout: '
            f'python -m pip install -e ".[{extra}]")'
        ) from error
