"""Servers of the tests' own, on this machine, that speak the protocol of TensorFlow Serving.

They are written from the protocol, not from the client. A `Model` says what is answered.
"""

import concurrent.futures
import contextlib
import http.server
import json
import threading

import numpy as np

DTYPES = {"float32": "DT_FLOAT", "int32": "DT_INT32", "uint8": "DT_UINT8"}

STATUS = {
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}


class Refusal(Exception):  # noqa: N818, it is an answer
    """What a server answers instead of a result: a code of gRPC, and the status of HTTP."""

    def __init__(self, code, message="said by the server"):
        super().__init__(message)
        self.code = code


class Model:
    """What lies behind a fake server, and what was asked of it.

    `functions`: by signature, from arrays by name to arrays by name; raise `Refusal` to refuse.
    `signatures`: by name, `(inputs, outputs)`, each `{name: (dtype, sizes)}` with -1 for any size.
    """

    def __init__(self, functions, signatures, name="ban", versions=(1,)):
        self.functions, self.signatures, self.name = functions, signatures, name
        self.states = dict.fromkeys(versions, "AVAILABLE")
        self.asked = []  # signature and number of blocks of each request for a prediction
        self.headers = []
        self.bytes = []  # of each such request and its answer
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()

    def version(self, name, version):
        available = [number for number, state in self.states.items() if state == "AVAILABLE"]
        if name != self.name or not available or version not in (None, *available):
            raise Refusal("NOT_FOUND", f"Servable not found for request: {name} {version}")
        return max(available) if version is None else version

    def predict(self, name, version, signature, inputs):
        answered_by = self.version(name, version)
        with self._lock:
            number = len(self.asked)
            self.asked.append((signature, len(next(iter(inputs.values())))))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            function = self.functions[signature]
            if getattr(function, "takes_number", False):
                return function(inputs, number), answered_by
            return function(inputs), answered_by
        finally:
            with self._lock:
                self.under_way -= 1

    @property
    def sizes(self):
        """Blocks of each request but those that ask what the model is."""
        return [size for signature, size in self.asked if signature != "about"]


def numbered(function):
    """Lets a function of a `Model` know the number of the request, from 0."""
    function.takes_number = True
    return function


# --- gRPC ---


@contextlib.contextmanager
def grpc_server(model, max_bytes=64 << 20, threads=8, credentials=None):
    """Yields `host:port`."""
    import grpc
    from google.protobuf import any_pb2
    from tensorflow.core.framework import types_pb2
    from tensorflow.python.framework import tensor_util
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    def refused(context, refusal):
        context.abort(getattr(grpc.StatusCode, refusal.code), str(refusal))

    def asked_version(spec):
        return spec.version.value if spec.HasField("version") else None

    def fill(infos, tensors):
        for key, (dtype, sizes) in tensors.items():
            infos[key].dtype = types_pb2.DataType.Value(DTYPES[dtype])
            for size in sizes:
                infos[key].tensor_shape.dim.add().size = size

    class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802, a name of the protocol
            spec = request.model_spec
            model.headers.append(dict(context.invocation_metadata()))
            inputs = {key: tensor_util.MakeNdarray(value) for key, value in request.inputs.items()}
            try:
                outputs, version = model.predict(
                    spec.name, asked_version(spec), spec.signature_name, inputs
                )
            except Refusal as refusal:
                refused(context, refusal)
            answer = predict_pb2.PredictResponse()
            answer.model_spec.version.value = version
            for key, values in outputs.items():
                answer.outputs[key].CopyFrom(tensor_util.make_tensor_proto(values))
            model.bytes.append((request.ByteSize(), answer.ByteSize()))
            return answer

        def GetModelMetadata(self, request, context):  # noqa: N802
            spec = request.model_spec
            answer = get_model_metadata_pb2.GetModelMetadataResponse()
            try:
                answer.model_spec.version.value = model.version(spec.name, asked_version(spec))
            except Refusal as refusal:
                refused(context, refusal)
            found = get_model_metadata_pb2.SignatureDefMap()
            for key, (inputs, outputs) in model.signatures.items():
                fill(found.signature_def[key].inputs, inputs)
                fill(found.signature_def[key].outputs, outputs)
            packed = any_pb2.Any()
            packed.Pack(found)
            answer.metadata["signature_def"].CopyFrom(packed)
            return answer

    class Models(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):  # noqa: N802
            answer = get_model_status_pb2.GetModelStatusResponse()
            if request.model_spec.name != model.name:
                refused(context, Refusal("NOT_FOUND", "no such model"))
            for version, state in model.states.items():
                answer.model_version_status.add(version=version, state=state)
            return answer

    options = [("grpc.max_send_message_length", max_bytes)]
    options += [("grpc.max_receive_message_length", max_bytes), ("grpc.so_reuseport", 0)]
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    server = grpc.server(pool, options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Prediction(), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(), server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("localhost:0", credentials)
    server.start()
    try:
        yield f"{'127.0.0.1' if credentials is None else 'localhost'}:{port}"
    finally:
        server.stop(0).wait()
        pool.shutdown()


# --- REST ---


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, document, headers=()):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return len(body)

    def named(self):
        """Name of the model, its version or None, and what stands behind."""
        path, _, action = self.path.partition(":")
        parts = path.strip("/").split("/")
        assert parts[:2] == ["v1", "models"]
        version = int(parts[4]) if parts[3:4] == ["versions"] else None
        rest = parts[5:] if version is not None else parts[3:]
        return parts[2], version, action or "/".join(rest)

    def handle_one(self, work):
        try:
            work(*self.named())
        except Refusal as refusal:
            retry = [("Retry-After", "0")] if refusal.code == "RESOURCE_EXHAUSTED" else []
            self.answer(STATUS[refusal.code], {"error": str(refusal)}, retry)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self):
        self.handle_one(self.tell)

    def do_POST(self):
        self.handle_one(self.predict)

    def tell(self, name, version, what):
        model = self.server.model
        if what == "metadata":
            version = model.version(name, version)
            found = {
                key: {
                    end: {
                        tensor: {
                            "dtype": DTYPES[dtype],
                            "tensor_shape": {
                                "dim": [{"size": str(size), "name": ""} for size in sizes],
                                "unknown_rank": False,
                            },
                            "name": f"{tensor}:0",
                        }
                        for tensor, (dtype, sizes) in tensors.items()
                    }
                    for end, tensors in zip(("inputs", "outputs"), both, strict=True)
                }
                for key, both in model.signatures.items()
            }
            spec = {"name": name, "signature_name": "", "version": str(version)}
            self.answer(
                200, {"model_spec": spec, "metadata": {"signature_def": {"signature_def": found}}}
            )
            return
        if name != model.name:
            raise Refusal("NOT_FOUND", "no such model")
        listed = [
            {"version": str(number), "state": state, "status": {"error_code": "OK"}}
            for number, state in model.states.items()
        ]
        self.answer(200, {"model_version_status": listed})

    def predict(self, name, version, action):
        assert action == "predict"
        model = self.server.model
        model.headers.append({key.lower(): value for key, value in self.headers.items()})
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        signature = request["signature_name"]
        takes = model.signatures[signature][0]
        inputs = {key: np.array(x, takes[key][0]) for key, x in request["inputs"].items()}
        outputs, _ = model.predict(name, version, signature, inputs)
        plain = {key: values.tolist() for key, values in outputs.items()}
        size = self.answer(
            200, {"outputs": plain if len(plain) > 1 else next(iter(plain.values()))}
        )
        model.bytes.append((len(body), size))


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that went away


@contextlib.contextmanager
def rest_server(model):
    """Yields `host:port`."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.model = model
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
