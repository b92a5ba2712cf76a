"""Times of whole systems: what is timed is right, and what is printed is what was timed."""

import dataclasses
import importlib.util
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import tiny_runs
from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data import store
from ban_tf.experiments.efficiency import measure, originals, report, workload
from ban_tf.instances import clustering, merging
from ban_tf.metrics import published
from ban_tf.training import runs, trainer
from places import ROOT

# Keras converts with an `__array__` that NumPy 2 finds old-fashioned.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHARED = ROOT.parent / "shared"
BLOCKS = config.BlockConfig(num_points=256, stride_m=0.5, min_points=10)
ROOM = tiny_runs.room("Area_1_office_1", num_points=6000)


def load_script():
    path = ROOT / "eval" / "eval_efficiency.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


def tiny_s3dis(test_area: int = 5, network: str = "ban") -> config.Experiment:
    experiment = tiny_runs.experiment()
    named = dataclasses.replace(experiment.network, name=network)
    inference = dataclasses.replace(experiment.inference, batch_size=2)
    return dataclasses.replace(experiment, network=named, inference=inference)


@pytest.fixture
def _tiny(monkeypatch):
    monkeypatch.setattr(config, "s3dis", tiny_s3dis)


def work(num_blocks: int = 5) -> workload.Workload:
    """Five blocks in batches of two: the last batch is filled up."""
    drawn = workload.draw_blocks(ROOM, BLOCKS, num_blocks)
    embeddings = {
        name: workload.embed(drawn.instance, 5, separation, std)
        for name, (separation, std) in SCRIPT.DRAWN.items()
    }
    return workload.Workload(drawn.features, embeddings)


# --- the originals' way ---


@pytest.mark.parametrize("seed", range(4))
def test_the_originals_way_leads_to_the_same_instances(seed):
    rng = np.random.default_rng(seed)
    drawn = workload.draw_blocks(ROOM, BLOCKS, 5, seed)
    logits = rng.normal(size=(*drawn.semantic.shape, 13)) + 3 * np.eye(13)[drawn.semantic]
    embedding = workload.embed(drawn.instance, 5, 0.8, 0.1 + 0.03 * seed, seed)
    experiment = tiny_s3dis()
    expected = originals.instances(
        drawn.features, {"logits": logits, "embedding": embedding}, experiment
    )
    labels = clustering.cluster_blocks(embedding, experiment.inference)
    classes = [
        clustering.cluster_classes(block, semantic)
        for block, semantic in zip(labels, logits.argmax(axis=-1), strict=True)
    ]
    found = merging.merge_legacy(
        drawn.features[..., 6:9], labels, classes, 13, experiment.inference
    )
    assert found.max() > 2
    np.testing.assert_array_equal(found, expected)


# --- what is timed ---


def test_a_generated_room_fills_the_paper_s_blocks():
    room = workload.generated_room(config.S3DIS.class_names)
    assert room.name.startswith("Area_1_office")
    assert len(np.unique(room.instance)) > 10
    drawn = workload.draw_blocks(room, config.BlockConfig(), 3)
    assert drawn.features.shape == (3, 4096, 9)
    again = workload.draw_blocks(room, config.BlockConfig(), 3)
    np.testing.assert_array_equal(drawn.features, again.features)


def test_a_room_with_fewer_blocks_gives_all_it_has():
    small = tiny_runs.room("Area_1_office_1", num_points=900, size_m=0.9)
    assert len(workload.draw_blocks(small, BLOCKS, 100).features) == 1


def test_instances_well_apart_are_the_clusters_and_keep_their_distance():
    instance = np.arange(600).reshape(2, 300) % 30
    embedding = workload.embed(instance, 5, separation=1.5, std=0.05)
    assert embedding.dtype == np.float32
    centres = np.stack([embedding[instance == k].mean(axis=0) for k in range(30)])
    gaps = np.linalg.norm(centres[:, None] - centres, axis=-1) + 9 * np.eye(30)
    assert gaps.min() > 1.3  # means of 20 points around centres 1.5 apart
    labels = clustering.cluster_blocks(embedding, config.InferenceConfig())
    for block, truth in zip(labels, instance, strict=True):
        assert len(set(zip(block.tolist(), truth.tolist(), strict=True))) == 30


def test_a_workload_survives_its_file(tmp_path):
    written = work()
    written.write(tmp_path / "blocks.npz")
    found = workload.read(tmp_path / "blocks.npz")
    np.testing.assert_array_equal(found.features, written.features)
    assert list(found.embeddings) == list(written.embeddings)
    for name, embedding in written.embeddings.items():
        np.testing.assert_array_equal(found.embeddings[name], embedding)


# --- timing ---


def request(folder: pathlib.Path, network: str = "ban", with_originals: bool = True):
    file = SCRIPT.write_request(folder, network, work(), 2, with_originals)
    return measure.Request(**json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.usefixtures("_tiny")
def test_a_system_is_timed_with_every_embedding(tmp_path):
    found = measure.measure(request(tmp_path))
    assert (found.network, found.shape) == ("ban", (5, 256))
    network = trainer.build_network(tiny_s3dis())
    assert found.num_weights == sum(int(np.prod(w.shape)) for w in network.trainable_variables)
    assert found.peak_mib > 0
    assert [row.embedding for row in found.after] == ["separated", "overlapping"]
    for row in found.after:
        assert 0 < row.seconds < row.originals_seconds
        assert row.whole_seconds > 0
        assert row.clusters >= 1
        assert row.instances >= 1
    assert measure.parse(json.loads(json.dumps(dataclasses.asdict(found)))) == found


@pytest.mark.usefixtures("_tiny")
def test_another_result_of_the_originals_is_an_error(tmp_path, monkeypatch):
    right = originals.instances
    monkeypatch.setattr(originals, "instances", lambda *a: right(*a) + 1)
    with pytest.raises(RuntimeError, match=r"1280 of 1280 points of the separated embedding"):
        measure.measure(request(tmp_path))
    found = measure.measure(request(tmp_path, with_originals=False))
    assert [row.originals_seconds for row in found.after] == [None, None]


def test_the_embedding_is_replaced_block_by_block():
    embedding = np.arange(5, dtype=np.float32).reshape(5, 1, 1)

    class Network:
        def predict_on_batch(self, features):
            return {"logits": features, "embedding": np.full((len(features), 1, 1), 9.0)}

    injected = measure._Injected(Network(), embedding)
    for _ in range(2):  # from the beginning again
        seen = [
            injected.predict_on_batch(np.zeros((2, 1, 1)))["embedding"].ravel() for _ in range(3)
        ]
        np.testing.assert_array_equal(np.concatenate(seen), [0, 1, 2, 3, 4, 4])


# --- what is printed ---

ROWS = (
    measure.AfterNetwork("separated", 5.0, 12, 0.02, 4.1, 1.2),
    measure.AfterNetwork("overlapping", 9.5, 20, 0.2, 4.3, 40.0),
)
FOUND = measure.Efficiency("ban", 1_650_734, (4, 4096), 4.0, 512.4, None, ROWS)


def test_the_layout_is_that_of_table_8():
    lines = report.speed_table([FOUND], {"ban": "separated"}).text().splitlines()
    rows = [line.split("  ") for line in lines]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert ["Our model", "PointNet++", "1649 s", "361 s", "4500MB+64MB"] in cells
    assert ["BAN", "PointNet++", "4.10 s", "4.00 s", "512 MiB"] in cells
    assert any("4 blocks of 4096 points; peak memory of the process" in line for line in lines)
    assert "Embedding that was clustered: BAN: separated." in lines


def test_on_a_gpu_its_memory_stands_in_the_table():
    found = dataclasses.replace(FOUND, gpu_peak_mib=2048.0)
    text = report.speed_table([found], {"ban": "overlapping"}).text()
    assert "4.30 s" in text
    assert "2048 MiB" in text
    assert "peak memory of the GPU" in text


def test_ratios_and_shares_are_those_of_the_times():
    lines = report.after_table([FOUND]).text().splitlines()
    separated = next(line.split() for line in lines if "separated" in line)
    assert separated[2:] == "5.0 1000.0 5.00 0.5 % 300 60x 1025.0 1300 1.3x".split()
    assert any("of the network's time, at most: BAN 5.0 % (asked: 10 %)." in line for line in lines)
    assert any("at least 60 times as long (asked: 50)" in line for line in lines)


def test_without_the_originals_there_is_no_ratio():
    rows = tuple(dataclasses.replace(row, originals_seconds=None) for row in ROWS)
    text = report.after_table([dataclasses.replace(FOUND, after=rows)]).text()
    assert "times as long" not in text
    assert "at most: BAN 5.0 %" in text


@pytest.mark.skipif(not (SHARED / "tables").is_dir(), reason="needs the tables in ../shared")
def test_the_published_speeds_are_the_paper_s():
    name = "table8_speed_memory.csv"
    ours = pathlib.Path(published.__file__).parent / "published" / name
    assert ours.read_bytes() == (SHARED / "tables" / name).read_bytes()
    assert [row.with_clustering_s for row in published.speeds()] == [1859, 2146, 1649]


# --- the script ---


@pytest.fixture
def in_process(monkeypatch, _tiny):
    """The script with tiny networks, timed in this process."""

    def measure_here(file):
        found = json.loads(file.read_text(encoding="utf-8"))
        return measure.measure(measure.Request(**found))

    monkeypatch.setattr(SCRIPT, "measure_apart", measure_here)
    monkeypatch.setattr(workload, "generated_room", lambda *_: ROOM)
    draw = workload.draw_blocks
    monkeypatch.setattr(workload, "draw_blocks", lambda cloud, _, *rest: draw(cloud, BLOCKS, *rest))


@pytest.mark.usefixtures("in_process")
def test_the_systems_of_the_table_are_timed(tmp_path, capsys):
    SCRIPT.main(["--rounds", "1", "--json", str(tmp_path / "found.json")])
    printed = capsys.readouterr().out
    titles = [line.split()[0] for line in printed.splitlines() if "MiB" in line and " s " in line]
    assert titles == ["PointNet++", "ASIS", "BAN"]
    assert "name a run of train/train_*.py with --run" in printed
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert {"revision", "machine", "versions"} <= set(found)
    timed = [
        [row["originals_seconds"] is not None for row in one["after"]] for one in found["systems"]
    ]
    assert timed == [[False, False], [False, False], [True, True]]


def trained_run(folder: pathlib.Path, network: str = "ban") -> runs.Run:
    """A run whose network was saved as training would."""
    experiment = tiny_s3dis(network=network)
    run = runs.start(folder, experiment)
    trainer.build_network(experiment).save(run.model_file)
    return run


@pytest.mark.usefixtures("in_process")
def test_the_embeddings_of_trained_networks_are_clustered_too(tmp_path, capsys):
    ban = trained_run(tmp_path / "ban")
    drawn = workload.draw_blocks(ROOM, BLOCKS, 4)
    found = SCRIPT.embeddings(drawn, "pointnet2", {"ban": ban})  # the first, for want of its own
    network = keras.models.load_model(ban.model_file, compile=False)
    expected = network.predict_on_batch(drawn.features)["embedding"]
    np.testing.assert_allclose(found["trained"], expected, atol=1e-5)
    argv = ["--rounds", "1", "--systems", "ban", "--without-originals", "--run", str(ban.folder)]
    SCRIPT.main(argv)
    printed = capsys.readouterr().out
    assert "Embedding that was clustered: BAN: trained." in printed
    assert "name a run" not in printed


def test_runs_of_networks_without_embedding_are_refused(tmp_path):
    run = runs.start(tmp_path / "run", tiny_s3dis(network="sgpn"))
    drawn = workload.draw_blocks(ROOM, BLOCKS, 2)
    with pytest.raises(ValueError, match=r"must be of networks that embed points.*of sgpn"):
        SCRIPT.embeddings(drawn, "ban", {"sgpn": run})


def test_blocks_are_those_of_the_first_room_of_the_test_area(tmp_path):
    clouds: list[Cloud] = tiny_runs.rooms(kind="tabletop")
    dataset = dataclasses.replace(config.S3DIS, name="scans", areas=(1, 2))
    settings = {"config": BLOCKS, "dataset": dataset, "seed": 0}
    store.prepare(clouds, path=tmp_path / "blocks", progress=False, **settings)
    raw = tiny_runs.write_raw(tmp_path / "raw", clouds)
    prepared = store.Store.open(tmp_path / "blocks").select([2])
    args = SCRIPT.parse_args(["--blocks", str(tmp_path / "blocks"), "--num-blocks", "3"])
    found = SCRIPT.choose_blocks(args)
    np.testing.assert_array_equal(found.features, prepared.read(range(3)).features)
    args = SCRIPT.parse_args(["--data", str(raw), "--num-blocks", "2"])
    found = SCRIPT.choose_blocks(args)
    assert found.features.shape == (2, 4096, 9)
    assert set(np.unique(found.instance)) <= set(range(4))


def test_help_shows_the_command(capsys):
    with pytest.raises(SystemExit) as stop:
        SCRIPT.main(["--help"])
    assert stop.value.code == 0
    assert "python eval/eval_efficiency.py --run runs/demo" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["--num-blocks", "0"], ["--rounds", "0"], ["--systems", "sgpn"]])
def test_wrong_flags_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        SCRIPT.main(argv)
    assert stop.value.code == 2
    assert argv[0] in capsys.readouterr().err


def test_a_process_that_fails_is_one_message(tmp_path):
    missing = tmp_path / "missing.json"
    with pytest.raises(RuntimeError, match=r"timing failed: FileNotFoundError.*missing\.json"):
        SCRIPT.measure_apart(missing)


@pytest.mark.slow
def test_the_script_runs_as_a_program(tmp_path):
    argv = ["--systems", "ban", "--num-blocks", "1", "--rounds", "1", "--json", "found.json"]
    done = subprocess.run(
        [sys.executable, ROOT / "eval" / "eval_efficiency.py", *argv, "--without-originals"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Speed and memory" in done.stdout
    assert (tmp_path / "found.json").is_file()
