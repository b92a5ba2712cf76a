"""What every part of the config is checked with: rule, value received, way out."""

from typing import Any, get_args


def require(rule: bool, message: str, **received: Any) -> None:
    if not rule:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"{message} Received: {values}")


def require_choice(choices: Any, **received: Any) -> None:
    for name, value in received.items():
        options = ", ".join(repr(choice) for choice in get_args(choices))
        require(value in get_args(choices), f"`{name}` must be one of {options}.", **received)


def require_at_least_one(**received: int) -> None:
    for name, value in received.items():
        require(value >= 1, f"`{name}` must be at least 1.", **{name: value})


def require_widths(**received: tuple[int, ...]) -> None:
    for name, widths in received.items():
        require(
            bool(widths) and min(widths) >= 1,
            f"`{name}` must hold at least one width, each at least 1.",
            **{name: widths},
        )


def require_decoder(
    decoder: tuple[tuple[int, ...], ...], encoder: tuple[Any, ...], more: int = 0, least: int = 1
) -> None:
    """One tuple of widths per level of the encoder, or `more`, at least `least`; none is empty."""
    levels = (
        f"more than `encoder` has levels, at least {least}" if more else "per level of `encoder`"
    )
    require(
        len(decoder) == len(encoder) + more >= least,
        f"`decoder` must have one tuple of widths {levels}.",
        encoder=len(encoder),
        decoder=len(decoder),
    )
    require(
        all(widths and min(widths) >= 1 for widths in decoder),
        "each step of `decoder` must hold at least one width, each at least 1.",
        decoder=decoder,
    )
