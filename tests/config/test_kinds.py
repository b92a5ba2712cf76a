"""Values of other kinds than a field takes: refused on creation, or made what they stand for."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import small_clouds
from ban_tf import config
from ban_tf.config import kinds
from ban_tf.data import s3dis
from ban_tf.data.store import Store
from ban_tf.experiments import checks, requests

LABELS = config.Labels(class_names=("desk", "lamp"))
SPLIT = config.Split(name="val", train=("a",), test=("b",))


def _experiment(**changes):
    return config.Experiment(**{"dataset": "desks", "labels": LABELS, "split": SPLIT} | changes)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: config.Labels(class_names="desk"), "class_names"),  # not d, e, s and k
        (lambda: config.Labels(class_names=(1, 2)), r"class_names\[0\]"),
        (lambda: config.Labels(class_names=("a",), class_colors=((1, 2),)), r"class_colors\[0\]"),
        (lambda: config.Split(name="val", train="scan1", test=("scan2",)), "train"),
        (lambda: config.Split(name="val", train=(), test=None), "test"),
        (lambda: config.Features(names="xyz"), "names"),
        (lambda: config.Blocks(num_points=64.0), "num_points"),
        (lambda: config.Blocks(num_points=True), "num_points"),
        (lambda: config.Blocks(size_m="1"), "size_m"),
        (lambda: config.Shapes(num_points=None), "num_points"),
        (lambda: _experiment(seed=1.5), "seed"),
        (lambda: _experiment(labels=("desk", "lamp")), "labels"),
        (lambda: _experiment(samples="blocks"), "samples"),
        (lambda: config.TrainingConfig(batch_size="8"), "batch_size"),
        (lambda: config.AugmentationConfig(rotate_z=1), "rotate_z"),
        (lambda: requests.Training(epochs=1.5), "epochs"),
        (lambda: requests.Training(data=3), "data"),
        (lambda: requests.Evaluation(compare="runs/a"), "compare"),
    ],
)
def test_another_kind_of_value_is_refused_by_the_name_of_its_field(make, field):
    with pytest.raises(TypeError, match=rf"^`{field}` must .* Received: {field}="):
        make()


@pytest.mark.parametrize("value", [np.float32("nan"), float("inf"), -np.inf])
def test_a_number_is_finite(value):
    with pytest.raises(ValueError, match=r"^`jitter_m` must be finite. Received: jitter_m="):
        config.AugmentationConfig(jitter_m=value)


def test_lists_and_scalars_of_numpy_are_what_they_stand_for():
    made = _experiment(
        labels=config.Labels(class_names=["desk", "lamp"]),
        samples=config.Blocks(num_points=np.int64(4096), size_m=np.float64(1.0)),
        seed=np.uint8(0),
    )
    assert made == _experiment()
    assert config.from_json(config.to_json(made)) == made
    assert type(made.samples.num_points) is int


def test_a_whole_number_stays_one_where_any_number_may_stand():
    text = config.to_json(_experiment(samples=config.Blocks(size_m=1)))
    assert json.loads(text)["samples"]["size_m"] == 1
    assert '"size_m": 1,' in text  # so that keys of what was kept before stay the same


def test_every_class_of_the_config_is_checked():
    found = {type(part).__name__ for part in _parts(_experiment())}
    assert len(found) > 10
    for part in _parts(_experiment()):
        first = dataclasses.fields(part)[0].name
        with pytest.raises((TypeError, ValueError), match=f"^`{first}` must be "):
            dataclasses.replace(part, **{first: object()})


def _parts(part):
    yield part
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value):
            yield from _parts(value)


def test_places_may_be_text(tmp_path):
    request = requests.Training(data=str(tmp_path), run=str(tmp_path / "run"))
    assert (request.data, request.run) == (tmp_path, tmp_path / "run")
    assert requests.Timing(runs=["a", Path("b")]).runs == (Path("a"), Path("b"))
    checks.check(request)
    for open_store in (Store.open, lambda folder: s3dis.describe(None, folder)):
        with pytest.raises(FileNotFoundError, match="no prepared blocks in"):
            open_store(str(tmp_path))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (requests.Training, {"keep": "bset"}, '`keep` must be one of "last", "best" or null'),
        (requests.Training, {"recipe": "mine"}, "`recipe` must be one of"),
        (requests.Evaluation, {"clusterer": "kmeans"}, "`clusterer` must be one of"),
        (requests.Evaluation, {"protocol": "all"}, "`protocol` must be one of"),
        (requests.Ablation, {"variants": ("none", "none")}, "`variants` must name each once"),
    ],
)
def test_a_request_of_an_unknown_choice_is_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        checks.check(kind(**values))


def test_a_kind_has_a_name_for_people():
    assert kinds.name_of(Path | None) == "a place or null"


@pytest.mark.parametrize("names", ["east", [1], [None]])
def test_clouds_are_selected_by_several_names(tmp_path, names):
    opened = small_clouds.prepare(tmp_path, [small_clouds.make_cloud("east_1")])
    with pytest.raises(TypeError, match=r"^`names` must be a list, of each item a text"):
        opened.select(names)
