"""A model behind a server: where it is, how it is asked, how long is waited."""

import dataclasses
import re
from pathlib import Path

from ban_tf.config import kinds
from ban_tf.config.checking import require, require_at_least_one

_ADDRESS = re.compile(r"(?P<host>[^\[\]:/\s]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_NAME = re.compile(r"[^/\s:?#]+")
_OWN_MACHINE = re.compile(r"localhost|127(\.\d{1,3}){3}|\[::1\]")


@kinds.config
class Server:
    """What speaks the protocol of TensorFlow Serving, and how to speak to it.

    Args:
        address: `host:port`; TensorFlow Serving has gRPC at 8500 and REST at 8501.
        model_name: under which the server knows the model.
        model_version: None takes the newest that the server has, and stays with it.
        rest: speak HTTP and JSON, which costs several times the bytes, instead of gRPC.
        tls: encrypt, and check who answers.
        ca_file: certificates (PEM) that the server's is checked against; None takes the system's
            (REST) or those that gRPC brings. With `tls` only.
        token: sent as `Authorization: Bearer <token>`; to another machine with `tls` only.
        timeout_s: seconds that one try of one request may take.
        attempts: tries of a request that the server had no time for.
        blocks_per_request: at most.
        in_flight: requests that are under way at the same time, at most.
        max_message_bytes: of a request or an answer.

    Example:
        >>> Server(address="localhost:8500", model_name="ban").rest
        False
        >>> Server(address="http://localhost:8501")
        Traceback (most recent call last):
        ...
        ValueError: `address` must be host:port, such as localhost:8500, without a scheme or a \
path. Received: address='http://localhost:8501'
    """

    address: str
    model_name: str = "ban"
    model_version: int | None = None
    rest: bool = False
    tls: bool = False
    ca_file: Path | None = None
    token: str | None = dataclasses.field(default=None, repr=False)
    timeout_s: float = 60.0
    attempts: int = 5
    blocks_per_request: int = 4
    in_flight: int = 4
    max_message_bytes: int = 64 << 20  # a Python client of gRPC takes 4 MiB unless told

    def __post_init__(self) -> None:
        found = _ADDRESS.fullmatch(self.address)
        require(
            found is not None and 1 <= int(found["port"]) <= 65535,
            "`address` must be host:port, such as localhost:8500, without a scheme or a path.",
            address=self.address,
        )
        require(
            _NAME.fullmatch(self.model_name) is not None,
            "`model_name` must be the name that the server knows the model by.",
            model_name=self.model_name,
        )
        require(self.timeout_s > 0, "`timeout_s` must be above 0.", timeout_s=self.timeout_s)
        require_at_least_one(
            attempts=self.attempts,
            blocks_per_request=self.blocks_per_request,
            in_flight=self.in_flight,
            max_message_bytes=self.max_message_bytes,
        )
        if self.model_version is not None:
            require(
                self.model_version >= 0,
                "`model_version` must be at least 0.",
                model_version=self.model_version,
            )
        require(
            self.ca_file is None or self.tls,
            "`ca_file` goes with `tls`: without it nothing is encrypted and nobody is checked.",
            ca_file=self.ca_file,
            tls=self.tls,
        )
        self._check_token()

    def _check_token(self) -> None:
        if self.token is None:
            return
        if not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise ValueError("`token` must be printable ASCII on one line. Received: another text")
        require(
            self.tls or _OWN_MACHINE.fullmatch(self.host) is not None,
            "`token` goes to another machine with `tls` only: anybody between could read it.",
            address=self.address,
            tls=self.tls,
        )

    @property
    def host(self) -> str:
        """An IPv6 address stands in brackets."""
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])
