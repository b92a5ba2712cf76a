"""Kinds of values: which of them a field takes, and what they are called to people."""

import dataclasses
import json
import math
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import numpy as np

_UNIONS = (types.UnionType, typing.Union)
_Config = TypeVar("_Config")


@typing.dataclass_transform(kw_only_default=True, frozen_default=True)
def config(cls: type[_Config]) -> type[_Config]:
    """Makes a frozen dataclass whose fields are named, and hold values of their kinds.

    That is checked before the class's own rules; choices are left to these. Scalars of NumPy become
    numbers of Python, which JSON can hold, lists become tuples, and text becomes a path where one
    is asked for.

    Example:
        >>> @config
        ... class Box:
        ...     widths: tuple[int, ...]
        >>> Box(widths=[np.int64(3), 4])
        Box(widths=(3, 4))
        >>> Box(widths="34")
        Traceback (most recent call last):
        ...
        TypeError: `widths` must be a list, of each item a whole number. Received: widths='34'
    """
    own_rules = cls.__dict__.get("__post_init__", lambda self: None)
    kinds: dict[str, Any] = {}

    def check(self: Any) -> None:
        kinds.update(kinds or typing.get_type_hints(cls))  # once all classes are there
        for name, kind in kinds.items():
            # The one moment in which a frozen instance may still be completed.
            object.__setattr__(self, name, _taken(kind, getattr(self, name), name))
        own_rules(self)

    typing.cast(Any, cls).__post_init__ = check
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def _taken(kind: Any, value: Any, name: str) -> Any:
    """The value as a field of the kind keeps it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str) and Path in (kind, *get_args(kind)):
        return Path(value)
    is_tuple = get_origin(kind) is tuple
    if not is_tuple and any(get_origin(part) is Literal for part in (kind, *get_args(kind))):
        return value  # the class's own rules name the choices
    if is_tuple and isinstance(value, list | tuple):
        inner = get_args(kind)
        if inner[-1] is not Ellipsis and len(inner) != len(value):
            raise TypeError(f"`{name}` must hold {len(inner)} values. Received: {name}={value!r}")
        taken = [_taken(inner[0], item, f"{name}[{k}]") for k, item in enumerate(value)]
        return tuple(taken)
    if isinstance(value, float) and not math.isfinite(value) and fits(kind, 0.5):
        raise ValueError(f"`{name}` must be finite. Received: {name}={value}")
    if is_tuple or not fits(kind, value):
        raise TypeError(f"`{name}` must be {name_of(kind)}. Received: {name}={value!r}")
    return value


def fits(kind: Any, value: Any) -> bool:
    """Whether a plain value is of a type; `true` is no number, and NaN is none either.

    Example:
        >>> fits(int, 3), fits(int, True), fits(float, 3), fits(int | None, None)
        (True, False, True, True)
    """
    if get_origin(kind) in _UNIONS:
        return any(fits(option, value) for option in get_args(kind))
    if get_origin(kind) is Literal:
        return any(value == option and type(value) is type(option) for option in get_args(kind))
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if kind is type(None) else isinstance(value, get_origin(kind) or kind)


def name_of(kind: Any) -> str:
    """A type for people, as JSON names it.

    Example:
        >>> name_of(int | None), name_of(tuple[str, ...])
        ('a whole number or null', 'a list, of each item a text')
    """
    if get_origin(kind) in _UNIONS:
        return " or ".join(name_of(option) for option in get_args(kind))
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(json.dumps(option) for option in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list, of each item {name_of(get_args(kind)[0])}"
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    names |= {Path: "a place"}
    return names.get(kind) or ("null" if kind is type(None) else f"an object ({kind.__name__})")
