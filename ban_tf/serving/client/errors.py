"""What can go wrong between a client and a served model."""


class ServingError(RuntimeError):
    """A served model gave no labels; the message says why and what to do."""


class UnreachableError(ServingError):
    """Nobody answers, not in time, or the server has no time for this."""


class NotServedError(ServingError):
    """The server has no such model, version or signature."""


class RefusedError(ServingError):
    """The server refuses this request and would refuse it again."""


class OtherModelError(ServingError):
    """The served model is of another kind than is asked for, or another than before."""


class BadAnswerError(ServingError):
    """An answer that cannot be: a wrong shape, a wrong dtype, or values that are not finite."""


class Failure(Exception):  # noqa: N818, it never leaves this package
    """A try that failed, as a transport tells it.

    Args:
        code: of gRPC, such as `UNAVAILABLE`; REST's statuses are told as the code they stand for.
        message: of the server, or of what lies between.
        wait_s: how long the server asks to wait; None where it does not say.
    """

    def __init__(self, code: str, message: str, wait_s: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.wait_s = wait_s
