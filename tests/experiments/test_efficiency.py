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
from ban_tf import config, systems
from ban_tf.config import NONE
from ban_tf.data import dataset, s3dis
from ban_tf.experiments import command_line, requests
from ban_tf.experiments.commands import efficiency
from ban_tf.experiments.efficiency import apart, measure, originals, report, workload
from ban_tf.experiments.efficiency.records import AfterNetwork, Efficiency, Request
from ban_tf.instances import clustering, merging
from ban_tf.metrics import published
from ban_tf.training import runs, trainer
from places import ROOT

# Keras converts with an `__array__` that NumPy 2 finds old-fashioned.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHARED = ROOT.parent / "shared"
BLOCKS = config.Blocks(num_points=256, stride_m=0.5, min_points=10)
ROOM = tiny_runs.room("office_1", num_points=6000)


def load_script():
    path = ROOT / "eval" / "eval_efficiency.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


def tiny(network: str = "ban") -> config.Experiment:
    experiment = tiny_runs.experiment()
    named = dataclasses.replace(experiment.network, name=network)
    inference = dataclasses.replace(experiment.inference, batch_size=2)
    return dataclasses.replace(experiment, samples=BLOCKS, network=named, inference=inference)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyDataset(dataset.Dataset):
    """Two areas of rooms, on which every network is tiny."""

    labels: config.Labels = s3dis.LABELS
    samples: config.Sampling = BLOCKS

    def experiment(self, split=None, network="ban"):
        found = super().experiment(split, network)
        return dataclasses.replace(tiny(network), split=found.split, features=found.features)


AREAS = s3dis.dataset(areas=(1, 2), name="tiny")
TINY = TinyDataset(
    name="tiny",
    splits=AREAS.splits,
    default_split="area2",
    scans=AREAS.scans,
    group_of=AREAS.group_of,
)


def work(num_blocks: int = 5) -> workload.Workload:
    """Five blocks in batches of two: the last batch is filled up."""
    drawn = workload.draw_blocks(ROOM, tiny(), num_blocks)
    embeddings = {
        name: workload.embed(drawn.instance, 5, separation, std)
        for name, (separation, std) in efficiency.DRAWN.items()
    }
    return workload.Workload(drawn.features, embeddings)


# --- the originals' way ---


@pytest.mark.parametrize("seed", range(4))
def test_the_originals_way_leads_to_the_same_instances(seed):
    rng = np.random.default_rng(seed)
    experiment = tiny()
    drawn = workload.draw_blocks(ROOM, experiment, 5, seed)
    logits = rng.normal(size=(*drawn.semantic.shape, 13)) + 3 * np.eye(13)[drawn.semantic]
    embedding = workload.embed(drawn.instance, 5, 0.8, 0.1 + 0.03 * seed, seed)
    expected = originals.instances(
        drawn.features, {"logits": logits, "embedding": embedding}, experiment
    )
    labels = clustering.cluster_blocks(embedding, experiment.inference)
    classes = [
        clustering.cluster_classes(block, semantic)
        for block, semantic in zip(labels, logits.argmax(axis=-1), strict=True)
    ]
    shares = drawn.features[..., experiment.features.place("room_xyz")]
    found = merging.merge_legacy(shares, labels, classes, 13, experiment.inference)
    assert found.max() > 2
    np.testing.assert_array_equal(found, expected)


# --- what is timed ---


def test_a_generated_room_fills_the_paper_s_blocks():
    room = workload.generated_room(s3dis.LABELS)
    assert room.name.startswith("office")
    assert len(np.unique(room.instance)) > 10
    assert room.semantic.min() >= 0
    drawn = workload.draw_blocks(room, s3dis.experiment(), 3)
    assert drawn.features.shape == (3, 4096, 9)
    again = workload.draw_blocks(room, s3dis.experiment(), 3)
    np.testing.assert_array_equal(drawn.features, again.features)


def test_a_room_with_fewer_blocks_gives_all_it_has():
    small = tiny_runs.room("office_1", num_points=900, size_m=0.9)
    assert len(workload.draw_blocks(small, tiny(), 100).features) == 1


def test_a_generated_room_has_classes_of_any_labels():
    room = workload.generated_room(config.Labels(class_names=("lamp", "chair", "table")))
    assert set(np.unique(room.semantic)) == {NONE, 1, 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": config.Shapes(), "features": config.Features(names=("xyz",))},
        {"features": config.Features(names=("block_xyz", "rgb"))},
    ],
    ids=["shapes", "without room_xyz"],
)
def test_what_the_originals_cannot_merge_is_refused_before_any_work(changes):
    other = dataclasses.replace(AREAS, **changes)
    with pytest.raises(ValueError, match=r"must be blocks of rooms whose features hold room_xyz"):
        efficiency.time_systems(
            requests.Timing(),
            dataset.Source(
                describe=lambda *_: other, of_clouds=lambda *_: other, demo=lambda: other
            ),
        )


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


def request(
    folder: pathlib.Path, experiment: config.Experiment | None = None, with_originals: bool = True
) -> Request:
    work().write(folder / "blocks.npz")
    return Request(experiment or tiny(), folder / "blocks.npz", 2, with_originals)


def test_a_request_survives_its_file(tmp_path):
    written = request(tmp_path)
    written.write(tmp_path / "request.json")
    found = Request.read(tmp_path / "request.json")
    assert config.to_json(found.experiment) == config.to_json(written.experiment)
    assert (found.blocks, found.rounds) == (written.blocks, written.rounds)
    assert found.with_originals


def test_a_system_is_timed_with_every_embedding(tmp_path):
    found = measure.measure(request(tmp_path))
    assert (found.network, found.shape) == ("ban", (5, 256))
    network = trainer.build_network(tiny())
    assert found.num_weights == sum(int(np.prod(w.shape)) for w in network.trainable_variables)
    assert found.peak_mib > 0
    assert [row.embedding for row in found.after] == ["separated", "overlapping"]
    for row in found.after:
        assert 0 < row.seconds < row.originals_seconds
        assert row.whole_seconds > 0
        assert row.clusters >= 1
        assert row.instances >= 1
    assert Efficiency.from_json(found.to_json()) == found


def test_another_result_of_the_originals_is_an_error(tmp_path, monkeypatch):
    right = originals.instances
    monkeypatch.setattr(originals, "instances", lambda *a: right(*a) + 1)
    with pytest.raises(RuntimeError, match=r"1280 of 1280 points of the separated embedding"):
        measure.measure(request(tmp_path))
    found = measure.measure(request(tmp_path, with_originals=False))
    assert [row.originals_seconds for row in found.after] == [None, None]


def test_classes_without_instances_change_nothing(tmp_path):
    labels = dataclasses.replace(s3dis.LABELS, stuff=("floor", "wall", "chair"))
    with_stuff = dataclasses.replace(tiny(), labels=labels)
    found = measure.measure(request(tmp_path, with_stuff, with_originals=False))
    expected = measure.measure(request(tmp_path, with_originals=False))
    assert [row.instances for row in found.after] == [row.instances for row in expected.after]


def test_the_embedding_is_replaced_block_by_block():
    embedding = np.arange(5, dtype=np.float32).reshape(5, 1, 1)

    class Network:
        fingerprint = ""

        def predict(self, features):
            return {"logits": features, "embedding": np.full((len(features), 1, 1), 9.0)}

    injected = measure._Injected(Network(), embedding)
    for _ in range(2):  # from the beginning again
        outputs = [injected.predict(np.zeros((size, 1, 1))) for size in (2, 2, 1)]
        seen = np.concatenate([found["embedding"].ravel() for found in outputs])
        np.testing.assert_array_equal(seen, [0, 1, 2, 3, 4])
        assert [len(found["logits"]) for found in outputs] == [2, 2, 1]


# --- what is printed ---

ROWS = (
    AfterNetwork("separated", 5.0, 12, 0.02, 4.1, 1.2),
    AfterNetwork("overlapping", 9.5, 20, 0.2, 4.3, 40.0),
)
FOUND = Efficiency("ban", 1_650_734, (4, 4096), 4.0, 512.4, None, ROWS)


def test_the_layout_is_that_of_table_8():
    lines = report.speed_table([FOUND], {"ban": "separated"}).text().splitlines()
    rows = [line.split("  ") for line in lines]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert ["Our model (paper)", "PointNet++", "1649 s", "361 s", "4500MB+64MB"] in cells
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


# --- the command ---


@pytest.fixture
def in_process(monkeypatch):
    """Systems are timed in this process, with tiny networks; gives the source of the data."""

    def measure_here(file):
        return measure.measure(Request.read(file))

    monkeypatch.setattr(apart, "measure_apart", measure_here)
    monkeypatch.setattr(workload, "generated_room", lambda *_: ROOM)
    return dataset.Source(describe=lambda *_: TINY, of_clouds=lambda *_: TINY, demo=lambda: TINY)


def test_the_systems_of_the_table_are_timed(in_process, tmp_path, capsys):
    asked = requests.Timing(rounds=1, json=tmp_path / "found.json")
    efficiency.time_systems(asked, in_process)
    printed = capsys.readouterr().out
    titles = [line.split()[0] for line in printed.splitlines() if "MiB" in line and " s " in line]
    assert titles == ["PointNet++", "ASIS", "BAN"]
    assert "name trained runs (`runs`)" in printed
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert {"revision", "machine", "versions"} <= set(found)
    timed = [
        [row["originals_seconds"] is not None for row in one["after"]] for one in found["systems"]
    ]
    assert timed == [[False, False], [False, False], [True, True]]


def trained_run(folder: pathlib.Path, network: str = "ban") -> runs.Run:
    """A run whose network was saved as training would."""
    experiment = tiny(network)
    run = runs.start(folder, experiment)
    trainer.build_network(experiment).save(run.model_file)
    return run


def test_the_embeddings_of_trained_networks_are_clustered_too(in_process, tmp_path, capsys):
    ban = trained_run(tmp_path / "ban")
    drawn = workload.draw_blocks(ROOM, tiny(), 4)
    # pointnet2 takes the first, for want of its own
    found = efficiency.embeddings(drawn, "pointnet2", tiny(), {"ban": ban})
    network = keras.models.load_model(ban.model_file, compile=False)
    expected = network.predict_on_batch(drawn.features)["embedding"]
    np.testing.assert_allclose(found["trained"], expected, atol=1e-5)
    asked = requests.Timing(rounds=1, systems=("ban",), with_originals=False, runs=(ban.folder,))
    efficiency.time_systems(asked, in_process)
    printed = capsys.readouterr().out
    assert "Embedding that was clustered: BAN: trained." in printed
    assert "name trained runs" not in printed


def test_runs_of_networks_without_embedding_are_refused(tmp_path):
    run = runs.start(tmp_path / "run", tiny("sgpn"))
    with pytest.raises(ValueError, match=r"must be of networks that embed points.*of sgpn"):
        efficiency.load_runs([run.folder], tiny())


def test_runs_of_networks_that_see_other_features_are_refused(tmp_path):
    narrow = config.Features(names=("block_xyz", "rgb"))
    network = dataclasses.replace(tiny().network, num_features=None)
    run = runs.start(
        tmp_path / "run", dataclasses.replace(tiny(), features=narrow, network=network)
    )
    with pytest.raises(ValueError, match=r"must see the features of tiny.*\('block_xyz', 'rgb'\)"):
        efficiency.load_runs([run.folder], tiny())


def test_blocks_are_those_of_the_first_room_of_the_test(tmp_path):
    clouds = tiny_runs.rooms(kind="tabletop")
    prepared = tiny_runs.prepare(clouds, tmp_path / "blocks", tiny()).select(["Area_2"])
    raw = tiny_runs.write_raw(tmp_path / "raw", clouds)
    asked = requests.Timing(blocks=tmp_path / "blocks", num_blocks=3)
    found = efficiency.choose_samples(asked, AREAS, AREAS.experiment())
    np.testing.assert_array_equal(found.features, prepared.read(range(3)).features)
    asked = requests.Timing(data=raw, num_blocks=2)
    found = efficiency.choose_samples(asked, AREAS, AREAS.experiment())
    assert found.features.shape == (2, 4096, 9)
    assert set(np.unique(found.instance)) <= set(range(4))


def test_rooms_without_blocks_are_passed_over_and_then_named(tmp_path):
    sparse = tiny_runs.room("Area_2_a_1", num_points=8)
    raw = tiny_runs.write_raw(tmp_path / "raw", [sparse])
    asked = requests.Timing(data=raw)
    with pytest.raises(ValueError, match="has no block of Area 2 with `min_points` points"):
        efficiency.choose_samples(asked, TINY, TINY.experiment())
    tiny_runs.write_raw(tmp_path / "raw", [dataclasses.replace(ROOM, name="Area_2_b_1")])
    assert len(efficiency.choose_samples(asked, TINY, TINY.experiment())) == 4


def test_a_store_of_other_features_is_refused(tmp_path):
    narrow = dataclasses.replace(
        tiny(),
        features=config.Features(names=("block_xyz", "rgb")),
        network=dataclasses.replace(tiny().network, num_features=None),
    )
    tiny_runs.prepare(tiny_runs.rooms(), tmp_path / "blocks", narrow)
    asked = requests.Timing(blocks=tmp_path / "blocks")
    with pytest.raises(ValueError, match="must hold the features of tiny"):
        efficiency.choose_samples(asked, TINY, TINY.experiment())


@pytest.mark.parametrize(
    "fields", [{"num_blocks": 0}, {"rounds": 0}, {"systems": ("sgpn",)}, {"systems": ()}]
)
def test_a_wrong_request_is_refused(fields, in_process):
    [name] = fields
    with pytest.raises(ValueError, match=f"`{name}`.* must "):
        efficiency.time_systems(requests.Timing(**fields), in_process)


# --- the script ---


def test_help_shows_the_command(capsys):
    with pytest.raises(SystemExit) as stop:
        SCRIPT.main(["--help"])
    assert stop.value.code == 0
    assert "python eval/eval_efficiency.py --run runs/demo" in capsys.readouterr().out


def test_flags_are_the_request():
    def read(*argv):
        return command_line.request(requests.Timing, SCRIPT.parse_args(argv))

    assert read() == requests.Timing()
    found = read("--test-area", "3", "--without-originals", "--run", "a", "b", "--rounds", "2")
    assert (found.split, found.with_originals, found.rounds) == ("area3", False, 2)
    assert [*map(str, found.runs)] == ["a", "b"]


def test_systems_to_time_are_those_that_embed():
    assert set(command_line.EMBEDDING) == {
        name for name, system in systems.SYSTEMS.items() if system.embeds
    }


@pytest.mark.parametrize("argv", [["--num-blocks", "0"], ["--rounds", "0"], ["--systems", "sgpn"]])
def test_wrong_flags_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        SCRIPT.main(argv)
    assert stop.value.code == 2
    assert argv[0] in capsys.readouterr().err


def test_a_process_that_fails_is_one_message(tmp_path):
    missing = tmp_path / "missing.json"
    with pytest.raises(RuntimeError, match=r"timing failed: FileNotFoundError.*missing\.json"):
        apart.measure_apart(missing)


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
