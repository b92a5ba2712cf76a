"""Imports flow one way; these tests are the arrow."""

import ast
import io
import pathlib
import re
import tokenize

import pytest

ROOT = pathlib.Path(__file__).parent.parent
BELOW = {"tf_ops": set(), "ban_tf": {"tf_ops"}, "train": {"ban_tf"}, "eval": {"ban_tf"}}
# Each room of `ban_tf` and the rooms that it may import; rooms beside each other do not.
BASE = {"disk", "progress", "stderr", "config", "clouds"}
STAGES = {"data", "model", "losses", "instances", "metrics"}
ROOMS = {
    "disk": set(),
    "progress": set(),
    "stderr": set(),
    "registration": set(),  # imports by name, once Keras is there
    "config": {"disk"},
    "clouds": {"disk", "stderr", "config"},
    **dict.fromkeys(STAGES, BASE),
    "systems": BASE | STAGES,
    "view": BASE | STAGES,
    "training": BASE | STAGES | {"systems", "view"},
    "inference": BASE | STAGES | {"systems"},
    "serving": BASE | STAGES | {"systems", "inference"},
    "experiments": BASE | STAGES | {"systems", "training", "inference", "view", "serving"},
    "programs": BASE | STAGES | {"experiments"},
}
WITHOUT_TENSORFLOW = ("ban_tf/model", "ban_tf/losses", "ban_tf/instances", "ban_tf/metrics")


def imported(path: pathlib.Path, nested: bool = True) -> set[str]:
    """Dotted names of everything a file imports, `from a import b` as `a.b`.

    `nested`: also what is imported inside functions.
    """
    names = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if nested else tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def sources(folder: str) -> list[pathlib.Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"no Python file below {folder}"
    return found


@pytest.mark.parametrize("folder", sorted(BELOW))
def test_no_folder_imports_upwards(folder):
    for path in sources(folder):
        tops = {name.split(".")[0] for name in imported(path)}
        above = (tops & (set(BELOW) | {"tests", "benchmarks"})) - BELOW[folder] - {folder}
        assert not above, f"{path.relative_to(ROOT)} imports {sorted(above)}"


def files_of(room: str) -> list[pathlib.Path]:
    file = ROOT / "ban_tf" / f"{room}.py"
    return [file] if file.is_file() else sources(f"ban_tf/{room}")


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_no_room_imports_upwards_or_sideways(room):
    for path in files_of(room):
        rooms = {name.split(".")[1] for name in imported(path) if name.startswith("ban_tf.")}
        wrong = rooms - ROOMS[room] - {room}
        assert not wrong, f"{path.relative_to(ROOT)} imports from {sorted(wrong)}"


def test_every_room_has_its_floor():
    inside = (ROOT / "ban_tf").iterdir()
    found = {
        path.stem for path in inside if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert found - {"__init__"} == set(ROOMS)


# What knows the data set of the paper: its folder, its scripts, and what was published.
KNOWS_S3DIS = ("ban_tf/data/s3dis/", "ban_tf/programs/", "ban_tf/metrics/published")
OF_S3DIS = re.compile(r"s3dis|\bArea_\d|\bareas\b|\b(?:test|train)_areas?\b", re.IGNORECASE)
ITS_NUMBERS = {"13", "9"}  # of classes and of features


def library_files() -> list[pathlib.Path]:
    found = [*sources("ban_tf"), *sources("tf_ops")]
    return [path for path in found if not str(path.relative_to(ROOT)).startswith(KNOWS_S3DIS)]


@pytest.mark.parametrize("path", library_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_else_knows_a_data_set(path):
    text = path.read_text(encoding="utf-8")
    if path == ROOT / "ban_tf" / "__init__.py":
        text = text.replace("ban_tf.data.s3dis", "").replace('"s3dis"', "")  # the face shows it
        text = text.replace("import s3dis", "")
    assert not OF_S3DIS.findall(text)
    if not path.is_relative_to(ROOT / "ban_tf"):
        return
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    numbers = {token.string for token in tokens if token.type == tokenize.NUMBER}
    assert not numbers & ITS_NUMBERS


# What else may say `partnet`: the official rules and the paper's tables, which go by that name.
KNOWS_PARTNET = ("ban_tf/data/partnet/", "ban_tf/programs/", "ban_tf/metrics/")


def test_nothing_else_imports_or_names_partnet_in_its_code():
    for path in sources("ban_tf"):
        if str(path.relative_to(ROOT)).startswith(KNOWS_PARTNET):
            continue
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        code = (token.string for token in tokens if token.type != tokenize.COMMENT)
        assert not any("partnet" in word.lower() for word in code), path


@pytest.mark.parametrize("folder", ["train", "eval"])
def test_a_script_is_a_docstring_flags_and_one_call(folder):
    for path in sources(folder):
        text = path.read_text(encoding="utf-8")
        assert f"python {folder}/{path.name}" in ast.get_docstring(ast.parse(text)), path
        code = text.split('"""', 2)[2].splitlines()
        assert len(code) <= 60, f"{path.relative_to(ROOT)} has {len(code)} lines of code"
        tops = {name.split(".")[0] for name in imported(path, nested=False)}
        assert not tops & {"tensorflow", "keras"}, path


def test_networks_and_losses_do_not_import_tensorflow():
    for folder in WITHOUT_TENSORFLOW:
        for path in sources(folder):
            assert "tensorflow" not in {name.split(".")[0] for name in imported(path)}, path


def test_nothing_edits_the_import_path():
    for folder in BELOW:
        for path in sources(folder):
            assert "sys.path" not in path.read_text(encoding="utf-8"), path
