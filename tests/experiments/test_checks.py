"""Requests that cannot be are refused before anything is imported, read or written."""

import errno
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest

from ban_tf import disk
from ban_tf.experiments import checks, requests
from places import ROOT

TRAINING, EVALUATION = requests.Training, requests.Evaluation
LAST_SEED = 2**32 - 1


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (TRAINING, {"seed": -1}, "`seed` must be .* 0 to 4294967295. Received: seed=-1"),
        (TRAINING, {"seed": 2**32}, "Received: seed=4294967296"),
        (requests.Ablation, {"variants": (), "seed": LAST_SEED}, "0 to 4294967293.*seeds=3"),
        (requests.Ablation, {"variants": (), "seeds": 0}, "`seeds` must be at least 1"),
        (TRAINING, {"epochs": 0}, "`epochs` must be at least 1. Received: epochs=0"),
        (TRAINING, {"batch_size": -4}, "`batch_size` must be at least 1"),
        (requests.Similarity, {"num_samples": 0}, "`num_samples` must be at least 1"),
        (requests.Similarity, {"json": pathlib.Path("/")}, "`json` must be a file"),
        (requests.Figure, {"out": "room.xyz"}, "written as .png, .* Received: out=room.xyz"),
        (requests.Similarity, {"out": "rows.PNG.txt"}, "written as .png, .pdf"),
        (requests.Timing, {"rounds": 0}, "`rounds` must be at least 1"),
        (TRAINING, {"learning_rate": float("nan")}, "`learning_rate` must be finite"),
        (TRAINING, {"learning_rate": 0.0}, "`learning_rate` must be above 0"),
    ],
)
def test_numbers_out_of_range_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        checks.check(kind(**values))


def test_the_last_seed_is_one():
    checks.check(TRAINING(seed=LAST_SEED))
    checks.check(requests.Ablation(variants=(), seed=LAST_SEED - 2, seeds=3))


@pytest.fixture
def places(tmp_path) -> dict[str, pathlib.Path]:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    return {
        "file": tmp_path / "file",
        "folder": tmp_path / "folder",
        "below a file": tmp_path / "file" / "a" / "b",
        "new": tmp_path / "x" / "y" / "z",
        "link": tmp_path / "link",
        "below a link": tmp_path / "link" / "a",
        "device": pathlib.Path(os.devnull),
        "long": tmp_path / ("a" * 300),
    }


@pytest.mark.parametrize(
    ("kind", "field", "place", "reason"),
    [
        (EVALUATION, "json", "folder", "is a folder"),
        (EVALUATION, "json", "device", "is no regular file"),
        (EVALUATION, "json", "below a file", "is a file"),
        (EVALUATION, "json", "link", "links to nothing"),
        (EVALUATION, "json", "long", "too long"),
        (requests.Timing, "json", "folder", "is a folder"),
        (requests.Figure, "out", "folder", "is a folder"),
        (TRAINING, "run", "file", "is a file"),
        (TRAINING, "run", "below a file", "is a file"),
        (TRAINING, "run", "device", "is no folder"),
        (TRAINING, "run", "below a link", "is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(places, kind, field, place, reason):
    before = sorted(places["folder"].parent.rglob("*"))
    with pytest.raises(
        ValueError, match=rf"`{field}` must be a f\w+ that can be.*{reason}"
    ) as told:
        checks.check(kind(**{field: places[place]}))
    assert f"Received: {field}={places[place]}" in str(told.value)
    assert sorted(places["folder"].parent.rglob("*")) == before


def test_places_that_can_be_written_are_left_as_they_are(places):
    before = sorted(places["folder"].parent.rglob("*"))
    for json in (places["new"], places["file"], pathlib.Path("scores.json")):
        checks.check(EVALUATION(json=json, overwrite=True))
    for run in (places["new"], places["folder"]):
        checks.check(TRAINING(run=run))
    assert sorted(places["folder"].parent.rglob("*")) == before
    assert places["file"].read_text() == "kept"


@pytest.mark.parametrize(
    "request_of",
    [
        lambda path: EVALUATION(json=path),
        lambda path: requests.Timing(json=path),
        lambda path: requests.Similarity(json=path),
        lambda path: requests.Scans(scans=("a.ply",), csv=path),
        lambda path: requests.Scans(scans=("a.ply",), json=path),
        lambda path: requests.Figure(html=path),
    ],
)
def test_files_that_are_there_are_kept(places, request_of):
    with pytest.raises(FileExistsError, match="is there already, and is replaced only with `over"):
        checks.check(request_of(places["file"]))
    checks.check(request_of(places["new"]))


def test_a_picture_that_is_there_is_kept(tmp_path):
    (tmp_path / "room.png").write_bytes(b"mine")
    for kind in (requests.Figure, requests.Similarity):
        with pytest.raises(FileExistsError, match=r"room\.png is there already"):
            checks.check(kind(out=tmp_path / "room.png"))
        checks.check(kind(out=tmp_path / "room.png", overwrite=True))


def test_two_outputs_in_one_file_are_refused(tmp_path):
    twins = {"csv": tmp_path / "a.txt", "json": tmp_path / "b" / ".." / "a.txt"}
    with pytest.raises(ValueError, match="`csv` and `json` must be different files"):
        checks.check(requests.Scans(scans=("a.ply",), **twins))


@pytest.mark.parametrize("width", [1, 10**6])
def test_pictures_that_cannot_be_drawn_are_refused(width):
    with pytest.raises(ValueError, match="`width` must be from 32 to 4096"):
        checks.check(requests.Figure(width=width))


@pytest.mark.parametrize(
    "error", [OSError(errno.EROFS, "Read-only file system"), PermissionError(13, "Denied")]
)
def test_a_disk_that_takes_no_files_is_refused_with_its_reason(tmp_path, monkeypatch, error):
    def refuse(dir):
        raise error

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(ValueError, match=rf"{tmp_path} takes no files \({error.strerror.lower()}"):
        checks.check(requests.Preparation(data=tmp_path, blocks=tmp_path / "new" / "blocks"))


def test_a_store_that_is_only_read_need_not_be_writable(places):
    checks.check(TRAINING(blocks=places["file"]))  # what it is, is told when it is opened
    with pytest.raises(ValueError, match="`blocks` must be a folder"):
        checks.check(TRAINING(data=places["folder"], blocks=places["file"]))


def test_weights_must_be_a_file(places):
    with pytest.raises(FileNotFoundError, match=r"There is no model at .*z\. Check its name"):
        checks.check(TRAINING(weights=places["new"]))
    with pytest.raises(ValueError, match=r"of a run folder take `model\.keras`"):
        checks.check(TRAINING(weights=places["folder"]))


def test_space_that_is_there_is_enough_and_what_is_not_is_told(tmp_path):
    disk.require_free(tmp_path / "new" / "folder", 1, "it")
    with pytest.raises(OSError, match=r"it takes at least about 1000000000\.0 GB.*GB left") as told:
        disk.require_free(tmp_path / "new", 10**18, "it")
    assert told.value.errno == errno.ENOSPC


def test_a_wrong_flag_is_refused_before_tensorflow_is_imported(tmp_path):
    script = str(ROOT / "eval" / "eval_s3dis.py")
    code = (
        "import runpy, sys\n"
        "sys.argv = ['eval_s3dis.py', '--json', '.']\n"
        f"try: runpy.run_path({script!r}, run_name='__main__')\n"
        "except SystemExit as stop: print(stop.code, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "1 False\n", done.stderr
    assert "error: --json must be a file that can be written" in done.stderr


@pytest.mark.parametrize("flag", ["--run", "--data", "--blocks", "--weights"])
def test_an_empty_path_is_refused(flag, tmp_path):
    command = [sys.executable, str(ROOT / "train" / "train_s3dis.py"), flag, ""]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert f"argument {flag}: must not be empty" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_seed_that_the_settings_say_is_not_checked_here():
    checks.check(requests.Training(seed=None))
    raw, blocks = pathlib.Path("raw"), pathlib.Path("blocks")
    checks.check(requests.Preparation(data=raw, blocks=blocks, seed=None))
    with pytest.raises(ValueError, match="`seeds` must be at least 1"):
        checks.check(requests.Ablation(variants=("none",), seed=None, seeds=0))


@pytest.mark.parametrize("name", ["validate_every", "validation_clouds"])
def test_a_validation_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1. Received: {name}=0"):
        checks.check(requests.Training(**{name: 0}))
