"""Requests that are not answered: the codes of gRPC, and what HTTP says in their place."""

import grpc

LONGEST = 1000  # characters of a message; the headers of gRPC hold no more than 8 KiB

# As the stock server translates them.
_HTTP = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class RefusedError(Exception):
    """A request that gets no answer but a status.

    Args:
        code: of gRPC.
        message: the rule, what was received, and the way out.

    Example:
        >>> RefusedError(grpc.StatusCode.NOT_FOUND, "no such model").http_status
        404
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message[:LONGEST])
        self.code = code

    @property
    def http_status(self) -> int:
        return _HTTP.get(self.code, 500)


def invalid(message: str) -> RefusedError:
    """A request that is wrong by itself."""
    return RefusedError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> RefusedError:
    """A request for what is not here."""
    return RefusedError(grpc.StatusCode.NOT_FOUND, message)


def exhausted(message: str) -> RefusedError:
    """A request that asks too much, or comes at a time of too many."""
    return RefusedError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def unavailable(message: str) -> RefusedError:
    """A request that may be answered later, or by another server."""
    return RefusedError(grpc.StatusCode.UNAVAILABLE, message)


def of_number(number: int, message: str) -> RefusedError:
    """What a worker refused, which tells the number of a code.

    Example:
        >>> of_number(3, "fewer points than the network needs").code.name
        'INVALID_ARGUMENT'
    """
    return RefusedError(_BY_NUMBER.get(number, grpc.StatusCode.INTERNAL), message)
