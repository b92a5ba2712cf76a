"""A run or a store among the raw rooms would be taken for a room by the next reading."""

import pytest

from ban_tf.experiments import checks, requests


@pytest.mark.parametrize("name", ["run", "blocks"])
@pytest.mark.parametrize("place", ["Area_1", "Area_2/office_1", "S3DIS/Area_1/new"])
def test_a_place_among_the_rooms_is_refused(tmp_path, name, place):
    with pytest.raises(ValueError, match=rf"`{name}` must not lie among the raw rooms.*{name}="):
        checks.check(requests.Training(data=tmp_path, **{name: tmp_path / place}))
    assert not list(tmp_path.iterdir())


def test_a_place_beside_the_rooms_is_taken(tmp_path):
    checks.check(requests.Training(data=tmp_path, run=tmp_path / "runs" / "first"))
