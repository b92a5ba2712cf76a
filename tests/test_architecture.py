"""Imports flow one way; these tests are the arrow."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
BELOW = {"tf_ops": set(), "ban_tf": {"tf_ops"}, "train": {"ban_tf"}, "eval": {"ban_tf"}}
# Each room of `ban_tf` and the rooms that it may import; rooms beside each other do not.
BASE = {"disk", "config", "clouds"}
STAGES = {"data", "model", "losses", "instances", "metrics"}
ROOMS = {
    "disk": set(),
    "registration": set(),  # imports by name, once Keras is there
    "config": {"disk"},
    "clouds": {"disk", "config"},
    **dict.fromkeys(STAGES, BASE),
    "systems": BASE | STAGES,
    "training": BASE | STAGES | {"systems"},
    "inference": BASE | STAGES | {"systems"},
    "view": BASE | STAGES,
    "experiments": BASE | STAGES | {"systems", "training", "inference", "view"},
}
WITHOUT_TENSORFLOW = ("ban_tf/model", "ban_tf/losses", "ban_tf/instances", "ban_tf/metrics")


def imported(path: pathlib.Path) -> set[str]:
    """Dotted names of everything a file imports, `from a import b` as `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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


def test_networks_and_losses_do_not_import_tensorflow():
    for folder in WITHOUT_TENSORFLOW:
        for path in sources(folder):
            assert "tensorflow" not in {name.split(".")[0] for name in imported(path)}, path


def test_nothing_edits_the_import_path():
    for folder in BELOW:
        for path in sources(folder):
            assert "sys.path" not in path.read_text(encoding="utf-8"), path
