"""The installed commands and the scripts: one program each, with a quiet start."""

import configparser
import importlib
import json
import os
import re
import subprocess
import sys

import pytest

import ban_tf
import tiny_runs
from ban_tf.data import s3dis
from ban_tf.experiments import quiet, running
from ban_tf.programs import names, prepare, train
from places import ROOT, SUPPORT

IMPORT = "from ban_tf.experiments import quiet; quiet.silence(); quiet.load_tensorflow(); "
# What TensorFlow logs while it loads, when it looks for a GPU, and when a pipeline is made.
WORK = (
    "import tensorflow as tf; tf.config.list_physical_devices(); "
    "print(list(tf.data.Dataset.range(2).map(lambda x: x + 1, num_parallel_calls=2)))"
)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != quiet.LEVEL}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def commands() -> dict[str, str]:
    """Installed commands, and the functions that they call."""
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    lines = found["options.entry_points"]["console_scripts"].strip().splitlines()
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines)


# --- installed commands and scripts ---


def test_every_command_stands_for_a_script():
    assert commands().keys() == names.SCRIPTS.keys()
    for script in names.SCRIPTS.values():
        assert (ROOT / script).is_file()


@pytest.mark.parametrize("name", names.SCRIPTS)
def test_a_command_and_its_script_are_one_program(name):
    module, function = commands()[name].split(":")
    program = importlib.import_module(module)
    assert callable(getattr(program, function))
    text = (ROOT / names.SCRIPTS[name]).read_text(encoding="utf-8")
    assert f"from {module} import command, main, parse_args" in text
    assert f"`{name}`" in text
    assert f"    {name}" in program.__doc__


@pytest.mark.parametrize("name", names.SCRIPTS)
@pytest.mark.parametrize("is_installed", [True, False])
def test_help_and_version_name_what_was_called(name, is_installed, monkeypatch, capsys):
    program = importlib.import_module(commands()[name].split(":")[0])
    script = names.SCRIPTS[name]
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{name}" if is_installed else script])
    for flag in ("--help", "--version"):
        with pytest.raises(SystemExit) as stop:
            program.main([flag])
        assert stop.value.code == 0
        printed = capsys.readouterr().out
        if flag == "--version":
            assert printed == f"ban-tf {ban_tf.__version__}\n"
        else:
            assert (f"    python {script}" in printed) == (not is_installed)
            assert (f"    {name}" in printed) == is_installed


def test_a_tf1_conversion_has_a_version_too():
    done = subprocess.run(
        [sys.executable, ROOT / "train/convert_tf1_checkpoint.py", "--version"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, f"ban-tf {ban_tf.__version__}\n")


@pytest.mark.parametrize("name", names.SCRIPTS)
def test_what_only_answers_imports_nothing_heavy(name):
    module = commands()[name].split(":")[0]
    done = run(
        f"import sys, {module} as program\n"
        "try: program.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('heavy:', sorted({'tensorflow', 'keras', 'h5py', 'sklearn', 'scipy'} & "
        "set(sys.modules)))"
    )
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stderr


# --- the log ---


def test_the_cpp_log_is_silent_from_loading_on():
    done = run(IMPORT + WORK)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_user_who_sets_the_level_sees_the_log():
    done = run(IMPORT + WORK, TF_CPP_MIN_LOG_LEVEL="0")
    assert quiet.without_log(done.stderr) != done.stderr


def test_importing_the_library_leaves_the_level_alone():
    done = run(
        "import os, ban_tf, ban_tf.programs.train; from ban_tf.experiments import quiet; "
        "print(os.environ.get(quiet.LEVEL)); quiet.silence(); print(os.environ.get(quiet.LEVEL))"
    )
    assert done.stdout.split() == ["None", "3"]


def test_what_a_broken_tensorflow_says_is_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'I0000 00:00:1.5 12 a.cc:3] loading\\n')\n"
        "raise ImportError('libcuda is broken')\n"
    )
    done = run(IMPORT, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert "a.cc:3] loading" in done.stderr
    assert "ImportError: libcuda is broken" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "I0000 00:00:1796028156.270856    6744 cudart_stub.cc:31] Could not find cuda drivers",
        "E0000 00:00:1796028172.970085    6744 cuda_dnn.cc:52] Unable to register factory",
        "2026-01-02 03:04:05.678901: I tensorflow/core/util/port.cc:153] oneDNN custom operations",
        "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow",
    ],
)
def test_lines_of_a_cpp_log_are_known(line):
    assert quiet.without_log(f"ours\n{line}\nours too\n") == "ours\nours too\n"


@pytest.mark.parametrize("line", ["error: nowhere", "In 2026-01-02 it was", "E000 ", "Warning: x"])
def test_what_is_no_log_stays(line):
    assert quiet.without_log(f"{line}\n") == f"{line}\n"


@pytest.mark.slow
def test_a_piped_training_shows_our_lines_alone(tmp_path):
    data = tiny_runs.write_raw(tmp_path / "scans", tiny_runs.rooms(kind="tabletop"))
    clean = {name: value for name, value in os.environ.items() if name != quiet.LEVEL}
    flags = ["--data", data, "--quick", "--run", tmp_path / "run", "--validate-every", "1"]
    done = subprocess.run(
        [sys.executable, SUPPORT / "train_tiny_program.py", *flags],
        env=clean | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert not set(done.stderr) & set("\r\x1b\b")
    ours = re.compile(
        r"(reading scans|cutting clouds into samples)(: done in \d+:\d\d| \.\.\.)"
        r"|evaluating \.\.\.|starting the network \.\.\.|compiling the first step \.\.\."
        r"|training, epochs 1 to 2 \.\.\."
        r"|evaluated \w+, [12] of 2 clouds, \d+:\d\d, \d+:\d\d left"
        r"|epoch [12]/2: instance [\d.]+, loss [\d.]+, semantic [\d.]+, held-out mIoU [\d.]+, "
        r"held-out mCov [\d.]+, \d+:\d\d, \d+:\d\d left"
    )
    lines = done.stderr.splitlines()
    assert [line for line in lines if not ours.fullmatch(line)] == []
    assert len([line for line in lines if line.startswith("epoch ")]) == 2


# --- settings and classes ---


def test_printed_settings_given_back_are_the_same_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train.main(["--print-settings", "--epochs", "3", "--seed", "7"])
    printed = capsys.readouterr().out
    values = json.loads(printed)
    assert (values["training"]["num_epochs"], values["seed"]) == (3, 7)
    (tmp_path / "mine.json").write_text(printed, encoding="utf-8")
    train.main(["--settings", "mine.json", "--print-settings"])
    assert capsys.readouterr().out == printed
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]  # nothing else was done


def test_a_preparation_prints_its_settings_too(tmp_path, capsys):
    data = tiny_runs.write_raw(tmp_path / "scans", tiny_runs.rooms(kind="tabletop"))
    blocks = tmp_path / "blocks"
    prepare.main(["--data", str(data), "--blocks", str(blocks), "--quick", "--print-settings"])
    assert json.loads(capsys.readouterr().out)["samples"]["num_points"] == 1024
    assert not blocks.exists()


def test_a_wrong_settings_file_is_one_message(tmp_path, capsys, monkeypatch):
    (tmp_path / "mine.json").write_text('{"training": {"batch_size": "8"}}', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", "--settings", "mine.json"])
    with pytest.raises(SystemExit):
        running.run(train.main)
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert line == ('error: mine.json: `training.batch_size` must be a whole number. Received: "8"')
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


@pytest.fixture
def plants(tmp_path):
    """Scans whose files are named after classes that are none of S3DIS's."""
    root = tiny_runs.write_raw(tmp_path / "plants", tiny_runs.rooms(kind="row"))
    for own, theirs in (("ground", "floor"), ("stem", "wall"), ("fruit", "chair")):
        for file in list(root.rglob(f"{theirs}_*.txt")):
            file.rename(file.with_name(file.name.replace(theirs, own)))
    return root


def test_classes_of_the_data_are_prepared_under_the_datas_name(plants, tmp_path):
    blocks = tmp_path / "blocks"
    file = tmp_path / "mine.json"
    file.write_text('{"samples": {"num_points": 64, "min_points": 10}}', encoding="utf-8")
    flags = ["--data", plants, "--blocks", blocks, "--classes", "from-data", "--settings", file]
    prepare.main([str(flag) for flag in flags])
    found = s3dis.describe(None, blocks)
    assert found.name == "plants"
    assert found.labels.class_names == ("fruit", "ground", "stem")


def test_without_the_flag_own_classes_are_refused_and_the_flag_is_named(
    plants, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "argv", ["script", "--data", str(plants)])
    with pytest.raises(SystemExit):
        running.run(train.main)
    printed = capsys.readouterr().err
    assert "`--classes from-data`" in printed
    assert "classes_from_data" not in printed


def test_classes_come_from_raw_data_alone():
    with pytest.raises(ValueError, match="give --data"):
        train.main(["--classes", "from-data"])
