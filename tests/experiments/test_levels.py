"""Sizes that contradict each other are refused before anything is prepared."""

import json

import pytest

from ban_tf import config
from ban_tf.data import s3dis
from ban_tf.experiments import choosing, requests


@pytest.mark.parametrize("network", ["ban", "jsnet", "bonet"])
def test_an_encoder_that_samples_more_than_there_is_is_refused(tmp_path, network):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"samples": {"num_points": 8}}))
    request = requests.Training(data=tmp_path, network=network, settings=file)
    with pytest.raises(ValueError, match=r"each level of the encoder must .*num_points=8, num_sam"):
        choosing.for_training(request, s3dis.dataset())


def test_a_block_wider_than_any_cloud_is_refused():
    with pytest.raises(ValueError, match=r"`size_m` must be at most .*size_m=1e\+300"):
        config.Blocks(size_m=1e300, stride_m=1.0)
