"""Reads raw clouds and writes their training samples, nothing more."""

from ban_tf.data import preparation
from ban_tf.data.dataset import Source
from ban_tf.data.store import Store
from ban_tf.experiments import checks, choosing
from ban_tf.experiments.requests import Preparation


def prepare(request: Preparation, source: Source) -> Store | None:
    """Does what a preparing script is asked for; a stopped call, given again, goes on.

    Returns:
        The store; None of a dry run.

    Raises:
        FileNotFoundError: the data are not where the request says.
        ValueError: the store was made with other settings, or by another program.
    """
    checks.check(request)
    dataset = source.describe(request.data, None)
    experiment = choosing.for_preparation(request, dataset)
    if request.dry_run:
        scans = dataset.scans(request.data, request.groups)
        print(f"would read {len(scans)} clouds of {request.data} and write {request.blocks}")
        return None
    store = preparation.prepare(dataset, request.data, request.blocks, experiment, request.groups)
    print(preparation.summary(store))
    return store
