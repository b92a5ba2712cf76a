import subprocess

import pytest

from places import ROOT

SCRIPTS = ["run", "lint", "sanitizers", "compatibility", "extended"]


def ci(script, *arguments, **options):
    command = ["bash", str(ROOT / ".ci" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, **options)


def header(script):
    lines = (ROOT / ".ci" / script).read_text().splitlines()[1:]
    comments = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    return [line.removeprefix("#").removeprefix(" ") for line in comments]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["nonsense", "--help"]])
def test_help_prints_the_header_and_does_nothing_else(script, arguments, tmp_path):
    done = ci(script, *arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == header(script)
    assert f"bash .ci/{script}" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("argument", ["nonsense", "--hepl", ""])
def test_an_unknown_argument_is_refused_and_nothing_runs(script, argument):
    done = ci(script, argument)
    assert done.returncode == 2
    assert f".ci/{script}: unknown argument '{argument}'. Known: " in done.stderr
    assert done.stdout == ""


def test_what_is_known_is_listed():
    listed = "Known: sanitizers fuzz scans serving slow jax compatibility, --help."
    assert listed in ci("extended", "fuzz", "slw").stderr
