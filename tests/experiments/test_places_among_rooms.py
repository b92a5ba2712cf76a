"""A run or a store among the raw scans would be taken for a part of them by the next reading."""

import pytest

from ban_tf.experiments import checks, requests


@pytest.mark.parametrize("name", ["run", "blocks"])
@pytest.mark.parametrize("place", ["Area_1", "Area_2/office_1", "scans/first/new"])
def test_a_place_in_a_folder_of_the_raw_data_is_refused(tmp_path, name, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    folder = tmp_path / place
    folder = folder if folder.parent != tmp_path else folder / "new"
    (tmp_path / "Area_1").mkdir(exist_ok=True)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=rf"`{name}` must not lie in a folder of the raw.*{name}="):
        checks.check(requests.Training(data=tmp_path, **{name: folder}))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_place_beside_the_rooms_is_taken_also_once_it_holds_a_run(tmp_path):
    request = requests.Training(data=tmp_path, run=tmp_path / "runs" / "first")
    checks.check(request)
    request.run.mkdir(parents=True)
    (request.run / "config.json").touch()
    checks.check(request)
