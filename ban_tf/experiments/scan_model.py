"""The model of a call of the scan script: loaded once, and what it says of scans."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.clouds.storeys import Storeys
from ban_tf.experiments import (
    page_similarities,
    pages,
    remote,
    scan_reports,
    trained,
    training_ranges,
    whole_scans,
)
from ban_tf.experiments.requests import Scans

if TYPE_CHECKING:
    from ban_tf.model.similarity import QueriesAndKeys


class ScanModel:
    """The model of a call, loaded when it is first asked for.

    Args:
        request: what is asked for.
        load: gives the model.
    """

    def __init__(self, request: Scans, load: Callable[[Path], trained.TrainedModel]) -> None:
        self._request = request
        self.folder, self._load = remote.place_of(request), remote.loader(request, load)
        self._model: trained.TrainedModel | None = None
        self._ranges: training_ranges.Ranges | None = None
        self._keys: QueriesAndKeys | None = None

    def loaded(self) -> trained.TrainedModel:
        """The model; what it is is printed once.

        Raises:
            ValueError: it cannot do what the request asks for.
        """
        if self._model is None:
            self._model = self._load(self.folder)
            self._ranges = training_ranges.of_model(self.folder)
            self._queries_and_keys()  # a network without attention is refused before any work
            scan_reports.print_model(self.folder, self._model, self._ranges)
            if self._request.storeys and not self.is_cut:
                raise ValueError(
                    "`storeys` are of networks that see blocks; whole shapes have none. Received: "
                    f"storeys={self._request.storeys}"
                )
        return self._model

    @property
    def labels(self) -> config.Labels:
        """Its classes."""
        return self.loaded().experiment.labels

    @property
    def is_cut(self) -> bool:
        """Whether it takes blocks of a scan, which tiles are made of."""
        return isinstance(self.loaded().experiment.samples, config.Blocks)

    @property
    def blocks(self) -> config.Blocks:
        """That a scan is cut into; of a network of shapes, whose scans are not, any."""
        samples = self.loaded().experiment.samples
        return samples if isinstance(samples, config.Blocks) else config.Blocks()

    def doubts(self, sample: Cloud, storeys: Storeys) -> list[str]:
        """Sentences on where a scan lies far outside of what it was trained on.

        Args:
            sample: some or all points of the scan.
            storeys: of the scan.
        """
        self.loaded()
        if self._ranges is None:
            return []
        count, extent = storeys.most_points, storeys.extent_of_one
        return training_ranges.doubts_of_sample(sample, extent, count, self._ranges)

    def attended(self, cloud: Cloud, storeys: Storeys) -> pages.Attended | None:
        """The similarities that the page of a scan keeps; None where it is to keep none.

        Args:
            cloud: as it is shown.
            storeys: of the scan.
        """
        experiment, keys = self.loaded().experiment, self._queries_and_keys()
        if keys is None:
            return None
        seen = dataclasses.replace(cloud, xyz=storeys.apart(cloud.xyz))
        frame = whole_scans.frame_of(storeys)
        return page_similarities.of_cloud(cloud, seen, experiment, keys, frame)

    def _queries_and_keys(self) -> "QueriesAndKeys | None":
        """What gives the similarities that pages keep, if they are to."""
        if not self._request.similarity:
            return None
        if self._keys is None:
            self._keys = page_similarities.queries_and_keys(remote.network_here(self._request))
        return self._keys
