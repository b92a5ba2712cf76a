import dataclasses
import json
import shutil

import h5py
import numpy as np
import pytest

import tiny_runs
from ban_tf import config
from ban_tf.clouds import cloud_cache
from ban_tf.data import prediction_files, prediction_scores, s3dis, store
from ban_tf.experiments import evaluation, folds
from ban_tf.metrics import table
from ban_tf.metrics.evaluators import METRICS, QUALITY_METRICS, Evaluator
from ban_tf.systems import collapse
from ban_tf.training import instance_sizes, runs

BLOCKS = config.Blocks(num_points=1024, stride_m=0.5, min_points=10)
EXPERIMENT = dataclasses.replace(tiny_runs.experiment(), samples=BLOCKS)
CLOUDS = tiny_runs.rooms()
ORACLE = tiny_runs.Oracle(*CLOUDS)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> store.Store:
    """Blocks of four rooms, with the clouds beside them."""
    path = tmp_path_factory.mktemp("blocks")
    made = tiny_runs.prepare(CLOUDS, path, EXPERIMENT)
    for cloud in CLOUDS:
        cloud_cache.save_cloud(cloud, made.cloud_file(cloud.name))
    return made


@pytest.fixture(scope="module")
def foreign(prepared, tmp_path_factory) -> store.Store:
    """The same blocks as ASIS's tools leave them: no manifest, no origin, no clouds."""
    path = tmp_path_factory.mktemp("foreign")
    for room in prepared.clouds:
        copy = shutil.copy(room.path, path / room.path.name)
        with h5py.File(copy, "r+") as file:
            del file.attrs["made_from"]
            del file["instances"]
    return store.Store.open(path, EXPERIMENT, s3dis.group_of)


class Confused:
    """The oracle, but every point of the left half of a block is clutter."""

    def get_weights(self):
        return [np.zeros(1)]

    def predict_on_batch(self, features):
        outputs = ORACLE.predict_on_batch(features)
        left = features[..., 0] < 0
        outputs["logits"][left] = 20 * np.eye(13, dtype=np.float32)[12]
        return outputs


def fold(prepared, area=2, model=None, sizes=None) -> evaluation.Fold:
    split = config.leave_one_out(("Area_1", "Area_2"), f"Area_{area}", name=f"area{area}")
    experiment = dataclasses.replace(EXPERIMENT, split=split)
    none = instance_sizes.InstanceSizes(np.full(13, np.nan), None)
    return evaluation.Fold(
        experiment, lambda: model or ORACLE, prepared.select(split.test), sizes or none
    )


# --- what is written ---


def test_a_covering_evaluation_writes_scores_tables_and_the_labels_of_every_point(
    prepared, tmp_path
):
    result = evaluation.evaluate([fold(prepared)], "covering", tmp_path)
    assert dict(result.means()) == dict.fromkeys(METRICS, 1.0)
    assert (result.test, result.clouds) == (("Area_2",), ("Area_2_office_1", "Area_2_office_2"))
    written = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert written == [
        "predictions/Area_2_office_1.npz",
        "predictions/Area_2_office_2.npz",
        "scores.json",
        "tables.csv",
        "tables.md",
    ]
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["protocol"] == "covering"
    assert {name: scores[name] for name in METRICS} == dict.fromkeys(METRICS, 1.0)
    assert {name: scores[name] for name in QUALITY_METRICS} == dict.fromkeys(QUALITY_METRICS, 1.0)
    with np.load(tmp_path / "predictions" / "Area_2_office_1.npz") as labels:
        np.testing.assert_array_equal(labels["semantic"], CLOUDS[2].semantic)
        assert labels["confidence"].shape == labels["instance"].shape == (len(CLOUDS[2]),)


def test_a_benchmark_is_fed_every_raw_point_and_written_with_the_scores(prepared, tmp_path):
    with_benchmark = dataclasses.replace(prepared, benchmark="partnet")
    result = evaluation.evaluate([fold(with_benchmark)], "covering", tmp_path)
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["benchmark"] == result.benchmark.document
    assert (scores["benchmark"]["name"], scores["benchmark"]["num_shapes"]) == ("partnet", 2)
    assert scores["benchmark"]["part mAP50"] == scores["benchmark"]["shape mIoU"] == 1.0
    assert "PartNet benchmark" in (tmp_path / "tables.md").read_text(encoding="utf-8")
    csv = (tmp_path / "benchmark.csv").read_text(encoding="utf-8")
    assert "partnet,mean,shape mAP50,100.0000\n" in csv
    assert evaluation.evaluate([fold(with_benchmark)], "legacy").benchmark is None
    assert evaluation.evaluate([fold(prepared)], "covering").benchmark is None


def test_legacy_predictions_score_the_same_when_read_back(prepared, tmp_path):
    written = evaluation.evaluate([fold(prepared, model=Confused())], "legacy", tmp_path)
    evaluator = Evaluator(EXPERIMENT.dataset, EXPERIMENT.labels, ("Area_2",), "legacy")
    for room in prediction_files.read_rooms(tmp_path / "predictions", 13):
        instance, scores = prediction_scores.numbered(room, tmp_path / "predictions")
        truth = room.truth_semantic, room.truth_instance
        evaluator.add(room.name, *truth, room.semantic, instance, scores)
    read = evaluator.evaluation()
    assert dict(read.means()) == dict(written.means())
    assert dict(read.quality()) == dict(written.quality())
    assert 0 < written.quality()["AP"] < 1
    assert 0.1 < written.means()["mIoU"] < 0.9
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["strict"] == json.loads(table.to_json(read))["strict"]


def test_legacy_predictions_hold_metres_above_the_room_s_corner(prepared, tmp_path):
    evaluation.evaluate([fold(prepared)], "legacy", tmp_path)
    room = prediction_files.read_room(tmp_path / "predictions", "Area_2_office_1", 13)
    cloud = CLOUDS[2]
    shifted = cloud.xyz - cloud.xyz.min(axis=0)
    assert len(room.xyz) % BLOCKS.num_points == 0
    distance, index = tiny_runs.nearest(shifted, room.xyz)
    assert distance.max() < 1e-5  # features are float32
    np.testing.assert_array_equal(room.rgb, cloud.rgb[index])
    np.testing.assert_array_equal(room.truth_instance, cloud.instance[index])


def test_without_a_folder_nothing_is_written(prepared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluation.evaluate([fold(prepared)], "covering")
    assert not list(tmp_path.iterdir())


def test_a_failure_in_the_last_room_leaves_earlier_scores_as_they_were(prepared, tmp_path):
    evaluation.evaluate([fold(prepared)], "covering", tmp_path)
    before = (tmp_path / "scores.json").read_bytes()

    predictions = {p.name: p.read_bytes() for p in (tmp_path / "predictions").iterdir()}
    stop_in_the_last_room(prepared, "covering", tmp_path, Confused())
    assert (tmp_path / "scores.json").read_bytes() == before
    for path in (tmp_path / "predictions").iterdir():
        assert predictions[path.name] == path.read_bytes()


# --- stopping and going on ---

# One block at a time, so that a room takes several calls of the network.
SINGLE = dataclasses.replace(EXPERIMENT.inference, batch_size=1, blocks_in_flight=2)


class Counting:
    """Another network, which counts its calls and stops after some."""

    def __init__(self, model, until=None):
        self.model = model
        self.until = until
        self.calls = 0

    def get_weights(self):
        return self.model.get_weights()

    def predict_on_batch(self, features):
        if self.calls == self.until:
            raise KeyboardInterrupt
        self.calls += 1
        return self.model.predict_on_batch(features)


def one_by_one(prepared, model):
    whole = fold(prepared, model=model)
    experiment = dataclasses.replace(whole.experiment, inference=SINGLE)
    return dataclasses.replace(whole, experiment=experiment)


def stop_in_the_last_room(prepared, protocol, out, model=ORACLE):
    """Stops before the last block; returns how many blocks there are."""
    whole = Counting(model)
    evaluation.evaluate([one_by_one(prepared, whole)], protocol)
    stopped = Counting(model, whole.calls - 1)
    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate([one_by_one(prepared, stopped)], protocol, out)
    return whole.calls


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_a_stopped_evaluation_goes_on_where_it_was(prepared, tmp_path, protocol):
    evaluation.evaluate([one_by_one(prepared, Confused())], protocol, tmp_path / "whole")
    stop_in_the_last_room(prepared, protocol, tmp_path / "stopped", Confused())
    rest = Counting(Confused())
    evaluation.evaluate([one_by_one(prepared, rest)], protocol, tmp_path / "stopped")
    last_room = prepared.select(["Area_2"]).clouds[1]
    assert rest.calls == (1 if protocol == "covering" else last_room.num_samples)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def contents(folder):
    """What the files of a folder hold, by name; archives by their arrays."""
    found = {}
    for path in sorted(folder.rglob("*.*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".npz":
            with np.load(path) as file:
                found[name] = {field: file[field].tolist() for field in file.files}
        else:
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_another_network_takes_up_nothing(prepared, tmp_path, protocol):
    num_blocks = stop_in_the_last_room(prepared, protocol, tmp_path, Confused())
    other = Counting(ORACLE)
    result = evaluation.evaluate([one_by_one(prepared, other)], protocol, tmp_path)
    assert other.calls == num_blocks
    assert result.means()["mIoU"] == 1.0
    assert not (tmp_path / "unfinished").exists()


def test_other_settings_take_up_nothing(prepared, tmp_path):
    num_blocks = stop_in_the_last_room(prepared, "covering", tmp_path)
    for changes in ({"clusterer": "sklearn"}, {"bandwidth": 0.5}):
        model = Counting(ORACLE, 1)
        other = one_by_one(prepared, model)
        inference = dataclasses.replace(SINGLE, **changes)
        experiment = dataclasses.replace(other.experiment, inference=inference)
        with pytest.raises(KeyboardInterrupt):
            evaluation.evaluate(
                [dataclasses.replace(other, experiment=experiment)], "covering", tmp_path
            )
        assert model.calls == 1
    sizes = instance_sizes.InstanceSizes(np.full(13, np.nan), np.ones(13))
    model = Counting(ORACLE)
    other = dataclasses.replace(one_by_one(prepared, model), sizes=sizes)
    evaluation.evaluate([other], "covering", tmp_path)
    assert model.calls == num_blocks


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_a_finished_evaluation_starts_anew(prepared, tmp_path, protocol):
    calls = []
    for _ in range(2):
        model = Counting(ORACLE)
        evaluation.evaluate([one_by_one(prepared, model)], protocol, tmp_path)
        calls.append(model.calls)
    assert calls[0] == calls[1] > 0


def test_labels_that_were_kept_and_damaged_are_named(prepared, tmp_path):
    stop_in_the_last_room(prepared, "covering", tmp_path)
    [kept] = (tmp_path / "unfinished").glob("Area_2_office_1.*.npz")
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"Area_2_office_1\..*npz is damaged .*the same command"):
        evaluation.evaluate([one_by_one(prepared, ORACLE)], "covering", tmp_path)


# --- a collapsed embedding ---


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_a_collapsed_embedding_is_explained_once_for_all_rooms(prepared, protocol):
    flat = tiny_runs.Oracle(*CLOUDS)
    flat.embedding = 0.01 * flat.embedding
    with pytest.warns(collapse.CollapseWarning, match="The embedding has collapsed") as caught:
        evaluation.evaluate([fold(prepared, model=flat)], protocol)
    assert len(caught) == 1


# --- pooling ---


@pytest.mark.parametrize("protocol", ["covering", "legacy"])
def test_folds_are_pooled_cloud_by_cloud(prepared, tmp_path, protocol):
    both_folds = [fold(prepared, area, Confused()) for area in (1, 2)]
    pooled = evaluation.evaluate(both_folds, protocol, tmp_path)
    both = dataclasses.replace(both_folds[0], samples=prepared)
    at_once = evaluation.evaluate([both], protocol)
    assert dict(pooled.means()) == dict(at_once.means())
    assert dict(pooled.quality()) == dict(at_once.quality())
    assert pooled.clouds == at_once.clouds == tuple(cloud.name for cloud in CLOUDS)
    assert pooled.test == ("Area_1", "Area_2")


def test_no_fold_is_refused():
    with pytest.raises(ValueError, match="at least one fold"):
        evaluation.evaluate([], "covering")


# --- sizes ---


def test_sizes_are_those_of_the_training_areas(prepared):
    sizes = instance_sizes.measure(EXPERIMENT, prepared)
    counts = [np.bincount(cloud.instance) for cloud in CLOUDS[:2]]
    assert sizes.raw[1] == np.mean([count[0] for count in counts])  # the floor
    assert sizes.raw[8] == np.mean([count[2:] for count in counts])  # both chairs
    assert np.isnan(sizes.raw[0])
    assert (sizes.drawn[[1, 2, 8]] > 0).all()
    assert sizes.of("covering") is sizes.raw
    assert sizes.of("legacy") is sizes.drawn


def test_sizes_survive_the_run_folder(prepared, foreign, tmp_path):
    run = runs.start(tmp_path, EXPERIMENT)
    for blocks in (prepared, foreign):
        sizes = instance_sizes.measure(EXPERIMENT, blocks)
        instance_sizes.save(run.folder, sizes)
        loaded = instance_sizes.load(tmp_path)
        np.testing.assert_array_equal(loaded.drawn, sizes.drawn)
        assert (loaded.raw is None) == (sizes.raw is None)
        if sizes.raw is not None:
            np.testing.assert_array_equal(loaded.raw, sizes.raw)


def test_missing_sizes_say_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"mean_instance_sizes.json is missing: start the"):
        instance_sizes.load(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"drawn": null, "raw": null}', '{"raw": []}'])
def test_damaged_sizes_are_named(tmp_path, content):
    (tmp_path / instance_sizes.FILE_NAME).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"mean_instance_sizes.json is damaged"):
        instance_sizes.load(tmp_path)


# --- data that others prepared ---


def test_covering_needs_the_clouds_and_says_so(foreign):
    message = r"clouds/Area_2_office_1.npz is missing.*`data`\), or use the legacy protocol"
    with pytest.raises(FileNotFoundError, match=message):
        evaluation.evaluate([fold(foreign)], "covering")


def test_legacy_works_on_the_blocks_alone(prepared, foreign):
    ours = evaluation.evaluate([fold(prepared, model=Confused())], "legacy")
    theirs = evaluation.evaluate([fold(foreign, model=Confused())], "legacy")
    assert dict(ours.means()) == dict(theirs.means())


# --- six folds ---


def six_fold(parent, areas=(1, 2), **changes):
    splits = [
        config.leave_one_out(("Area_1", "Area_2"), f"Area_{area}", name=f"area{area}")
        for area in (1, 2)
    ]
    folds.save(parent, splits)
    for split in splits:
        if int(split.name[-1]) in areas:
            experiment = dataclasses.replace(EXPERIMENT, split=split, **changes)
            runs.start(parent / split.name, experiment).model_file.touch()


def test_all_folds_are_found(tmp_path):
    six_fold(tmp_path)
    found = folds.finished(tmp_path)
    assert [run.folder.name for run in found] == ["area1", "area2"]


def test_a_missing_fold_is_refused(tmp_path):
    six_fold(tmp_path, areas=[2])
    with pytest.raises(FileNotFoundError, match="area1 is not a run folder"):
        folds.finished(tmp_path)


def test_an_unfinished_fold_is_refused(tmp_path):
    six_fold(tmp_path)
    (tmp_path / "area2" / "model.keras").unlink()
    message = r"area2 is not finished; the pooled tables need all of area1, area2"
    with pytest.raises(ValueError, match=message):
        folds.finished(tmp_path)


def test_folds_of_different_experiments_are_not_pooled(tmp_path):
    six_fold(tmp_path, areas=[1])
    six_fold(tmp_path, areas=[2], seed=1)
    with pytest.raises(ValueError, match=r"area2 holds a run of another .*seed: 1 there, 0 asked"):
        folds.finished(tmp_path)
