"""The program of a worker process: loads one version, and runs the batches that it is sent.

The server starts it (`python -m ban_tf.serving.server.worker DESCRIPTOR`) and speaks with it over a
socket. It ends when the server does.
"""

import os
import queue
import re
import signal
import socket
import sys
import threading
import time
from typing import Any

import grpc

from ban_tf.serving.server import batches, messages
from ban_tf.serving.server.signatures import Arrays

# Codes of gRPC, which TensorFlow's errors share.
_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
_INTERNAL = grpc.StatusCode.INTERNAL.value[0]
_WAY = re.compile(
    r"Graph execution error|Detected at node|<stack traces|\[?\[?\{\{(?:function_)?node"
)
_CALL = re.compile(r"\s*\[Op:\w+\]\s*$")
_ASSERTION = re.compile(r"assertion failed: \[(.*)\]")


def main(descriptor: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the server says when
    connection = socket.socket(fileno=descriptor)
    received: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(connection, received), daemon=True).start()
    try:
        model = Model(received.get())
        warmed_up = model.warm_up()
    except Exception as error:
        code, message = _told(error)
        _send(connection, messages.Failed(code, message))
        return
    _send(connection, messages.Ready(warmed_up))
    while True:
        batch = received.get()
        started = time.perf_counter()
        answers = model.run(batch)
        _send(connection, messages.Done(answers, time.perf_counter() - started))


def _listen(connection: socket.socket, received: "queue.Queue[Any]") -> None:
    """Ends the process with the server, whatever else it does."""
    try:
        while True:
            received.put(messages.receive(connection))
    except (EOFError, OSError):
        os._exit(0)


def _send(connection: socket.socket, message: Any) -> None:
    for part in messages.pack(message):
        connection.sendall(part)


class Model:
    """A loaded version."""

    def __init__(self, load: messages.Load) -> None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(load.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        if load.native:
            from tf_ops import library

            library.ops()
        self._load = load
        self._model = tf.saved_model.load(str(load.folder))  # kept: its weights live as long

    def warm_up(self) -> int:
        """Runs the requests that lie beside the model; returns their number.

        Raises:
            ValueError: there is one that is no Predict request, or there are too many.
            tf.errors.OpError: one fails.
        """
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2

        from ban_tf.serving import graph, warm_up

        path = self._load.folder / warm_up.FILE
        if not path.exists():
            return 0
        count = 0
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            count += 1
            if not log.HasField("predict_log") or count > warm_up.MOST_RECORDS:
                raise ValueError(
                    f"{path} must hold at most {warm_up.MOST_RECORDS} records, of Predict requests."
                )
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            self._call(request.model_spec.signature_name or graph.FEATURES, inputs)
        return count

    def run(self, batch: messages.Run) -> list[Arrays | messages.Failed]:
        """The answer of each request; where the batch fails, each runs alone."""
        try:
            merged = batches.merge(batch.requests, self._load.sizes)
            outputs = self._call(batch.signature, merged)
            rows = [len(next(iter(request.values()))) for request in batch.requests]
            return list(batches.split(outputs, rows))
        except Exception as error:
            if len(batch.requests) == 1:
                return [messages.Failed(*_told(error))]
        alone = [messages.Run(batch.signature, [request]) for request in batch.requests]
        return [self.run(request)[0] for request in alone]

    def _call(self, signature: str, inputs: Arrays) -> Arrays:
        from ban_tf.serving import graph

        return graph.run(self._model.signatures[signature], inputs)


def _told(error: Exception) -> tuple[int, str]:
    """Code and sentence of an error; TensorFlow's come with the way through the graph."""
    if isinstance(error, MemoryError):
        return _EXHAUSTED, "there is not memory enough for this request"
    code = getattr(error, "error_code", None)
    if code is None:
        return _INTERNAL, f"{type(error).__name__}: {error}"
    return int(code), sentence(str(getattr(error, "message", error))) or type(error).__name__


def sentence(text: str) -> str:
    """What an op says of a failure, without where in the graph that was.

    Example:
        >>> sentence("Graph execution error:\\n\\nassertion failed: [x must be 3. Received:] [5]")
        'x must be 3. Received: 5'
    """
    lines = [line.strip() for line in text.splitlines()]
    told = " ".join(line for line in lines if line and not _WAY.match(line))
    told = _CALL.sub("", told)
    if (found := _ASSERTION.search(told)) is not None:
        told = found[1].replace("=] [", "=").replace("] [", " ")
    return told


if __name__ == "__main__":
    main(int(sys.argv[1]))
