"""From the code that a try failed with to a sentence on what to do."""

from ban_tf.config.served import Server
from ban_tf.serving.client.errors import (
    BadAnswerError,
    Failure,
    NotServedError,
    RefusedError,
    ServingError,
    UnreachableError,
)

_PORTS = "TensorFlow Serving has gRPC at port 8500 and REST at 8501"


def error_of(
    failure: Failure, server: Server, version: int | None, states: dict[int, str] | None
) -> ServingError:
    """What to raise.

    Args:
        failure: of the last try.
        server: that was asked.
        version: of the model, if one was named.
        states: of all versions, for a model or version that is not there; None if not known.

    Example:
        >>> failure = Failure("UNAVAILABLE", "refused")
        >>> print(error_of(failure, Server(address="localhost:8500", attempts=2), None, None))
        no answer from localhost:8500 by gRPC after 2 tries: start the server, or check \
`address` (TensorFlow Serving has gRPC at port 8500 and REST at 8501). Received: UNAVAILABLE: \
refused
    """
    way = "REST" if server.rest else "gRPC"
    at = f"{server.address} by {way}"
    received = f"Received: {failure}"
    code = failure.code
    if code == "UNAVAILABLE":
        return UnreachableError(
            f"no answer from {at} after {server.attempts} tries: start the server, or check "
            f"`address` ({_PORTS}). {received}"
        )
    if code == "RESOURCE_EXHAUSTED":
        return UnreachableError(
            f"{at} had no time for a request in {server.attempts} tries: lower `in_flight`, "
            f"{server.in_flight} now, or try again later. {received}"
        )
    if code == "DEADLINE_EXCEEDED":
        return UnreachableError(
            f"no answer from {at} within {server.timeout_s:g} s (`timeout_s`): raise it, or lower "
            f"`blocks_per_request`, {server.blocks_per_request} now. {received}"
        )
    if code == "OUT_OF_RANGE":
        return RefusedError(
            f"a message to or from {at} is too large: lower `blocks_per_request`, "
            f"{server.blocks_per_request} now, or raise `max_message_bytes`, "
            f"{server.max_message_bytes} now, here or at the server. {received}"
        )
    if code == "NOT_FOUND":
        return NotServedError(_not_there(server, version, states, received))
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return RefusedError(
            f"{at} does not let this client in: check `token`, `tls` and `ca_file`. {received}"
        )
    if code in ("UNIMPLEMENTED", "INTERNAL", "UNKNOWN"):
        return BadAnswerError(
            f"{at} does not answer as TensorFlow Serving does: check `address` and `rest` "
            f"({_PORTS}). {received}"
        )
    return RefusedError(f"{at} refuses the request. {received}")


def _not_there(
    server: Server, version: int | None, states: dict[int, str] | None, received: str
) -> str:
    if not states:
        return (
            f"{server.address} has no model {server.model_name!r}: check `model_name`. {received}"
        )
    listed = ", ".join(f"{number} ({state})" for number, state in sorted(states.items()))
    if version is None:
        return (
            f"{server.address} has no version of {server.model_name!r} that answers: wait until "
            f"one is loaded. There are: {listed}. {received}"
        )
    return (
        f"{server.address} has no version {version} of {server.model_name!r} (`model_version`) "
        f"that answers: what was begun with it goes on only with it. There are: {listed}. "
        f"{received}"
    )
