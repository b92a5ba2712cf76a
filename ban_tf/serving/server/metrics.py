"""What Prometheus reads of a server, under the stock server's path."""

import prometheus_client
from prometheus_client import platform_collector, process_collector

PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one server; several in a process do not meet.

    Args:
        model: name, a label of all of them.

    Example:
        >>> metrics = Metrics("ban")
        >>> metrics.answered("grpc", "Predict", "OK", 0.2)
        >>> b'ban_serving_requests_total{api="grpc",method="Predict"' in metrics.page()
        True
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._registry = registry = prometheus_client.CollectorRegistry()
        process_collector.ProcessCollector(registry=registry)
        platform_collector.PlatformCollector(registry=registry)
        self._requests = prometheus_client.Counter(
            "ban_serving_requests", "Requests by how they ended (code of gRPC)",
            ("api", "method", "model_name", "status"), registry=registry,
        )  # fmt: skip
        self._seconds = prometheus_client.Histogram(
            "ban_serving_request_seconds", "From the whole request to its answer",
            ("api", "method", "model_name"), registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._bytes = prometheus_client.Counter(
            "ban_serving_bytes", "Bytes of requests and answers",
            ("api", "model_name", "direction"), registry=registry,
        )  # fmt: skip
        self._run_seconds = prometheus_client.Histogram(
            "ban_serving_run_seconds", "A batch in a worker", ("model_name",),
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self._rows = prometheus_client.Histogram(
            "ban_serving_batch_rows", "Rows of a batch before it is filled up", ("model_name",),
            registry=registry, buckets=_ROWS,
        )  # fmt: skip
        self.waiting = prometheus_client.Gauge(
            "ban_serving_waiting_rows", "Rows that wait for a worker", registry=registry
        )
        self.workers = prometheus_client.Gauge(
            "ban_serving_workers", "Workers that can run requests", registry=registry
        )
        self._taken = prometheus_client.Counter(
            "ban_serving_taken_batches", "Batches that a worker was given", ("model_name",),
            registry=registry,
        )  # fmt: skip
        self._ended = prometheus_client.Counter(
            "ban_serving_ended_workers", "Workers that ended by themselves", ("model_name",),
            registry=registry,
        )  # fmt: skip
        self._versions = prometheus_client.Gauge(
            "ban_serving_version_available", "1 for a version that answers, else 0",
            ("model_name", "version"), registry=registry,
        )  # fmt: skip

    def answered(self, api: str, method: str, status: str, seconds: float) -> None:
        self._requests.labels(api, method, self._model, status).inc()
        self._seconds.labels(api, method, self._model).observe(seconds)

    def moved(self, api: str, direction: str, count: int) -> None:
        """Bytes that came `in` or went `out`."""
        self._bytes.labels(api, self._model, direction).inc(count)

    def taken(self) -> None:
        self._taken.labels(self._model).inc()

    def ran(self, rows: int, seconds: float) -> None:
        self._rows.labels(self._model).observe(rows)
        self._run_seconds.labels(self._model).observe(seconds)

    def worker_ended(self) -> None:
        self._ended.labels(self._model).inc()

    def version(self, number: int, is_available: bool) -> None:
        self._versions.labels(self._model, number).set(is_available)

    def page(self) -> bytes:
        return prometheus_client.generate_latest(self._registry)
