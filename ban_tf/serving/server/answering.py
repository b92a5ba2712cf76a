"""What a server answers, whatever protocol a request came by."""

import asyncio
import hmac
from collections.abc import Sequence

import grpc
from google.protobuf import any_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

from ban_tf.serving.server import json_forms, refusals, signatures, tensors
from ban_tf.serving.server.metrics import Metrics
from ban_tf.serving.server.options import Options
from ban_tf.serving.server.version import Version
from ban_tf.serving.server.versions import Versions

_LARGE = 2**16  # bytes of JSON that are read beside the loop


class Answering:
    """The one model and its versions, asked by name.

    Args:
        options: of the server.
        versions: that are served.
        metrics: of the server.
    """

    def __init__(self, options: Options, versions: Versions, metrics: Metrics) -> None:
        self.options = options
        self.metrics = metrics
        self.versions = versions
        self.is_draining = False
        self._token = options.token()

    def admit(self, authorization: str | None) -> None:
        """Refuses who has no token, and everybody once the server is to end.

        Args:
            authorization: the header of that name.

        Raises:
            RefusedError: UNAUTHENTICATED or UNAVAILABLE.
        """
        if self._token is not None:
            given = (authorization or "").encode()
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                raise refusals.RefusedError(
                    grpc.StatusCode.UNAUTHENTICATED,
                    "a request must bring the server's token: `authorization: Bearer <token>`",
                )
        if self.is_draining:
            raise refusals.unavailable("the server ends. Ask another.")

    def version(self, spec: model_pb2.ModelSpec) -> Version:
        """The version that a request names.

        Raises:
            RefusedError: there is no such model or version.
        """
        self._check_name(spec.name)
        choice = spec.WhichOneof("version_choice")
        number = spec.version.value if choice == "version" else None
        return self.versions.get(number, spec.version_label if choice == "version_label" else None)

    def _check_name(self, name: str) -> None:
        if name != self.options.model_name:
            raise refusals.not_found(f"Servable not found for request: Latest({name[:100]})")

    async def predict(
        self, request: predict_pb2.PredictRequest, timeout_s: float | None
    ) -> predict_pb2.PredictResponse:
        """Runs a request of the protocol.

        Args:
            request: as its client sent it.
            timeout_s: what the client gives it; None for the server's own.

        Raises:
            RefusedError: whatever is wrong with it, or stands against it.
        """
        version = self.version(request.model_spec)
        signature = version.description.signature(request.model_spec.signature_name)
        signatures.check_names(signature, request.inputs)
        signatures.check_filter(signature, request.output_filter)
        most = self.options.most_bytes
        inputs = {
            name: tensors.to_array(tensor, name, most) for name, tensor in request.inputs.items()
        }
        outputs = await self._run(version, signature, inputs, timeout_s, request.output_filter)
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(self._spec(version, signature.name))
        for name, values in outputs.items():
            response.outputs[name].CopyFrom(tensors.to_proto(values))
        return response

    async def predict_json(self, spec: model_pb2.ModelSpec, body: bytes) -> bytes:
        """Runs a request of the REST interface.

        Raises:
            RefusedError: as `predict`.
        """
        version = self.version(spec)
        is_large = len(body) > _LARGE
        document = await _apart(is_large, json_forms.parse, body)
        signature = version.description.signature(document.get("signature_name", ""))
        inputs = await _apart(
            is_large, json_forms.to_arrays, document, signature, self.options.most_bytes
        )
        by_rows = "instances" in document
        del document
        outputs = await self._run(version, signature, inputs, None, ())
        return await _apart(is_large, json_forms.answer, outputs, by_rows)

    async def _run(
        self,
        version: Version,
        signature: signatures.Signature,
        inputs: signatures.Arrays,
        timeout_s: float | None,
        wanted: Sequence[str],
    ) -> signatures.Arrays:
        signatures.rows(signature, inputs)
        longest = self.options.timeout_s
        timeout_s = longest if timeout_s is None else min(timeout_s, longest)
        outputs = await version.predict(signature.name, inputs, timeout_s)
        return {name: outputs[name] for name in (wanted or signature.outputs)}

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a version.

        Raises:
            RefusedError: it is not served, or another field is asked for.
        """
        fields = list(request.metadata_field)
        if fields != ["signature_def"]:
            raise refusals.invalid(
                f'`metadata_field` must be "signature_def". Received: {str(fields)[:100]}'
            )
        version = self.version(request.model_spec)
        signature_map = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in version.description.definitions.items():
            signature_map.signature_def[name].CopyFrom(definition)
        packed = any_pb2.Any()
        packed.Pack(signature_map)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.CopyFrom(self._spec(version, ""))
        response.metadata["signature_def"].CopyFrom(packed)
        return response

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """How the versions stand, or one of them.

        Raises:
            RefusedError: there is no such model or version.
        """
        spec = request.model_spec
        self._check_name(spec.name)
        statuses = self.versions.statuses
        choice = spec.WhichOneof("version_choice")
        if choice is not None:
            number = spec.version.value if choice == "version" else self.version(spec).number
            if number not in statuses:
                raise refusals.not_found(f"Could not find version {number} of model {spec.name}")
            statuses = {number: statuses[number]}
        response = get_model_status_pb2.GetModelStatusResponse()
        for number, status in sorted(statuses.items(), reverse=True):
            told = response.model_version_status.add(version=number, state=status.state)
            told.status.error_code = 2 if status.error else 0  # UNKNOWN
            told.status.error_message = status.error[: refusals.LONGEST]
        return response

    def _spec(self, version: Version, signature: str) -> model_pb2.ModelSpec:
        spec = model_pb2.ModelSpec(name=self.options.model_name, signature_name=signature)
        spec.version.value = version.number
        return spec


async def _apart(is_large, function, *args):  # type: ignore[no-untyped-def]
    """Calls a function, in a thread where it takes long."""
    return await asyncio.to_thread(function, *args) if is_large else function(*args)
