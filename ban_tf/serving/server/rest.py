"""The REST side: predict, metadata and status as the stock server has them; metrics and health."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from google.protobuf import json_format, message
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from ban_tf.serving import version_folders
from ban_tf.serving.server import http_log, refusals
from ban_tf.serving.server import metrics as server_metrics
from ban_tf.serving.server import options as server_options
from ban_tf.serving.server.answering import Answering

_LOG = logging.getLogger("ban_tf.serving")
ANSWERS_S = 5.0  # for the last answers to reach their clients, when a server stops
ALIVE, READY = "/healthz", "/readyz"
_MODEL = "/v1/models/{model:[^/:]+}"
_PLACES = (_MODEL, _MODEL + r"/versions/{version:\d+}", _MODEL + "/labels/{label:[^/:]+}")
_CALLS = 256  # at once, beside those that wait for a worker
_JSON = "application/json"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RestSide:
    """The server of HTTP.

    Args:
        answering: what is answered.
        options: where it listens, and its limits.
    """

    def __init__(self, answering: Answering, options: server_options.Options) -> None:
        self._answering = answering
        self._options = options
        self._running = 0
        app = web.Application(client_max_size=options.most_bytes, middlewares=[self._around])
        app.router.add_get(ALIVE, self._alive)
        app.router.add_get(READY, self._ready)
        app.router.add_get(server_metrics.PATH, self._metrics)
        for place in _PLACES:
            app.router.add_get(place, self._status)
            app.router.add_get(place + "/metadata", self._metadata)
            app.router.add_post(place + ":predict", self._predict)
        self._runner = web.AppRunner(
            app, access_log=None, logger=http_log.LOG, handle_signals=False,
            shutdown_timeout=ANSWERS_S,
        )  # fmt: skip

    async def start(self) -> int:
        """Listens; returns the port."""
        await self._runner.setup()
        options = self._options
        context = server_options.tls_context(options)
        self._site = web.TCPSite(
            self._runner, options.host, options.rest_port, ssl_context=context,
            reuse_address=True, reuse_port=False,
        )  # fmt: skip
        await self._site.start()
        addresses = self._runner.addresses
        return int(addresses[0][1])

    async def stop(self) -> None:
        """Takes no new connections; running requests may finish."""
        await self._runner.cleanup()

    @web.middleware
    async def _around(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Counts, and turns what is refused into the protocol's answer."""
        if request.path in (ALIVE, READY):
            return await handler(request)
        started = time.perf_counter()
        kind = getattr(request.match_info.handler, "__name__", "none").removeprefix("_")
        code = "CANCELLED"
        self._running += 1
        try:
            if self._running > self._options.queue + _CALLS:
                raise refusals.exhausted("too many requests at once. Try again later.")
            self._answering.admit(request.headers.get("Authorization"))
            response = await handler(request)
            code = "OK"
            return response
        except refusals.RefusedError as error:
            code = error.code.name
            return _refused(error.http_status, str(error))
        except web.HTTPRequestEntityTooLarge:
            code = "RESOURCE_EXHAUSTED"
            return _refused(413, f"a body must have at most {self._options.most_bytes} bytes")
        except web.HTTPException as error:
            code = "NOT_FOUND" if error.status == 404 else "INVALID_ARGUMENT"
            said = f"Malformed request: {request.method} {request.path[:200]}"
            return _refused(error.status, f"{said} ({error.reason})")
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            code = "INTERNAL"
            _LOG.exception("a request failed")
            return _refused(500, "the server failed; see its log")
        finally:
            self._running -= 1
            self._answering.metrics.answered("rest", kind, code, time.perf_counter() - started)

    async def _alive(self, request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, request: web.Request) -> web.Response:
        answering = self._answering
        is_ready = answering.versions.is_ready and not answering.is_draining
        return web.Response(
            text="ready\n" if is_ready else "not ready\n", status=200 if is_ready else 503
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        page = self._answering.metrics.page()
        headers = {"Content-Type": server_metrics.CONTENT_TYPE}
        return web.Response(body=page, headers=headers)

    async def _status(self, request: web.Request) -> web.Response:
        asked = get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(request))
        return _json(self._answering.status(asked))

    async def _metadata(self, request: web.Request) -> web.Response:
        asked = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=_spec(request), metadata_field=["signature_def"]
        )
        return _json(self._answering.metadata(asked))

    async def _predict(self, request: web.Request) -> web.Response:
        spec = _spec(request)
        body = await self._body(request)
        metrics = self._answering.metrics
        metrics.moved("rest", "in", len(body))
        answer = await self._answering.predict_json(spec, body)
        metrics.moved("rest", "out", len(answer))
        return web.Response(body=answer, content_type=_JSON)

    async def _body(self, request: web.Request) -> bytes:
        """The body, which may neither be too large, nor say so, nor take too long to come."""
        if (request.content_length or 0) > self._options.most_bytes:
            raise web.HTTPRequestEntityTooLarge(
                self._options.most_bytes, request.content_length or 0
            )
        try:
            async with asyncio.timeout(self._options.timeout_s):
                return await request.read()
        except TimeoutError as error:
            raise web.HTTPRequestTimeout from error
        except web.RequestPayloadError as error:
            raise refusals.invalid(f"the body cannot be read: {error}") from error


def _spec(request: web.Request) -> model_pb2.ModelSpec:
    found = request.match_info
    spec = model_pb2.ModelSpec(name=found["model"])
    if "version" in found:
        number = version_folders.number(found["version"])
        if number is None:
            raise refusals.invalid("Failed to convert version to numeric.")
        spec.version.value = number
    if "label" in found:
        spec.version_label = found["label"]
    return spec


def _json(answer: message.Message) -> web.Response:
    text = json_format.MessageToJson(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return web.Response(text=text, content_type=_JSON)


def _refused(status: int, text: str) -> web.Response:
    # What is left of a body that is too large is not read.
    headers = {"Connection": "close"} if status in (408, 413) else {}
    if status in (429, 503):
        headers["Retry-After"] = "1"
    return web.Response(
        text=json.dumps({"error": text}), status=status, content_type=_JSON, headers=headers
    )
