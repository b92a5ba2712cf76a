"""To a server by gRPC: values travel as they lie in memory."""

import importlib.util
from typing import Any

from ban_tf.config.served import Server
from ban_tf.serving.client.errors import Failure
from ban_tf.serving.client.stopping import Stop
from ban_tf.serving.client.transport import Arrays, Metadata, Signature, tensor

_NEEDED = {"grpc": "grpcio", "tensorflow_serving": "tensorflow-serving-api"}
_TOO_LARGE = "larger than max"  # gRPC's own words, on either side
_FIELD = "signature_def"


def check() -> None:
    """Refuses to go on without the packages of gRPC, before any work.

    Raises:
        ImportError: one is missing.
    """
    missing = [package for name, package in _NEEDED.items() if not importlib.util.find_spec(name)]
    if missing:
        raise ImportError(
            f"gRPC needs {' and '.join(missing)}. Install with: "
            'python -m pip install -e ".[serving]", or ask by REST (`rest`), which needs neither'
        )


class GrpcTransport:
    """A `Transport` by gRPC.

    Args:
        server: where it is.

    Raises:
        ImportError: a package is missing.
        OSError: `ca_file` cannot be read.
    """

    def __init__(self, server: Server) -> None:
        check()
        import grpc
        from tensorflow_serving.apis import (
            model_service_pb2_grpc,
            prediction_service_pb2_grpc,
        )

        self._server = server
        self._metadata: tuple[tuple[str, str], ...] = ()
        if server.token is not None:
            self._metadata = (("authorization", f"Bearer {server.token}"),)
        options = [
            ("grpc.max_send_message_length", server.max_message_bytes),
            ("grpc.max_receive_message_length", server.max_message_bytes),
            # Retries are `retrying`'s, which knows when: a connection must not wait on its own.
            ("grpc.enable_retries", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        if server.tls:
            known = None if server.ca_file is None else server.ca_file.read_bytes()
            credentials = grpc.ssl_channel_credentials(root_certificates=known)
            self._channel = grpc.secure_channel(server.address, credentials, options=options)
        else:
            self._channel = grpc.insecure_channel(server.address, options=options)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def metadata(self, version: int | None, stop: Stop) -> Metadata:
        from tensorflow.core.framework import types_pb2
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[_FIELD])
        self._name(request.model_spec, version)
        answer = self._call(self._prediction.GetModelMetadata, request, stop)
        found = get_model_metadata_pb2.SignatureDefMap()
        if not answer.metadata[_FIELD].Unpack(found):
            raise Failure("INTERNAL", "the metadata hold no signatures")

        def tensors(infos: Any) -> dict[str, Any]:
            return {
                name: tensor(
                    types_pb2.DataType.Name(info.dtype),
                    None
                    if info.tensor_shape.unknown_rank
                    else [dim.size for dim in info.tensor_shape.dim],
                )
                for name, info in infos.items()
            }

        signatures = {
            name: Signature(tensors(one.inputs), tensors(one.outputs))
            for name, one in found.signature_def.items()
        }
        return Metadata(_version_of(answer.model_spec), signatures)

    def states(self, stop: Stop) -> dict[int, str]:
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        self._name(request.model_spec, None)
        answer = self._call(self._models.GetModelStatus, request, stop)
        names = get_model_status_pb2.ModelVersionStatus.State
        return {one.version: names.Name(one.state) for one in answer.model_version_status}

    def predict(
        self, version: int | None, name: str, signature: Signature, inputs: Arrays, stop: Stop
    ) -> tuple[Arrays, int | None]:
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        self._name(request.model_spec, version)
        request.model_spec.signature_name = name
        for key, values in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
        answer = self._call(self._prediction.Predict, request, stop)
        try:
            outputs = {key: tf.make_ndarray(proto) for key, proto in answer.outputs.items()}
        except (TypeError, ValueError) as error:
            raise Failure("INTERNAL", f"an answer that is no tensor: {error}") from error
        return outputs, _version_of(answer.model_spec)

    def close(self) -> None:
        self._channel.close()

    def _name(self, spec: Any, version: int | None) -> None:
        spec.name = self._server.model_name
        if version is not None:
            spec.version.value = version

    def _call(self, method: Any, request: Any, stop: Stop) -> Any:
        import grpc

        size, limit = request.ByteSize(), self._server.max_message_bytes
        if size > limit:
            raise Failure("OUT_OF_RANGE", f"the request has {size} bytes")
        try:
            call = method.future(request, timeout=self._server.timeout_s, metadata=self._metadata)
            with stop.cancelling(call.cancel):
                try:
                    return call.result()
                except BaseException:  # Ctrl-C in the thread that waits
                    call.cancel()
                    raise
        except grpc.FutureCancelledError as error:
            raise Failure("CANCELLED", "it was stopped") from error
        except grpc.RpcError as error:
            code, message = error.code().name, error.details() or ""
            if code == "RESOURCE_EXHAUSTED" and _TOO_LARGE in message:
                code = "OUT_OF_RANGE"  # it would be too large the next time too
            raise Failure(code, message) from error
        except ValueError as error:  # gRPC's word for a channel that was closed
            raise Failure("CANCELLED", str(error)) from error


def _version_of(spec: Any) -> int | None:
    return int(spec.version.value) if spec.HasField("version") else None
