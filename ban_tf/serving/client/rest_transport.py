"""To a server by HTTP and JSON: needs no package, and several times the bytes of gRPC."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

from ban_tf.config.served import Server
from ban_tf.serving.client import json_values
from ban_tf.serving.client.errors import Failure
from ban_tf.serving.client.stopping import Stop
from ban_tf.serving.client.transport import Arrays, Metadata, Signature, tensor

# Codes of gRPC by the statuses that TensorFlow Serving, and proxies before it, tell them as.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    412: "FAILED_PRECONDITION",
    413: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_CONNECT_S = 10.0  # a connection takes no longer, whatever an answer may take
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class RestTransport:
    """A `Transport` by REST. Connections are kept and used again.

    Args:
        server: where it is.

    Raises:
        OSError: `ca_file` cannot be read.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._path = f"/v1/models/{urllib.parse.quote(server.model_name, safe='')}"
        self._headers = {"Content-Type": "application/json"}
        if server.token is not None:
            self._headers["Authorization"] = f"Bearer {server.token}"
        self._context = ssl.create_default_context(cafile=server.ca_file) if server.tls else None
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._is_closed = False

    def metadata(self, version: int | None, stop: Stop) -> Metadata:
        body = self._ask("GET", f"{self._of(version)}/metadata", None, stop)

        def tensors(infos: dict[str, Any]) -> dict[str, Any]:
            return {name: _tensor(info) for name, info in infos.items()}

        with _as_failure():
            document = json.loads(body)
            signatures = {
                name: Signature(tensors(one.get("inputs", {})), tensors(one.get("outputs", {})))
                for name, one in document["metadata"]["signature_def"]["signature_def"].items()
            }
            found = document.get("model_spec", {}).get("version")
            return Metadata(None if found in (None, "") else int(found), signatures)

    def states(self, stop: Stop) -> dict[int, str]:
        body = self._ask("GET", self._path, None, stop)
        with _as_failure():
            listed = json.loads(body)["model_version_status"]
            return {int(one["version"]): str(one["state"]) for one in listed}

    def predict(
        self, version: int | None, name: str, signature: Signature, inputs: Arrays, stop: Stop
    ) -> tuple[Arrays, int | None]:
        body = json_values.request(name, inputs)
        if len(body) > self._server.max_message_bytes:
            raise Failure("OUT_OF_RANGE", f"the request has {len(body)} bytes")
        answer = self._ask("POST", f"{self._of(version)}:predict", body, stop)
        with _as_failure():
            return json_values.answer(answer, signature), None

    def close(self) -> None:
        with self._lock:
            idle, self._idle, self._is_closed = self._idle, [], True
        for connection in idle:
            connection.close()

    def _of(self, version: int | None) -> str:
        return self._path if version is None else f"{self._path}/versions/{version}"

    def _ask(self, method: str, path: str, body: bytes | None, stop: Stop) -> bytes:
        """The body of an answer that is one; what is refused is a `Failure`."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is not None:
                with contextlib.suppress(*_STALE):  # closed by the server while it was idle
                    return self._exchange(connection, method, path, body, stop)
            return self._exchange(self._connection(), method, path, body, stop)
        except TimeoutError as error:
            raise Failure("DEADLINE_EXCEEDED", "no answer in time") from error
        except ssl.SSLError as error:  # another try would meet the same certificate
            raise Failure("UNAUTHENTICATED", f"TLS: {error}") from error
        except OSError as error:
            raise Failure("UNAVAILABLE", str(error) or type(error).__name__) from error
        except http.client.HTTPException as error:
            raise Failure("INTERNAL", f"no HTTP: {error!r}") from error

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._server.host.strip("[]"), self._server.port
        timeout = min(self._server.timeout_s, _CONNECT_S)
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        stop: Stop,
    ) -> bytes:
        stopped = threading.Event()

        def cancel() -> None:
            stopped.set()
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

        try:
            if connection.sock is None:
                _connect(connection, self._server.timeout_s)
            with stop.cancelling(cancel):
                connection.request(method, path, body, self._headers)
                response = connection.getresponse()
                found = response.read(self._server.max_message_bytes + 1)
                if response.length and len(found) <= self._server.max_message_bytes:
                    raise ConnectionResetError("the connection ended within an answer")
        except BaseException as error:  # Ctrl-C too: half an answer is of no use to the next
            connection.close()
            if stopped.is_set():
                raise Failure("CANCELLED", "it was stopped") from error
            raise
        if len(found) > self._server.max_message_bytes:
            connection.close()
            raise Failure("OUT_OF_RANGE", f"the answer has more than {len(found) - 1} bytes")
        with self._lock:
            is_kept = not (response.will_close or self._is_closed)
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()
        if response.status != http.client.OK:
            raise _failure(response, found)
        return found


def _connect(connection: http.client.HTTPConnection, timeout_s: float) -> None:
    connection.connect()
    connection.sock.settimeout(timeout_s)  # of an answer, which may take longer


def _tensor(info: dict[str, Any]) -> Any:
    shape = info.get("tensor_shape", {})
    unknown = shape.get("unknown_rank", False)
    sizes = None if unknown else [int(dim["size"]) for dim in shape.get("dim", ())]
    return tensor(info["dtype"], sizes)


@contextlib.contextmanager
def _as_failure() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Failure("INTERNAL", f"an answer that is not understood: {error!r}") from error


def _failure(response: http.client.HTTPResponse, body: bytes) -> Failure:
    try:
        message = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        message = body[:300].decode(errors="replace").strip()
    code = _CODES.get(response.status, "INTERNAL")
    asked = response.headers.get("Retry-After", "")
    wait_s = float(asked) if asked.isascii() and asked.isdigit() else None
    return Failure(code, f"HTTP {response.status}: {message or response.reason}", wait_s)
