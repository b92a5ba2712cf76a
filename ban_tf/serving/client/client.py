"""A served model: its signatures for a user's own blocks, and a `Predictor` for whole clouds."""

import concurrent.futures as futures
import functools
import hashlib
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ban_tf import config
from ban_tf.config.served import Server
from ban_tf.serving import model_card
from ban_tf.serving.client import checking, explaining
from ban_tf.serving.client.errors import Failure, NotServedError, OtherModelError
from ban_tf.serving.client.retrying import Waits, retrying
from ban_tf.serving.client.stopping import Stop
from ban_tf.serving.client.transport import Arrays, Metadata, Transport

_NETWORK = "network"  # the signature that gives what the network gives
_Answer = TypeVar("_Answer")


class Client:
    """A model behind a server that speaks the protocol of TensorFlow Serving.

    The version is asked for once, and every request names it: a newer one that the server loads
    meanwhile changes nothing. A model that says what it is (`ban-export` writes such) is asked
    after every call whether its weights are still the same.

    Requests of a call are under way together, `in_flight` at most; answers keep their order. A
    client may be used by several threads, and closed as a context.

    Args:
        server: where the model is.
        waits: between two tries.

    Attributes:
        version: of the model; None where the server does not tell.
        card: what the model says of itself; None where it does not.

    Raises:
        ImportError: gRPC is asked for and not installed.
        UnreachableError: nobody answers.
        NotServedError: there is no such model or version.

    Example:
        >>> server = Server(address="localhost:1", attempts=1, rest=True)
        >>> Client(server)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ban_tf.serving.client.errors.UnreachableError: no answer from localhost:1 by REST ...
    """

    def __init__(self, server: Server, waits: Waits | None = None) -> None:
        self.server = server
        self._waits = Waits() if waits is None else waits
        self._transport = _transport_of(server)
        self._threads = futures.ThreadPoolExecutor(server.in_flight, "served")
        self._finalize = weakref.finalize(self, _close, self._transport, self._threads)
        self.version = server.model_version
        try:
            self._metadata: Metadata = self._asking(
                lambda stop: self._transport.metadata(self.version, stop), Stop()
            )
            if self._metadata.version is not None:
                self.version = self._metadata.version
            self.card = self._card()
        except BaseException:
            self.close()
            raise

    @property
    def signatures(self) -> tuple[str, ...]:
        """Names that `call` takes."""
        return tuple(sorted(self._metadata.signatures))

    @functools.cached_property
    def fingerprint(self) -> str:
        """Name, version and weights of the model; of one that does not tell, its signatures."""
        if self.card is not None:
            of_weights = self.card.fingerprint
        else:
            described = repr(sorted(self._metadata.signatures.items()))
            of_weights = hashlib.sha256(described.encode()).hexdigest()
        return f"served {self.server.model_name} {self.version} {of_weights}"

    def predict(self, features: np.ndarray) -> Arrays:
        """Runs the network, as a `Predictor`.

        Args:
            features: float32 `[K, P, C]`, K at least 1.

        Returns:
            `logits` `[K, P, classes]` and `embedding` `[K, P, E]`, float32.

        Raises:
            ServingError, ValueError: as `call`.
        """
        return self.call(_NETWORK, points=features)

    def call(self, signature: str, **inputs: Any) -> Arrays:
        """Asks a signature for any number of blocks.

        Args:
            signature: such as `serving_default`, `outputs`, `network` or `points`.
            inputs: arrays `[B, ...]` by name, as docs/serving.md lists them. Without `num_points`
                all rows of every block are there.

        Returns:
            Arrays `[B, ...]` by name, those of points with the rows of the request.

        Raises:
            ValueError: inputs that cannot be; nothing is sent then.
            NotServedError: no such signature, or the version is gone.
            UnreachableError: no answer, also after the last try.
            RefusedError: the server refuses the request.
            BadAnswerError: wrong shapes, or values that are not finite.
            OtherModelError: the model has changed.
        """
        known = self._metadata.signatures.get(signature)
        if known is None:
            raise NotServedError(
                f"{self.server.model_name!r} at {self.server.address} has no such signature: it "
                f"has {', '.join(self.signatures)}. Received: signature={signature!r}"
            )
        fewest = 1 if self.card is None else self.card.fewest_points
        arrays = checking.inputs(known, inputs, fewest)
        size = self.server.blocks_per_request
        num_blocks = len(next(iter(arrays.values())))
        parts = [
            {name: values[start : start + size] for name, values in arrays.items()}
            for start in range(0, num_blocks, size)
        ]
        answers = self._together(lambda part, stop: self._ask(signature, part, stop), parts)
        if signature != model_card.ABOUT:
            self._require_same()
        return {name: np.concatenate([one[name] for one in answers]) for name in known.outputs}

    def require(self, experiment: config.Experiment, fingerprint: str | None = None) -> None:
        """Refuses a served model that is not one of the experiment.

        Args:
            experiment: whose features go in and whose classes come out.
            fingerprint: of the weights; None passes over them.

        Raises:
            NotServedError: no signature gives what the network gives.
            OtherModelError: other features, classes or weights.
        """
        signature = self._metadata.signatures.get(_NETWORK)
        if signature is None or {"logits", "embedding"} - set(signature.outputs):
            raise NotServedError(
                f"{self.server.model_name!r} at {self.server.address} must have the signature "
                f"{_NETWORK!r}, which gives logits and embedding: export the run with "
                f"`ban-export`. Received: signatures={list(self.signatures)}"
            )
        shapes = signature.inputs["points"].shape, signature.outputs["logits"].shape
        pairs = [
            ("number of features", shapes[0] and shapes[0][-1], experiment.features.num_channels),
            ("number of classes", shapes[1] and shapes[1][-1], experiment.labels.num_classes),
        ]
        if self.card is not None:
            served = self.card.experiment
            pairs += [
                ("features", served.features.names, experiment.features.names),
                ("classes", served.labels.class_names, experiment.labels.class_names),
                ("samples", served.samples, experiment.samples),
            ]
            if fingerprint is not None:
                pairs.append(("fingerprint", self.card.fingerprint, fingerprint))
        for name, found, expected in pairs:
            if found is not None and found != expected:
                raise OtherModelError(
                    f"the model {self.server.model_name!r} at {self.server.address} is another "
                    "than the one that is named here: check `model_name` and `model`. "
                    f"Received: {name}={found} there, {expected} here"
                )

    def close(self) -> None:
        """Gives connections and threads back."""
        self._finalize()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _together(self, ask: Callable[[Any, Stop], _Answer], parts: list[Any]) -> list[_Answer]:
        """Answers in the order of the parts; the first error in that order ends the others."""
        stop = Stop()
        waiting: list[futures.Future[_Answer]] = []
        try:
            for part in parts:
                waiting.append(self._threads.submit(ask, part, stop))
            return [one.result() for one in waiting]
        except BaseException:  # Ctrl-C too
            for one in waiting:
                one.cancel()
            stop.set()
            raise

    def _ask(self, name: str, part: Arrays, stop: Stop) -> Arrays:
        signature = self._metadata.signatures[name]
        found, version = self._asking(
            lambda stop: self._transport.predict(self.version, name, signature, part, stop), stop
        )
        if None not in (version, self.version) and version != self.version:
            raise OtherModelError(
                f"{self.server.address} must answer with the version that it was asked for. "
                f"Received: version {version}, not {self.version}"
            )
        return checking.outputs(signature, found, part)

    def _asking(self, ask: Callable[[Stop], _Answer], stop: Stop) -> _Answer:
        try:
            return retrying(lambda: ask(stop), self.server.attempts, self._waits, stop)
        except Failure as failure:
            states = None
            if failure.code == "NOT_FOUND":
                try:
                    states = self._transport.states(stop)
                except Failure:
                    states = None  # it only makes the message longer
            raise explaining.error_of(failure, self.server, self.version, states) from failure

    def _card(self) -> model_card.ModelCard | None:
        if model_card.ABOUT not in self._metadata.signatures:
            return None
        text = self._about(model_card.CARD)
        return model_card.parse(text, f"the model {self.server.model_name!r} of the server")

    def _about(self, name: str) -> str:
        counts = {checking.COUNTS: np.ones(1, np.int32)}
        found = self._ask(model_card.ABOUT, counts, Stop())
        return found[name][0].tobytes().decode()

    def _require_same(self) -> None:
        """What is loaded anew under the same number has other weights."""
        if self.card is None:
            return
        found = self._about(model_card.FINGERPRINT)
        if found != self.card.fingerprint:
            raise OtherModelError(
                f"{self.server.model_name!r} at {self.server.address} has changed since this was "
                "begun, under the same version: begin anew. "
                f"Received: fingerprint={found}, before {self.card.fingerprint}"
            )


def _transport_of(server: Server) -> Transport:
    if server.rest:
        from ban_tf.serving.client.rest_transport import RestTransport

        return RestTransport(server)
    from ban_tf.serving.client.grpc_transport import GrpcTransport

    return GrpcTransport(server)


def _close(transport: Transport, threads: futures.ThreadPoolExecutor) -> None:
    threads.shutdown(wait=False, cancel_futures=True)
    transport.close()
