"""A trained network that runs behind a server, as `trained.load` gives one that runs here."""

from collections.abc import Callable
from pathlib import Path

from ban_tf.config.served import Server
from ban_tf.experiments import folds, trained
from ban_tf.experiments.requests import RUNS, Scans
from ban_tf.serving import model_card
from ban_tf.serving.client.client import Client

_Load = Callable[[Path], trained.TrainedModel]


def place_of(request: Scans) -> Path:
    """What tells of the network of a request: its model, the server, or the newest run.

    Example:
        >>> place_of(Scans(scans=("a.ply",), server=Server(address="localhost:8500"))).as_posix()
        'localhost:8500'
    """
    if request.model is not None:
        return request.model
    return folds.newest(RUNS) if request.server is None else Path(request.server.address)


def network_here(request: Scans) -> Path:
    """The network of a request that is at hand, for what no server tells.

    Raises:
        ValueError: there is only a served one.
    """
    model = place_of(request)
    if request.server is not None and (request.model is None or model_card.is_version(model)):
        raise ValueError(
            "`similarity` needs the network here, as a server does not tell where attentions "
            "look: name its run or its `.keras` file (`model`), or leave it out. "
            f"Received: model={request.model}"
        )
    return model


def loader(request: Scans, load: _Load) -> _Load:
    """How the network of a request is loaded: from its server, or else by `load`."""
    server, model = request.server, request.model
    return load if server is None else lambda _: connect(server, model)


def connect(server: Server, model: Path | None = None) -> trained.TrainedModel:
    """Makes a model whose network runs behind a server; all else is done here.

    Args:
        server: that has the network.
        model: tells classes, features, samples and thresholds: a run folder, a `.keras` file or
            the folder of an exported version. None asks the served model itself.

    Raises:
        FileNotFoundError: there is no such `model`.
        ValueError: it is damaged, or nobody tells what the network was trained for.
        ServingError: nobody answers, or the served model is another one.
        ImportError: gRPC is asked for and not installed.
    """
    card = description = None
    if model is not None and model_card.is_version(model):
        card = model_card.read(model)
    elif model is not None:
        description = trained.describe(model)
    client = Client(server)
    if description is not None:
        sizes = None if description.sizes is None else description.sizes.raw
        client.require(description.experiment)
        return trained.TrainedModel(client, description.experiment, sizes)
    if card is None and client.card is None:
        client.close()
        raise ValueError(
            "the served model does not tell what it was trained for: name its run, its `.keras` "
            f"file or its exported version (`model`). Received: address={server.address}"
        )
    if card is not None:
        client.require(card.experiment, card.fingerprint)
        return trained.TrainedModel(client, card.experiment, card.mean_sizes)
    assert client.card is not None
    client.require(client.card.experiment)
    return trained.TrainedModel(client, client.card.experiment, client.card.mean_sizes)
