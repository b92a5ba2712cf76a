import os
import platform
import shutil
import subprocess
import sys
import zipfile

import pytest

from places import ROOT
from tf_ops.building import commands, install, toolchain
from tf_ops.building import compile as compilation


def build(*arguments, **environment):
    """Runs build_ops.sh with the Python of this test."""
    environment = {**os.environ, "PYTHON": sys.executable, **environment}
    return subprocess.run(
        ["bash", str(ROOT / "build_ops.sh"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def fake_tensorflow(tmp_path):
    """A folder for PYTHONPATH with a `tensorflow` of the given version."""

    def write(version):
        (tmp_path / "tensorflow.py").write_text(f"""
__version__ = "{version}"
class sysconfig:
    get_compile_flags = staticmethod(lambda: ["-I/nowhere"])
    get_link_flags = staticmethod(lambda: [])
""")
        return str(tmp_path)

    return write


def script(folder, name, *lines):
    """Writes an executable shell script."""
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


def test_a_second_run_with_nothing_changed_does_nothing():
    before = compilation.LIBRARY.stat().st_mtime_ns
    done = build("--ops-only")
    if "up to date" not in done.stdout:  # that was the first run
        before = compilation.LIBRARY.stat().st_mtime_ns
        done = build("--ops-only")
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout
    assert compilation.LIBRARY.stat().st_mtime_ns == before


def test_an_unknown_argument_is_refused():
    done = build("--ops")
    assert done.returncode == 2
    assert "unknown argument '--ops'. Known: --ops-only" in done.stderr


def test_help_prints_the_usage():
    assert "--ops-only   compile only" in build("--help").stdout


def test_no_python_names_the_way_out():
    done = build(PYTHON="no-such-python")
    assert done.returncode == 1
    assert "no 'no-such-python' found. Make and activate an environment" in done.stderr


def test_another_python_is_refused(tmp_path):
    old = script(tmp_path, "python", 'test "$1" = --version && echo Python 3.9.1; exit 1')
    done = build(PYTHON=str(old))
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr
    assert "Python 3.9.1" in done.stderr


@pytest.mark.parametrize("version", ["2.14.1", "2.22.0"])
def test_another_tensorflow_is_refused_and_not_replaced(fake_tensorflow, version):
    done = build("--ops-only", PYTHONPATH=fake_tensorflow(version))
    assert done.returncode == 1
    assert f"TensorFlow 2.15 to 2.21 is supported. Received: version={version}" in done.stderr
    assert "It is not replaced" in done.stderr


def test_no_tensorflow_names_the_way_out(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('nothing here')")
    done = build("--ops-only", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "TensorFlow does not import" in done.stderr
    assert "bash build_ops.sh (without --ops-only)" in done.stderr


def test_a_compiler_that_does_not_run_is_named(fake_tensorflow):
    done = build("--ops-only", PYTHONPATH=fake_tensorflow("2.21.0"), CXX="no-such-compiler")
    assert done.returncode == 1
    assert "CXX=no-such-compiler" in done.stderr


def test_no_compiler_names_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(toolchain.BuildError, match=r"No C\+\+ compiler found.*apt-get install g"):
        toolchain.find_compiler()


def test_the_compiler_of_the_environment_is_taken(monkeypatch, tmp_path):
    made = 'for word; do if test "$before" = -o; then touch "$word"; fi; before=$word; done'
    mine = script(tmp_path, "mine", made, "echo mine 1.0")
    monkeypatch.setenv("CXX", str(mine))
    monkeypatch.delenv("BAN_MARCH", raising=False)
    assert toolchain.find_compiler() == toolchain.Compiler(str(mine), "mine 1.0", "-march=native")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names processors of x86")
def test_the_processor_of_the_environment_is_built_for(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("BAN_MARCH", "x86-64-v3")
    compiler = toolchain.find_compiler()
    assert compiler.machine_flag == "-march=x86-64-v3"
    assert compiler.instructions == ("avx", "avx2", "bmi2", "f16c", "fma")
    monkeypatch.setenv("BAN_MARCH", "x86-64")
    assert toolchain.find_compiler().instructions == ()
    monkeypatch.setenv("BAN_MARCH", "icelake-server")
    assert set(toolchain.X86_INSTRUCTIONS) - set(toolchain.find_compiler().instructions) == {
        "avx512_bf16"
    }


def test_an_unknown_processor_is_named(monkeypatch):
    monkeypatch.setenv("BAN_MARCH", "zen")
    with pytest.raises(toolchain.BuildError, match=r"example x86-64-v3.*BAN_MARCH=zen"):
        toolchain.find_compiler()


def fake_nvcc(folder, release):
    nvcc = script(
        folder,
        "nvcc",
        f'case "$1" in --version) echo "Cuda compilation tools, release {release}, V{release}" ;;',
        f'*) echo "#$ TOP={folder}" ;; esac',
    )
    return str(nvcc)


def test_cuda_is_left_out_without_nvcc_or_on_request(monkeypatch, tmp_path):
    for name in ("CUDACXX", "CUDA_HOME", "BAN_CUDA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert toolchain.find_cuda() is None
    monkeypatch.setenv("CUDACXX", fake_nvcc(tmp_path, "13.0"))
    monkeypatch.setenv("BAN_CUDA", "0")
    assert toolchain.find_cuda() is None


def test_nvcc_without_headers_or_of_another_version_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("BAN_CUDA", raising=False)
    monkeypatch.setenv("CUDACXX", fake_nvcc(tmp_path, "11.8"))
    with pytest.raises(toolchain.BuildError, match=r"nvcc 12 or 13.*release 11\.8.*BAN_CUDA=0"):
        toolchain.find_cuda()
    monkeypatch.setenv("CUDACXX", fake_nvcc(tmp_path, "12.4"))
    with pytest.raises(toolchain.BuildError, match=r"headers \(cuda_runtime_api\.h\).*BAN_CUDA=0"):
        toolchain.find_cuda()
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "cuda_runtime_api.h").touch()
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64" / "libcudart_static.a").touch()
    cuda = toolchain.find_cuda()
    assert (cuda.version, cuda.include) == ("12.4", tmp_path / "include")


def tools(monkeypatch):
    monkeypatch.setenv("BAN_CUDA", "0")
    monkeypatch.delenv("BAN_MARCH", raising=False)
    tensorflow = toolchain.TensorFlow("2.21.0", ("-I/tf/include", "-DX=1"), ("-ltf",))
    return compilation.Tools(tensorflow, toolchain.find_compiler(), None)


def test_loops_are_built_for_the_machine_and_tensorflow_files_as_tensorflow_was(monkeypatch):
    units = {unit.source.name: unit for unit in compilation.find_units(tools(monkeypatch))}
    loops, ops = units["sampling_cpu.cc"].command, units["sampling_ops.cc"].command
    assert "-march=native" in loops
    assert "/tf/include" not in loops
    assert ops[ops.index("/tf/include") - 1] == "-isystem"
    assert "-march=native" not in ops
    assert all("-ffp-contract=off" in command for command in (loops, ops))
    assert not any(name.endswith(".cu") for name in units)


def test_a_changed_header_makes_its_own_folder_stale_and_a_shared_one_all(monkeypatch, tmp_path):
    copy = tmp_path / "tf_ops"
    shutil.copytree(ROOT / "tf_ops", copy, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    monkeypatch.setattr(compilation, "OPS", copy)
    found = tools(monkeypatch)

    def changed_by(header):
        before = {unit.source: unit.key for unit in compilation.find_units(found)}
        header.write_text(header.read_text() + "\n// changed\n")
        after = {unit.source: unit.key for unit in compilation.find_units(found)}
        return {source.parent.name for source in before if before[source] != after[source]}

    assert changed_by(copy / "sampling" / "sampling.h") == {"sampling"}
    assert {"sampling", "grouping", "gathering"} <= changed_by(copy / "core" / "parallel.h")
    # The checks of indices that every op with TensorFlow's headers makes.
    assert changed_by(copy / "core" / "indices.h") >= {"gathering", "interpolation", "core"}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["echo some program 1.0"], r"Received: \S+/mine\. Name another in CXX"),
        (["exit 1"], r"Received: \S+/mine\. Name another in CXX"),
    ],
    ids=["a program that does nothing", "one that fails"],
)
def test_a_program_that_makes_no_object_is_no_compiler(monkeypatch, tmp_path, lines, reason):
    monkeypatch.setenv("CXX", str(script(tmp_path, "mine", *lines)))
    with pytest.raises(toolchain.BuildError, match=reason):
        toolchain.find_compiler()


def test_what_is_no_program_at_all_is_no_compiler(monkeypatch, tmp_path):
    garbage = tmp_path / "mine"
    garbage.write_bytes(b"\x7fELF and then nothing")
    garbage.chmod(0o755)
    monkeypatch.setenv("CXX", str(garbage))
    with pytest.raises(toolchain.BuildError, match=r"Received: \S+/mine") as refused:
        toolchain.find_compiler()
    assert "Exec format error" in refused.value.output


def test_an_empty_choice_of_compiler_is_none(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    usual = toolchain.find_compiler()
    monkeypatch.setenv("CXX", "  ")
    assert toolchain.find_compiler() == usual


def test_a_command_that_fails_is_named_and_what_it_said_kept(tmp_path):
    with commands.running(tmp_path) as run:
        run.run(["sh", "-c", "echo ignored"], "It does not compile")
        message = r"^It does not compile; what the command said .* It was: sh -c"
        with pytest.raises(toolchain.BuildError, match=message) as failed:
            run.run(["sh", "-c", "echo line 1: error >&2; exit 1"], "It does not compile")
        assert failed.value.output == "line 1: error\n"
        with pytest.raises(toolchain.BuildError, match="It does not compile: no-such does not run"):
            run.run(["no-such"], "It does not compile")


def test_nothing_starts_once_a_build_has_stopped(tmp_path):
    with commands.running(tmp_path) as run:
        run.stop()
        with pytest.raises(toolchain.BuildError, match="stopped"):
            run.run(["touch", "made"], "It does not compile")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("terminal", "quiet"), [(True, False), (False, True)])
def test_pip_shows_its_progress_on_a_terminal_and_two_lines_elsewhere(
    monkeypatch, capsys, terminal, quiet
):
    ran = []

    def run(command, **options):
        ran.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    install._pip("Installing what is asked for", "numpy")
    assert [("--quiet" in command, command[-1]) for command in ran] == [(quiet, "numpy")]
    first, last = capsys.readouterr().out.splitlines()
    assert (first, last[:10]) == ("Installing what is asked for ...", "  done in ")


def test_an_installed_tensorflow_is_not_among_the_requirements():
    with_it, without_it = (install.requirements(keep_tensorflow=k) for k in (False, True))
    assert set(with_it) - set(without_it) == {"tensorflow>=2.18,<2.22"}
    assert {"numpy", "h5py", "pytest", "tensorboard"} <= set(without_it)
    assert install.installed_tensorflow().keys() & {"tensorflow", "tensorflow-cpu"}


@pytest.mark.slow
def test_a_wheel_carries_the_library_for_this_platform(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert "-py3-none-linux_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {f"tf_ops/{name}" for name in ("_ban_ops.so", "_ban_ops.json", "py.typed")} <= set(names)
    assert not any(name.startswith(("tests", "benchmarks")) for name in names)
