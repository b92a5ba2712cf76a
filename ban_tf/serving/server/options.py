"""What a server is told: frozen, and checked before anything is loaded."""

import dataclasses
import errno
import importlib.util
import math
import os
import socket
import ssl
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from ban_tf.serving import version_folders

_NEEDED = ("grpc", "grpc_health", "tensorflow_serving", "aiohttp", "prometheus_client")
INSTALL = 'python -m pip install -e ".[serving]"'


@dataclasses.dataclass(frozen=True)
class Options:
    """How a model is served.

    Args:
        model: folder `<name>`, which holds a folder for each version, whose name is its number.
        name: under which clients know the model; None takes the folder's.
        ops: "native" loads the compiled ops, which a model exported with them needs.
        versions: "latest", "all", or numbers.
        labels: number of the version by label.
        host: address to listen at; others than the machine's own are told without TLS and token.
        grpc_port: 0 takes a free one.
        rest_port: 0 takes a free one.
        workers: processes that run the model.
        threads: of each worker; None shares the cores among them.
        queue: rows of requests that may wait for a worker.
        timeout_s: that a request may take, waiting included, unless its client says less.
        longest_run_s: after which a worker that runs one batch is ended.
        max_request_mib: size of a request, and of the values in it.
        poll_s: from one look for new versions to the next.
        retries: of a version that cannot be loaded, while its files are the same.
        retry_s: from one of these to the next.
        grace_s: for running requests when the server is told to end.
        tls_cert: certificate file; with `tls_key` both ports speak TLS only.
        tls_key: its key.
        tls_client_ca: certificates of those that may sign clients' ones; clients need one then.
        token_file: file with a token that every request must bring but for those about health.
    """

    model: Path
    name: str | None = None
    ops: Literal["stock", "native"] = "stock"
    versions: Literal["latest", "all"] | tuple[int, ...] = "latest"
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)
    host: str = "127.0.0.1"
    grpc_port: int = 8500
    rest_port: int = 8501
    workers: int = 2
    threads: int | None = None
    queue: int = 64
    timeout_s: float = 30.0
    longest_run_s: float = 300.0
    max_request_mib: int = 64
    poll_s: float = 1.0
    retries: int = 5
    retry_s: float = 60.0
    grace_s: float = 30.0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    token_file: Path | None = None

    @property
    def model_name(self) -> str:
        return self.name or self.model.absolute().name

    @property
    def most_bytes(self) -> int:
        return self.max_request_mib * 2**20

    @property
    def threads_each(self) -> int:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.threads or max(1, (cores or 1) // self.workers)

    def token(self) -> str | None:
        return None if self.token_file is None else self.token_file.read_text().strip()


def check(options: Options) -> None:
    """Refuses what cannot be served, before anything is loaded.

    Raises:
        ImportError: packages of the extra `serving` are missing.
        FileNotFoundError: no model folder, no version in it, or no TLS or token file.
        ValueError: a number out of its range, or options that contradict each other.
        OSError: a port is in use or may not be taken.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"serving needs {', '.join(missing)}. Install it with: {INSTALL}")
    _check_numbers(options)
    _check_model(options)
    _check_files(options)
    if options.grpc_port and options.grpc_port == options.rest_port:
        raise ValueError(
            "`grpc_port` and `rest_port` must differ. "
            f"Received: grpc_port={options.grpc_port}, rest_port={options.rest_port}"
        )
    for name in ("grpc_port", "rest_port"):
        _check_port(options.host, name, getattr(options, name))


def _check_numbers(options: Options) -> None:
    whole = {"workers": 1, "queue": 1, "max_request_mib": 1, "threads": 1, "retries": 0}
    for name, least in whole.items():
        value = getattr(options, name)
        if value is not None and value < least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {name}={value}")
    for name in ("timeout_s", "longest_run_s", "poll_s", "retry_s", "grace_s"):
        value = getattr(options, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be above 0 and finite. Received: {name}={value}")
    if options.max_request_mib > 2047:
        raise ValueError(
            "`max_request_mib` must be at most 2047, as gRPC has it. "
            f"Received: max_request_mib={options.max_request_mib}"
        )
    for name in ("grpc_port", "rest_port"):
        value = getattr(options, name)
        if not 0 <= value <= 65535:
            raise ValueError(f"`{name}` must be from 0 to 65535. Received: {name}={value}")


def folders_of(model: Path) -> dict[int, Path]:
    """The versions that lie in a model's folder; those that are still written have no number.

    Of several folders of one number, such as 02 and 2, it is the last, as on the stock server.

    Raises:
        OSError: the folder cannot be read.
    """
    found = {}
    for number, paths in version_folders.of(model).items():
        folders = [path for path in paths if path.is_dir()]
        if folders:
            found[number] = folders[-1]
    return found


def doubled(model: Path) -> list[str]:
    """A sentence for each version that several folders hold; there should be none.

    Raises:
        OSError: the folder cannot be read.

    Example:
        >>> import tempfile
        >>> model = Path(tempfile.mkdtemp())
        >>> for name in ("2", "02"):
        ...     (model / name).mkdir()
        >>> doubled(model)
        ['version 2 lies in the folders 02 and 2: 2 is served. Move the other away']
    """
    told = []
    for number, paths in version_folders.of(model).items():
        *others, served = [path.name for path in paths if path.is_dir()] or [""]
        if others:
            told.append(
                f"version {number} lies in the folders {', '.join(others)} and {served}: {served} "
                f"is served. Move the other{'s' if others[1:] else ''} away"
            )
    return told


def wanted(options: Options, found: Collection[int]) -> set[int]:
    """Which of the versions that are there are to be served."""
    if options.versions == "latest":
        return {max(found)} if found else set()
    if options.versions == "all":
        return set(found)
    return set(options.versions) & set(found)


def _check_model(options: Options) -> None:
    if not options.model.is_dir():
        raise FileNotFoundError(
            f"`model` must be the folder of an exported model. Received: model={options.model}. "
            "Export one with: ban-export --run <run> --out models/<name>/1"
        )
    found = folders_of(options.model)
    if not found:
        hint = ""
        if (options.model / "saved_model.pb").exists():
            hint = f" This is a version itself: give {options.model.absolute().parent}."
        raise FileNotFoundError(
            "`model` must hold a folder for each version, whose name is its number. "
            f"Received: model={options.model}.{hint}"
        )
    asked = options.versions if isinstance(options.versions, tuple) else ()
    if set(asked) - set(found) or options.versions == ():
        raise FileNotFoundError(
            f"`versions` must be of {', '.join(map(str, sorted(found)))}. Received: {asked}"
        )
    _check_labels(options, found)


def _check_labels(options: Options, found: Collection[int]) -> None:
    """The stock server too refuses labels of versions that it does not serve."""
    served = wanted(options, found)
    for name, number in options.labels.items():
        if number not in served:
            way_out = ""
            if number in found:
                also = ",".join(map(str, sorted({number, *served})))
                way_out = f" Serve it too, with `versions` {also} or all."
            raise FileNotFoundError(
                "a label must be of a version that is served, which "
                f"{'are' if len(served) > 1 else 'is'} {', '.join(map(str, sorted(served)))}."
                f"{way_out} Received: label {name}={number}"
            )


def _check_files(options: Options) -> None:
    for name in ("tls_cert", "tls_key", "tls_client_ca", "token_file"):
        path = getattr(options, name)
        if path is not None and not path.is_file():
            raise FileNotFoundError(f"`{name}` must be a file. Received: {name}={path}")
    if (options.tls_cert is None) != (options.tls_key is None):
        raise ValueError("`tls_cert` and `tls_key` go together; give both or neither.")
    if options.tls_client_ca is not None and options.tls_cert is None:
        raise ValueError("`tls_client_ca` needs `tls_cert` and `tls_key`.")
    if options.tls_cert is not None:
        try:
            tls_context(options)
        except ssl.SSLError as error:
            raise ValueError(
                f"`tls_cert` and `tls_key` must be a certificate and its key, as PEM: {error}. "
                f"Received: {options.tls_cert}, {options.tls_key}"
            ) from error
    if options.token_file is not None:
        token = options.token()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError(
                "`token_file` must hold one line of printable ASCII without spaces. "
                f"Received: token_file={options.token_file}"
            )


def tls_context(options: Options) -> ssl.SSLContext | None:
    """How the REST port speaks TLS; None where it does not."""
    if options.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    if options.tls_client_ca is not None:
        context.load_verify_locations(options.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _check_port(host: str, name: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except socket.gaierror as error:
        raise ValueError(f"`host` must be an address of this machine. Received: {host}") from error
    except OSError as error:
        reasons = {errno.EADDRINUSE: "is in use", errno.EACCES: "may not be taken"}
        reason = reasons.get(error.errno or 0, f"cannot be listened at: {error.strerror}")
        raise OSError(
            error.errno, f"`{name}` {port} of {host} {reason}. Name another, or 0 for a free one."
        ) from error
