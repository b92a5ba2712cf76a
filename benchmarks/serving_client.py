"""Counts the bytes of a block of 4096 points on the wire, and what the client itself costs.

    python benchmarks/serving_client.py                       # about a minute

The servers are on this machine and answer at once with the same bytes, which were made before, so
what is left is the client: values to messages, messages to values, checks. Both run in one process
and share its processors. Results go to benchmarks/results/serving_client.json.
"""

import argparse
import concurrent.futures
import contextlib
import http.server
import json
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measuring
import numpy as np

NUM_POINTS, NUM_FEATURES, NUM_CLASSES, WIDTH = 4096, 9, 13, 5
BLOCKS = 4  # of a request
SIGNATURE = "network"


def answer_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    widths = {"logits": NUM_CLASSES, "embedding": WIDTH}
    return {
        name: rng.normal(0, 3, (BLOCKS, NUM_POINTS, width)).astype(np.float32)
        for name, width in widths.items()
    }


@contextlib.contextmanager
def grpc_at_once(typed: bool) -> Iterator[tuple[str, list[int]]]:
    """Yields an address, and the sizes of the last request and answer.

    Args:
        typed: answer by typed fields as TensorFlow Serving does, not by the bytes of the array.
    """
    import grpc
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

    answer = predict_pb2.PredictResponse()
    answer.model_spec.version.value = 1
    for name, values in answer_arrays().items():
        proto = tf.make_tensor_proto(values)
        if typed:
            proto.ClearField("tensor_content")
            proto.float_val.extend(values.ravel().tolist())
        answer.outputs[name].CopyFrom(proto)
    metadata = get_model_metadata_pb2.GetModelMetadataResponse()
    metadata.model_spec.version.value = 1
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for tensors, listed in (
        (signatures.signature_def[SIGNATURE].inputs, {"points": (3, 1), "num_points": (1, 3)}),
        (signatures.signature_def[SIGNATURE].outputs, {"logits": (3, 1), "embedding": (3, 1)}),
    ):
        for name, (rank, dtype) in listed.items():
            tensors[name].dtype = dtype
            for _ in range(rank):
                tensors[name].tensor_shape.dim.add().size = -1
    assert (types_pb2.DT_FLOAT, types_pb2.DT_INT32) == (1, 3)
    metadata.metadata["signature_def"].Pack(signatures)
    made = {"Predict": answer.SerializeToString(), "GetModelMetadata": metadata.SerializeToString()}
    sizes = [0, len(made["Predict"])]

    def give(request: bytes, context: Any, name: str) -> bytes:
        if name == "Predict":
            sizes[0] = len(request)
        return made[name]

    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            lambda request, context, name=name: give(request, context, name)
        )
        for name in made
    }
    service = "tensorflow.serving.PredictionService"
    options = [("grpc.max_receive_message_length", 64 << 20)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=options)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", sizes
    server.stop(0).wait()


@contextlib.contextmanager
def rest_at_once() -> Iterator[tuple[str, list[int]]]:
    """Yields an address, and the sizes of the last request and answer."""
    plain = {name: values.tolist() for name, values in answer_arrays().items()}
    answer = json.dumps({"outputs": plain}).encode()

    def tensors(listed: dict[str, tuple[str, int]]) -> dict[str, Any]:
        return {
            name: {"dtype": dtype, "tensor_shape": {"dim": [{"size": "-1"}] * rank}}
            for name, (dtype, rank) in listed.items()
        }

    signature = {
        "inputs": tensors({"points": ("DT_FLOAT", 3), "num_points": ("DT_INT32", 1)}),
        "outputs": tensors({"logits": ("DT_FLOAT", 3), "embedding": ("DT_FLOAT", 3)}),
    }
    found = {"signature_def": {"signature_def": {SIGNATURE: signature}}}
    metadata = json.dumps({"model_spec": {"version": "1"}, "metadata": found}).encode()
    sizes = [0, len(answer)]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def give(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.give(metadata)

        def do_POST(self) -> None:
            sizes[0] = len(self.rfile.read(int(self.headers["Content-Length"])))
            self.give(answer)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", sizes
        server.shutdown()


def measure(way: Any, rest: bool, requests: int, rounds: int) -> dict[str, Any]:
    """Bytes of a block, and blocks a second of the wall clock and of the processors."""
    from ban_tf.config.served import Server
    from ban_tf.serving.client.client import Client

    rng = np.random.default_rng(0)
    shape = (BLOCKS * requests, NUM_POINTS, NUM_FEATURES)
    points = rng.uniform(0, 1, shape).astype(np.float32)
    walls, processors = [], []
    with way as (address, sizes):
        options = {"blocks_per_request": BLOCKS, "rest": rest, "timeout_s": 300.0}
        with Client(Server(address=address, **options)) as client:
            client.predict(points[:BLOCKS])
            for _ in range(rounds):
                wall, processor = time.perf_counter(), time.process_time()
                client.predict(points)
                walls.append(time.perf_counter() - wall)
                processors.append(time.process_time() - processor)
    return {
        "request_bytes_per_block": sizes[0] / BLOCKS,
        "answer_bytes_per_block": sizes[1] / BLOCKS,
        "blocks_per_s": len(points) / statistics.median(walls),
        "processor_ms_per_block": 1e3 * statistics.median(processors) / len(points),
    }


def main() -> None:
    flags = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument("--requests", type=int, default=8, help="of 4 blocks (default: 8)")
    flags.add_argument("--rounds", type=int, default=3, help="medians of so many (default: 3)")
    flags.add_argument("--output", type=Path, default=measuring.RESULTS / "serving_client.json")
    args = flags.parse_args()
    ways = {
        "grpc": (grpc_at_once(typed=False), False),
        "grpc, typed answers": (grpc_at_once(typed=True), False),
        "rest": (rest_at_once(), True),
    }
    found = {}
    for name, (way, rest) in ways.items():
        found[name] = measure(way, rest, args.requests, args.rounds)
        shown = ", ".join(f"{key} {value:,.1f}" for key, value in found[name].items())
        print(f"{name}: {shown}", flush=True)
    measuring.write(args.output, found)


if __name__ == "__main__":
    main()
