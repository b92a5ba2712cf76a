"""The gRPC side: PredictionService, ModelService and health checking.

Messages come as bytes and are read here: a message that is cut off is the client's fault and is
answered so, which gRPC's own reading would not do.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import message as protobuf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from ban_tf.serving.server import refusals
from ban_tf.serving.server.answering import Answering
from ban_tf.serving.server.options import Options

_LOG = logging.getLogger("ban_tf.serving")
PREDICTION, MODEL = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
_MORE = 1024  # bytes of a message around its tensors
_CALLS = 256  # at once, beside those that wait for a worker
_Answer = Callable[[Any, grpc.aio.ServicerContext], Awaitable[protobuf.Message]]


class GrpcSide:
    """The server of gRPC.

    Args:
        answering: what is answered.
        options: where it listens, and its limits.
    """

    def __init__(self, answering: Answering, options: Options) -> None:
        self._answering = answering
        self._options = options
        self._health = health.aio.HealthServicer()
        self._is_serving: bool | None = None
        self._is_started = False
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=options.queue + _CALLS,
            options=[
                ("grpc.max_receive_message_length", options.most_bytes + _MORE),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # two servers at one port would share its requests
            ],
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(PREDICTION, self._prediction()),
                grpc.method_handlers_generic_handler(MODEL, self._model()),
            )
        )

    def _prediction(self) -> dict[str, grpc.RpcMethodHandler]:
        async def predict(request: Any, context: grpc.aio.ServicerContext) -> protobuf.Message:
            return await self._answering.predict(request, context.time_remaining())

        async def metadata(request: Any, context: grpc.aio.ServicerContext) -> protobuf.Message:
            return self._answering.metadata(request)

        kind = get_model_metadata_pb2.GetModelMetadataRequest
        others = {name: self._absent(name) for name in ("Classify", "Regress", "MultiInference")}
        return {
            "Predict": self._handler("Predict", predict_pb2.PredictRequest, predict),
            "GetModelMetadata": self._handler("GetModelMetadata", kind, metadata),
            **others,
        }

    def _model(self) -> dict[str, grpc.RpcMethodHandler]:
        async def status(request: Any, context: grpc.aio.ServicerContext) -> protobuf.Message:
            return self._answering.status(request)

        kind = get_model_status_pb2.GetModelStatusRequest
        return {
            "GetModelStatus": self._handler("GetModelStatus", kind, status),
            "HandleReloadConfigRequest": self._absent("HandleReloadConfigRequest"),
        }

    def _handler(self, method: str, kind: Any, answer: _Answer) -> grpc.RpcMethodHandler:
        metrics = self._answering.metrics

        async def handle(content: bytes, context: grpc.aio.ServicerContext) -> bytes:
            started = time.perf_counter()
            status = grpc.StatusCode.CANCELLED.name
            metrics.moved("grpc", "in", len(content))
            try:
                given = dict(context.invocation_metadata() or ()).get("authorization")
                self._answering.admit(given if isinstance(given, str) else None)
                response = (await answer(_parsed(kind, content), context)).SerializeToString()
            except refusals.RefusedError as error:
                status = error.code.name
                await context.abort(error.code, str(error))
            except asyncio.CancelledError:
                raise
            except Exception:
                status = grpc.StatusCode.INTERNAL.name
                _LOG.exception("a request failed")
                await context.abort(grpc.StatusCode.INTERNAL, "the server failed; see its log")
            else:
                status = grpc.StatusCode.OK.name
                metrics.moved("grpc", "out", len(response))
                return response
            finally:
                metrics.answered("grpc", method, status, time.perf_counter() - started)
            raise AssertionError("abort raises")

        return grpc.unary_unary_rpc_method_handler(handle)

    def _absent(self, method: str) -> grpc.RpcMethodHandler:
        async def handle(content: bytes, context: grpc.aio.ServicerContext) -> bytes:
            message = f"{method} is not answered here, where there is Predict."
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, message)
            raise AssertionError("abort raises")

        return grpc.unary_unary_rpc_method_handler(handle)

    async def start(self) -> int:
        """Listens; returns the port."""
        options = self._options
        host = f"[{options.host}]" if ":" in options.host else options.host
        address = f"{host}:{options.grpc_port}"
        await self.tell_health(False)
        try:
            if options.tls_cert is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, _credentials(options))
        except RuntimeError as error:
            raise OSError(None, f"gRPC cannot listen at {address}: {error}") from error
        await self._server.start()
        self._is_started = True
        return port

    async def tell_health(self, is_serving: bool) -> None:
        """What health checking answers, for the server and for the service that predicts."""
        if is_serving == self._is_serving:
            return
        self._is_serving = is_serving
        kinds = health_pb2.HealthCheckResponse
        status = kinds.SERVING if is_serving else kinds.NOT_SERVING
        for service in ("", PREDICTION, MODEL):
            await self._health.set(service, status)

    async def stop(self, grace_s: float) -> None:
        """Takes no new requests; running ones may finish."""
        if self._is_started:
            await self._server.stop(grace_s)


def _parsed(kind: Any, content: bytes) -> Any:
    try:
        return kind.FromString(content)
    except protobuf.DecodeError as error:
        raise refusals.invalid(
            f"the message must be a {kind.DESCRIPTOR.full_name}: {error}"
        ) from error


def _credentials(options: Options) -> grpc.ServerCredentials:
    assert options.tls_cert is not None
    assert options.tls_key is not None  # as options are checked
    pair = (options.tls_key.read_bytes(), options.tls_cert.read_bytes())
    if options.tls_client_ca is None:
        return grpc.ssl_server_credentials([pair])
    return grpc.ssl_server_credentials(
        [pair], root_certificates=options.tls_client_ca.read_bytes(), require_client_auth=True
    )
