"""Serves a model until the process is told to end."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

from ban_tf.serving.server import versions as server_versions
from ban_tf.serving.server.answering import Answering
from ban_tf.serving.server.grpc_services import GrpcSide
from ban_tf.serving.server.metrics import Metrics
from ban_tf.serving.server.options import Options
from ban_tf.serving.server.rest import ANSWERS_S, RestSide
from ban_tf.serving.server.versions import Versions

_LOG = logging.getLogger("ban_tf.serving")


def serve(options: Options, tell: Callable[[str], None] = print) -> None:
    """Serves until SIGTERM or SIGINT; then running requests finish, within `options.grace_s`.

    Args:
        options: checked by `options.check`.
        tell: gets a line once both ports answer and the model is warmed up.

    Raises:
        RuntimeError: no version can be served at the start.
        OSError: a port cannot be listened at.
    """
    asyncio.run(_serve(options, tell))


async def _serve(options: Options, tell: Callable[[str], None]) -> None:
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_end.set)
    metrics = Metrics(options.model_name)
    changed = asyncio.Event()
    versions = Versions(options, metrics, changed.set)
    answering = Answering(options, versions, metrics)
    grpc_side, rest_side = GrpcSide(answering, options), RestSide(answering, options)

    async def tell_health() -> None:
        while True:
            await changed.wait()
            changed.clear()
            await grpc_side.tell_health(versions.is_ready and not answering.is_draining)

    health = asyncio.create_task(tell_health())
    try:
        rest_port = await rest_side.start()
        grpc_port = await grpc_side.start()
        working = asyncio.create_task(_work(options, versions, tell, (grpc_port, rest_port)))
        ending = asyncio.create_task(told_to_end.wait())
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if working.done():
            working.result()  # which raises
        working.cancel()
        await asyncio.wait({working})
        _LOG.info("told to end; %.0f s for running requests", options.grace_s)
        answering.is_draining = True
        await grpc_side.tell_health(False)
    finally:
        answering.is_draining = True
        # The ports stay open until what runs has ended, so that new requests are told to ask
        # another server; a port that closes cuts them off.
        await versions.close(options.grace_s)
        await asyncio.gather(grpc_side.stop(ANSWERS_S), rest_side.stop())
        health.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await health


async def _work(
    options: Options, versions: Versions, tell: Callable[[str], None], ports: tuple[int, int]
) -> None:
    """Loads what is there, says so, and looks for more for ever."""
    await versions.look()
    if not versions.is_ready:
        raise RuntimeError(
            f"no version of {options.model} can be served: "
            f"{server_versions.first_error(versions.statuses)}"
        )
    host = f"[{options.host}]" if ":" in options.host else options.host
    scheme = "http" if options.tls_cert is None else "https"
    numbers = ", ".join(str(number) for number in versions.available)
    tell(
        f"serving {options.model_name}, version {numbers}: gRPC {host}:{ports[0]}, "
        f"REST {scheme}://{host}:{ports[1]}"
    )
    await versions.watch()
