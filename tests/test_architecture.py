"""Imports flow one way; these tests are the arrow."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
BELOW = {"tf_ops": set(), "ban_tf": {"tf_ops"}, "train": {"ban_tf"}, "eval": {"ban_tf"}}
FLOOR = {"config", "overlap"}
BESIDE = {"data", "model", "losses", "instances", "metrics"}
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


@pytest.mark.parametrize("stage", sorted(BESIDE))
def test_stages_do_not_import_each_other(stage):
    for path in sources(f"ban_tf/{stage}"):
        for name in imported(path):
            parts = name.split(".")
            if parts[0] != "ban_tf" or len(parts) < 2:
                continue
            allowed = parts[1] in FLOOR | {stage} or parts[1:3] == ["data", "cloud"]
            assert allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_the_floor_stands_on_nothing():
    for path in (ROOT / "ban_tf" / "config.py", ROOT / "ban_tf" / "overlap.py"):
        assert not [name for name in imported(path) if name.startswith("ban_tf")]


def test_networks_and_losses_do_not_import_tensorflow():
    for folder in WITHOUT_TENSORFLOW:
        for path in sources(folder):
            assert "tensorflow" not in {name.split(".")[0] for name in imported(path)}, path


def test_nothing_edits_the_import_path():
    for folder in BELOW:
        for path in sources(folder):
            assert "sys.path" not in path.read_text(encoding="utf-8"), path
