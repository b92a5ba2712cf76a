"""Puts a server (`ban-serve`) under load on this machine, and counts what becomes of each request.

    python benchmarks/serving_load.py                      # a few minutes, loopback only
    python benchmarks/serving_load.py --seconds 30 --workers 4 --sizes full

The network has fresh weights, so that its embedding falls into no clear clusters, which is the hard
case of clustering. Four loads, each bounded in time and count: as many clients as keep the workers
busy; requests at twice the rate that this gave; a newer version that is loaded meanwhile; a worker
that is killed. Every answer is compared with that of the model in this process; a request that gets
neither an answer nor a status is lost. The script fails if one is lost or wrong. Results go to
benchmarks/results/serving_load.json.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measuring
import serving_process

MOST_REQUESTS = 20_000  # of a load
DEADLINE_S = 60.0
NUM_KINDS = 8  # of requests
SIZES = ("reduced", "full")  # the network of the demo, and the paper's


class Load:
    """Sends requests and notes what becomes of them.

    Args:
        server: that is asked.
        requests: serialized ones.
        is_right: whether an answer is that of a request, both by number.
    """

    def __init__(self, server: Any, requests: list[Any], is_right: Callable[..., bool]) -> None:
        self._server = server
        self._requests = requests
        self._is_right = is_right
        self._lock = threading.Lock()

    def closed(self, clients: int, seconds: float) -> dict[str, Any]:
        """Each client sends its next request when the last is answered."""
        records: list[tuple[str, float]] = []
        ends = time.monotonic() + seconds

        def work(client: int) -> None:
            number = client
            while time.monotonic() < ends and len(records) < MOST_REQUESTS:
                self._finish(self._send(number), number, time.monotonic(), records)
                number += clients

        threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
        return self._measured(threads, records)

    def open(self, rate: float, seconds: float) -> dict[str, Any]:
        """Requests come at a rate, whatever becomes of those before."""
        records: list[tuple[str, float]] = []
        pending = []
        count = min(int(rate * seconds), MOST_REQUESTS)

        def work() -> None:
            started = time.monotonic()
            for number in range(count):
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
                sent, call = time.monotonic(), self._send(number)
                waiting = threading.Thread(target=self._finish, args=(call, number, sent, records))
                waiting.start()
                pending.append(waiting)
            for waiting in pending:
                waiting.join()

        return self._measured([threading.Thread(target=work)], records)

    def _send(self, number: int) -> Any:
        request = self._requests[number % len(self._requests)]
        return self._server.prediction.Predict.future(request, timeout=DEADLINE_S)

    def _finish(self, call: Any, number: int, sent: float, records: list[Any]) -> None:
        import grpc

        outcome = "lost"
        try:
            response = call.result(timeout=DEADLINE_S + 30)
            outcome = "right" if self._is_right(response, number % len(self._requests)) else "wrong"
        except grpc.RpcError as error:
            outcome = error.code().name
        except grpc.FutureTimeoutError:
            pass
        with self._lock:
            records.append((outcome, time.monotonic() - sent))

    def _measured(self, threads: list[Any], records: list[tuple[str, float]]) -> dict[str, Any]:
        import numpy as np

        started, cpu = time.monotonic(), self._server.cpu_seconds()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds, cpu = time.monotonic() - started, self._server.cpu_seconds() - cpu
        outcomes = collections.Counter(outcome for outcome, _ in records)
        accepted = [latency for outcome, latency in records if outcome in ("right", "wrong")]
        found = {
            "requests": len(records),
            "outcomes": dict(sorted(outcomes.items())),
            "refused_share": outcomes["RESOURCE_EXHAUSTED"] / max(len(records), 1),
            "answered_per_second": len(accepted) / seconds,
            "answered_per_core_second": len(accepted) / cpu if cpu > 0 else None,
            "p50_s": float(np.percentile(accepted, 50)) if accepted else None,
            "p99_s": float(np.percentile(accepted, 99)) if accepted else None,
        }
        return found


def make_model(folder: Path, size: str, ops: Any) -> Any:
    """Exports a network with fresh weights as version 1; returns its experiment."""
    from ban_tf import config
    from ban_tf.config import reduced
    from ban_tf.model import networks
    from ban_tf.serving import export

    experiment = config.Experiment(
        dataset="drawn",
        labels=config.Labels(class_names=tuple(f"class {k}" for k in range(13))),
        split=config.Split(name="none", train=("one",), test=("two",)),
    )
    if size == "reduced":
        experiment = reduced.quick(experiment)
    export.export(networks.build(experiment.network), experiment, folder / "1", ops=ops)
    return experiment


def make_requests(folder: Path, experiment: Any) -> tuple[list[Any], Any, Any]:
    """Requests, a function that tells whether an answer is right, and bytes of one of each."""
    import numpy as np
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    from ban_tf.serving import graph
    from ban_tf.serving.server import json_forms

    loaded = tf.saved_model.load(str(folder / "1"))
    requests, expected = [], []
    for kind in range(NUM_KINDS):
        count = (
            experiment.samples.num_points - 16 * kind
        )  # of unequal size, so that batches are padded
        shape = (1, count, experiment.features.num_channels)
        points = np.random.default_rng(kind).uniform(0, 1, shape).astype(np.float32)
        inputs = {"points": points, "num_points": np.array([count], np.int32)}
        request = predict_pb2.PredictRequest()
        request.model_spec.name = folder.name
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        requests.append(request)
        expected.append(graph.run(loaded.signatures[graph.FEATURES], inputs))

    def is_right(response: Any, kind: int) -> bool:
        """Batches round otherwise, which may move a point from one cluster to the next."""
        found = {name: tf.make_ndarray(values) for name, values in response.outputs.items()}
        ours = expected[kind]
        length = ours["semantic"].shape[1]
        same = [(found[name][:, :length] == ours[name]).mean() for name in ("semantic", "instance")]
        far = np.abs(found["confidence"][:, :length] - ours["confidence"]).max()
        return bool(same[0] > 0.999 and same[1] > 0.98 and far < 1e-3)

    answer = predict_pb2.PredictResponse()
    for name, values in expected[0].items():
        answer.outputs[name].CopyFrom(tf.make_tensor_proto(values))
    columns = {
        name: tf.make_ndarray(values).tolist() for name, values in requests[0].inputs.items()
    }

    bytes_of = {
        "grpc_request": requests[0].ByteSize(),
        "grpc_answer": answer.ByteSize(),
        "json_request": len(json.dumps({"inputs": columns})),
        "json_answer": len(json_forms.answer(expected[0], by_rows=True)),
    }
    return requests, is_right, bytes_of


def after(seconds: float, action: Callable[[], Any]) -> threading.Timer:
    """Does something while a load runs."""
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def newer(folder: Path) -> None:
    """Puts version 2, a copy of the first, beside it."""
    shutil.copytree(folder / "1", folder / "writing")
    (folder / "writing").rename(folder / "2")


def measure(server: Any, load: Load, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """All loads, one after the other."""
    clients = 4 * args.workers
    load.closed(clients, 3.0)  # first calls
    found = {"saturation": load.closed(clients, args.seconds)}
    rate = 2 * max(found["saturation"]["answered_per_second"], 0.5)
    found["twice"] = load.open(rate, args.seconds) | {"requests_per_second": rate}
    timer = after(args.seconds / 4, lambda: newer(folder))
    reload = load.closed(clients, args.seconds)
    timer.join()
    waited = time.monotonic() + 300
    while 2 not in server.versions() and time.monotonic() < waited:
        more = load.closed(clients, 5.0)  # until the newer version answers
        reload["outcomes"] = dict(
            collections.Counter(reload["outcomes"]) + collections.Counter(more["outcomes"])
        )
    reload["requests"] = sum(reload["outcomes"].values())
    found["reload"] = reload | {"is_reloaded": 2 in server.versions()}
    killed: list[int] = []

    def kill() -> None:
        killed.append(server.workers()[0])
        os.kill(killed[0], signal.SIGKILL)

    timer = after(args.seconds / 4, kill)
    found["killed_worker"] = load.closed(clients, args.seconds)
    timer.join()
    found["killed_worker"]["is_replaced"] = server.has_workers(args.workers, 120)
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load (default: 15)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--queue", type=int, default=16)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=SIZES)
    parser.add_argument("--ops", choices=("stock", "native"), default="native")
    parser.add_argument("--output", type=Path, default=measuring.RESULTS / "serving_load.json")
    args = parser.parse_args(argv)
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from ban_tf.training import provenance

    results = {size: measured(size, args) for size in args.sizes}
    settings = {name: value for name, value in vars(args).items() if name != "output"}
    measuring.write(args.output, {**settings, **provenance.collect(), "results": results})
    loads = [load for result in results.values() for load in result["loads"].values()]
    if any({"lost", "wrong", "INTERNAL", "UNKNOWN"} & set(load["outcomes"]) for load in loads):
        raise SystemExit("requests were lost or answered wrongly")


def measured(size: str, args: argparse.Namespace) -> dict[str, Any]:
    """All loads with a network of one size."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "ban"
        experiment = make_model(folder, size, args.ops)
        requests, is_right, bytes_of = make_requests(folder, experiment)
        flags = ("--ops", args.ops, "--workers", args.workers, "--queue", args.queue)
        with serving_process.started(folder, *flags, "--threads", 1, "--timeout-s", 60) as server:
            found = measure(server, Load(server, requests, is_right), folder, args)
    for name, result in found.items():
        print(
            f"{size:8} {name:14} {result['answered_per_second']:6.1f}/s, p50 {result['p50_s']:.2f} "
            f"s, p99 {result['p99_s']:.2f} s, {result['outcomes']}",
            flush=True,
        )
    return {"num_points": experiment.samples.num_points, "bytes": bytes_of, "loads": found}


if __name__ == "__main__":
    main()
