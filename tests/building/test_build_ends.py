"""How a build ends, in a small copy of the build's files with a compiler that only pretends."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest

from places import ROOT
from tf_ops import record

_LONGEST_S = 240  # for a pretended build, which takes seconds: beyond, it hangs
PRETENDED = """#!/bin/sh
case " $* " in *" --version "*) echo pretended 1.0; exit 0 ;; esac
output=
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then output=$2; fi
  shift
done
case "$output" in */empty.o) echo made >"$output"; exit 0 ;; esac
if [ -n "$output" ]; then
  %s
  echo made >"$output"
fi
"""


class Tree:
    """The files of a build with one source and a TensorFlow that only pretends."""

    def __init__(self, folder):
        self.folder = folder
        self.ops = folder / "tf_ops"
        self.library, self.record = self.ops / record.LIBRARY.name, self.ops / record.RECORD.name
        (self.ops / "one").mkdir(parents=True)
        (self.ops / "one" / "one_cpu.cc").write_text('#include "tf_ops/one/one.h"\n')
        (self.ops / "one" / "one.h").write_text("// header\n")
        shutil.copy(ROOT / "build_ops.sh", folder)
        for name in ("__init__.py", "record.py"):
            shutil.copy(ROOT / "tf_ops" / name, self.ops)
        shutil.copytree(ROOT / "tf_ops" / "building", self.ops / "building")
        (folder / "tensorflow.py").write_text("""
__version__ = "2.21.0"
def load_op_library(path):
    if open(path).read() != "made\\n":
        raise OSError("undefined symbol")
class sysconfig:
    get_compile_flags = staticmethod(list)
    get_link_flags = staticmethod(list)
""")
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.compiler("true")

    def compiler(self, line):
        """Makes a compiler that does this before it writes what it was asked for."""
        (self.folder / "pretended").write_text(PRETENDED % line)
        (self.folder / "pretended").chmod(0o755)

    def start(self, **environment):
        return subprocess.Popen(
            ["bash", "build_ops.sh", "--ops-only"],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHON": sys.executable,
                "PYTHONPATH": str(self.folder),
                "CXX": str(self.folder / "pretended"),
                "BAN_CUDA": "0",
                "TMPDIR": str(self.temporary),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As at a terminal, also where the tests themselves run in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def build(self, **environment):
        process = self.start(**environment)
        output, errors = process.communicate(timeout=_LONGEST_S)
        assert "Traceback" not in errors
        return process.returncode, output, errors

    def left_behind(self):
        """Files beside library and record, objects without a key, and temporary files."""
        objects = (self.folder / "build" / "tf_ops").glob("*.o")
        return [
            *(p.name for p in self.ops.glob("_ban_ops*") if p not in (self.library, self.record)),
            *(p.name for p in objects if not p.with_suffix(".key").exists()),
            *(p.name for p in self.temporary.iterdir()),
        ]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_a_build_records_its_library_and_its_sources(tree):
    code, output, _ = tree.build()
    assert code == 0
    assert "Compiling 1 of 1 files" in output
    found = record.read(tree.record)
    record.check_library(tree.library, found)
    record.check_sources(tree.ops, found)
    assert set(found["sources"]) == {"one/one.h", "one/one_cpu.cc"}
    assert tree.left_behind() == []
    assert "up to date" in tree.build()[1]


def test_what_the_record_finds_stale_the_build_does_not_find_up_to_date(tree):
    tree.build()
    (tree.ops / "one" / "one.h").write_text("// changed\n")
    with pytest.raises(ImportError, match=r"one/one\.h changed"):
        record.check_sources(tree.ops, record.read(tree.record))
    assert "Compiling 1 of 1 files" in tree.build()[1]
    record.check_sources(tree.ops, record.read(tree.record))


@pytest.mark.parametrize(
    "damage",
    [
        lambda tree: tree.library.write_text("ma"),
        lambda tree: tree.library.unlink(),
        lambda tree: tree.record.write_text(""),
        lambda tree: tree.record.unlink(),
        lambda tree: tree.record.write_text(json.dumps({"source_hash": "as before"})),
    ],
    ids=["cut library", "no library", "empty record", "no record", "earlier record"],
)
def test_a_damaged_library_is_made_anew(tree, damage):
    tree.build()
    whole = tree.library.read_text(), tree.record.read_text()
    damage(tree)
    code, output, _ = tree.build()
    assert (code, "up to date" in output) == (0, False)
    assert (tree.library.read_text(), tree.record.read_text()) == whole


def test_what_a_compiler_says_comes_first_and_one_sentence_last(tree):
    tree.compiler("echo 'one_cpu.cc:1: error: no such thing' >&2; exit 1")
    code, _, errors = tree.build()
    assert code == 1
    said, sentence = errors.splitlines()
    assert said == "one_cpu.cc:1: error: no such thing"
    assert sentence.startswith("build_ops.sh: tf_ops/one/one_cpu.cc does not compile; what the")
    assert not tree.library.exists()
    assert tree.left_behind() == []


def test_a_library_that_does_not_load_is_not_kept(tree):
    tree.build()
    before = tree.library.read_bytes()
    (tree.ops / "one" / "one.h").write_text("// changed\n")
    tree.compiler('case "$output" in *.so) echo other >"$output"; exit 0 ;; esac')
    code, _, errors = tree.build()
    assert code == 1
    said, sentence = errors.splitlines()
    assert said == "OSError: undefined symbol"
    assert sentence.startswith("build_ops.sh: The new library does not load, and is not kept")
    assert tree.library.read_bytes() == before
    assert tree.left_behind() == []


def test_a_folder_that_cannot_be_written_ends_in_one_sentence(tree):
    tree.record.mkdir()  # in place of rights, which the administrator has in any case
    code, _, errors = tree.build()
    assert code == 1
    (sentence,) = errors.splitlines()
    assert sentence.startswith("build_ops.sh: a file or folder cannot be read or written (")
    assert "Is a directory" in sentence
    assert tree.left_behind() == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda tree: (tree.ops / "one" / "one.h").write_text("// changed"), "one/one.h changed"),
        (lambda tree: tree.library.write_text("ma"), "_ban_ops.so is damaged"),
        (lambda tree: tree.record.unlink(), "_ban_ops.json is missing"),
        (lambda tree: tree.library.unlink(), "_ban_ops.so does not exist"),
    ],
    ids=["stale", "cut", "no record", "no library"],
)
def test_a_wheel_of_a_library_that_would_be_refused_is_refused(tree, spoil, reason):
    pytest.importorskip("setuptools")
    tree.build()
    shutil.copy(ROOT / "setup.py", tree.folder)
    (tree.folder / "setup.cfg").write_text("[options]\npackages = tf_ops\n")
    spoil(tree)
    command = [sys.executable, "setup.py", "-q", "bdist_wheel"]
    done = subprocess.run(
        command, cwd=tree.folder, capture_output=True, text=True, timeout=_LONGEST_S
    )
    assert done.returncode == 1
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("The wheel carries the compiled ops")
    assert reason in sentence
    assert not (tree.folder / "dist").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_build_leaves_neither_processes_nor_files(tree, number):
    fifo = tree.folder / "started"
    os.mkfifo(fifo)
    tree.compiler(f'echo half >"$output"; mktemp >/dev/null; echo $$ >"{fifo}"; exec sleep 100')
    process = tree.start()
    compiler = int(fifo.read_text())  # waits until it is written
    process.send_signal(number)
    _, errors = process.communicate(timeout=_LONGEST_S)
    assert process.returncode == 130
    assert errors.strip() == (
        "build_ops.sh: stopped. The same command goes on from what was finished."
    )
    with pytest.raises(ProcessLookupError):
        os.kill(compiler, 0)
    assert not tree.library.exists()
    assert tree.left_behind() == []
    tree.compiler("true")
    assert tree.build()[0] == 0


def test_a_second_build_waits_for_the_first(tree):
    (tree.folder / "build" / "tf_ops").mkdir(parents=True)
    with contextlib.ExitStack() as first:
        lock = first.enter_context(open(tree.folder / "build" / "tf_ops" / "lock", "w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = tree.start()
        assert "Another build runs" in process.stdout.readline()
        assert not tree.library.exists()
    output, _ = process.communicate(timeout=_LONGEST_S)
    assert process.returncode == 0
    assert "Built tf_ops/_ban_ops.so." in output


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"CUDA_HOME": "/nonexistent"},
            "CUDA_HOME must be the folder .*Received: CUDA_HOME=/nonexistent",
        ),
        ({"CUDACXX": "/etc/passwd"}, "CUDACXX must name an nvcc.*Received: CUDACXX=/etc/passwd"),
        ({"CUDACXX": "no-nvcc"}, "CUDACXX must name an nvcc.*Received: CUDACXX=no-nvcc"),
        ({"CUDACXX": "true"}, "nvcc 12 or 13 is supported.*no version.*BAN_CUDA=0"),
        ({"BAN_CUDA": "off"}, "BAN_CUDA must be 0.*Received: BAN_CUDA=off"),
        ({"CXX": "/etc/passwd"}, r"CXX must name a C\+\+ compiler.*Received: CXX=/etc/passwd"),
        ({"CXX": "true"}, r"does not compile an empty file of C\+\+17. Received: true"),
    ],
    ids=str,
)
def test_a_wrong_tool_ends_in_one_sentence(tree, environment, message):
    code, output, errors = tree.build(**{"BAN_CUDA": "1", **environment})
    assert (code, output) == (1, "")
    (sentence,) = errors.splitlines()
    assert sentence.startswith("build_ops.sh: ")
    assert re.search(message, sentence)
