"""Compiles `tf_ops` into `_ban_ops.so`: only what changed, in parallel, moved into place.

Run by `build_ops.sh`; on its own: python -m tf_ops.building.compile
"""

import concurrent.futures
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tf_ops import record as records
from tf_ops.building import commands, toolchain
from tf_ops.record import LIBRARY, RECORD

ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "tf_ops"
OBJECTS = ROOT / "build" / "tf_ops"

# Files with TensorFlow's headers are built as TensorFlow was; the loops beside them, which
# include none of its inline code, for the machine at hand. No fused multiply-add anywhere:
# distances must round as NumPy's do, or ties break differently.
TENSORFLOW_FILES = ("_ops.cc", "_kernels.cc")
COMMON_FLAGS = ("-std=c++17", "-fPIC", "-ffp-contract=off", "-Wall", "-Werror")
LOOP_FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math")


@dataclasses.dataclass(frozen=True)
class Unit:
    """One source file: how it is compiled and what its object depends on."""

    source: Path
    command: tuple[str, ...]  # without source and output
    key: str  # hash of the command, the sources it includes, and the tools' versions
    files: frozenset[Path]  # the source and what it includes of this project


@dataclasses.dataclass(frozen=True)
class Tools:
    """Everything a build depends on outside the sources."""

    tensorflow: toolchain.TensorFlow
    compiler: toolchain.Compiler
    cuda: toolchain.Cuda | None

    def record(self) -> dict[str, object]:
        """What `_ban_ops.json` keeps about the build, without the flags and the hash."""
        return {
            "tensorflow": self.tensorflow.version,
            "compiler": self.compiler.version,
            "machine": platform.machine(),
            "instructions": list(self.compiler.instructions),
            "cuda": self.cuda.version if self.cuda else None,
            "cuda_architectures": list(self.cuda.architectures) if self.cuda else [],
        }


def digest(*parts: str | bytes) -> str:
    """sha256 of the parts, in order."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "little") + data)
    return whole.hexdigest()


def find_units(tools: Tools) -> list[Unit]:
    """Lists what to compile, one folder of `tf_ops` after the other."""
    units = []
    versions = json.dumps(tools.record())
    for source in records.compiled_files(OPS, with_cuda=tools.cuda is not None):
        command, files = _command(source, tools), _with_included(source)
        texts = [path.read_bytes() for path in sorted(files)]
        units.append(Unit(source, command, digest(*command, versions, *texts), files))
    return units


def _with_included(source: Path) -> frozenset[Path]:
    """The file and the files of this project that it includes, directly or not."""
    found, unread = {source}, [source]
    while unread:
        path = unread.pop()
        for name in re.findall(r'^\s*#\s*include\s+"(.+?)"', path.read_text(), re.MULTILINE):
            for included in (OPS.parent / name, path.parent / name):
                if included.exists() and included not in found:
                    found.add(included)
                    unread.append(included)
    return frozenset(found)


def _command(source: Path, tools: Tools) -> tuple[str, ...]:
    if source.suffix == ".cu" and tools.cuda:
        return _cuda_command(tools.cuda)
    flags = [*tools.compiler.command.split(), *COMMON_FLAGS, f"-I{ROOT}"]
    if not source.name.endswith(TENSORFLOW_FILES):
        return (*flags, *LOOP_FLAGS, tools.compiler.machine_flag)
    for flag in tools.tensorflow.compile_flags:  # its headers' warnings are not ours
        flags += ["-isystem", flag[2:]] if flag.startswith("-I") else [flag]
    if tools.cuda and list(source.parent.glob("*.cu")):
        flags += ["-DBAN_WITH_CUDA", "-isystem", str(tools.cuda.include)]
    return (*flags, "-O2")


def _cuda_command(cuda: toolchain.Cuda) -> tuple[str, ...]:
    newest = cuda.architectures[-1]
    gencode = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in cuda.architectures]
    return (
        cuda.nvcc,
        *("-std=c++17", "-O3", "-fmad=false", "-DBAN_WITH_CUDA", f"-I{ROOT}"),
        *("-Xcompiler", "-fPIC,-Wall", "-Werror", "all-warnings"),
        *(*gencode, f"-gencode=arch=compute_{newest},code=compute_{newest}"),
    )


def _object(unit: Unit) -> Path:
    return OBJECTS / f"{unit.source.parent.name}-{unit.source.name}.o"


def _is_fresh(unit: Unit) -> bool:
    key = _object(unit).with_suffix(".key")
    return _object(unit).exists() and key.exists() and key.read_text() == unit.key


def _compile(unit: Unit, run: commands.Commands) -> float:
    """Compiles one file; returns seconds. What fails or is stopped leaves no object."""
    started = time.monotonic()
    made, key = _object(unit), _object(unit).with_suffix(".key")
    key.unlink(missing_ok=True)
    failure = f"{unit.source.relative_to(ROOT)} does not compile"
    try:
        run.run([*unit.command, "-c", str(unit.source), "-o", str(made)], failure)
    except toolchain.BuildError:
        made.unlink(missing_ok=True)
        raise
    key.write_text(unit.key)
    return time.monotonic() - started


def compile_units(units: list[Unit], run: commands.Commands) -> None:
    """Compiles the files whose object is not fresh, as many at once as there are cores."""
    stale = [unit for unit in units if not _is_fresh(unit)]
    if not stale:
        return
    # Slowest first: the files with TensorFlow's headers and nvcc's.
    stale.sort(key=lambda unit: not unit.source.name.endswith((*TENSORFLOW_FILES, ".cu")))
    workers = len(os.sched_getaffinity(0))
    print(f"Compiling {len(stale)} of {len(units)} files, {workers} at once ...", flush=True)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(_compile, unit, run): unit for unit in stale}
        try:
            for count, done in enumerate(concurrent.futures.as_completed(running), 1):
                name = running[done].source.relative_to(ROOT)
                print(f"[{count}/{len(stale)}] {name} {done.result():.1f} s", flush=True)
        except toolchain.BuildError:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        except BaseException:  # Ctrl-C and the like
            pool.shutdown(wait=False, cancel_futures=True)
            run.stop()
            raise


def link(units: list[Unit], tools: Tools, partial: Path, run: commands.Commands) -> None:
    """Links the objects to `partial` and loads that once, in a process of its own."""
    print("Linking, and loading the library once ...", flush=True)
    command = [*tools.compiler.command.split(), "-shared", "-o", str(partial)]
    command += [str(_object(unit)) for unit in units]
    command += tools.tensorflow.link_flags
    if tools.cuda:
        command += [f"-L{tools.cuda.library}", "-lcudart_static", "-ldl", "-lrt", "-lpthread"]
    run.run(command, f"The library does not link (delete {OBJECTS} to compile all of it anew)")
    load = f"tf.load_op_library({str(partial)!r})"
    load = f"import sys, tensorflow as tf; sys.tracebacklimit = 0; {load}"
    run.run([sys.executable, "-c", load], "The new library does not load, and is not kept")


def describe(units: list[Unit], tools: Tools, source_hash: str) -> dict[str, Any]:
    """The record of a library before it is built; what it is itself comes with `install`."""
    return {
        **tools.record(),
        "flags": [*COMMON_FLAGS, *LOOP_FLAGS, tools.compiler.machine_flag],
        "source_hash": source_hash,
        "sources": records.of_sources(frozenset().union(*(unit.files for unit in units)), OPS),
    }


def install(partial: Path, description: dict[str, Any]) -> None:
    """Moves the library and its record, which `tf_ops.library` compares, into place together."""
    partial_record = partial.with_suffix(".json")
    try:
        whole = {**description, "library": records.of_library(partial)}
        partial_record.write_text(json.dumps(whole, indent=2) + "\n")
        os.replace(partial, LIBRARY)
        os.replace(partial_record, RECORD)
    finally:
        partial_record.unlink(missing_ok=True)


def is_up_to_date(source_hash: str) -> bool:
    """Whether the library is whole and was built from these sources with these tools."""
    try:
        found = records.read(RECORD)
        records.check_library(LIBRARY, found)
    except (ImportError, OSError):
        return False
    return found["source_hash"] == source_hash


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Waits until no other build runs in this checkout: two at once would mix their objects."""
    OBJECTS.mkdir(parents=True, exist_ok=True)
    with open(OBJECTS / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build runs in this folder; waiting for its end ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build() -> None:
    """Builds the library unless nothing has changed since the last build.

    Raises:
        BuildError: something is missing or does not compile.
        OSError: a full disk, a missing right and so on.
    """
    # TensorFlow last: asking it takes seconds, and what is wrong with the others shows at once.
    compiler, cuda_toolkit = toolchain.find_compiler(), toolchain.find_cuda()
    tools = Tools(toolchain.find_tensorflow(), compiler, cuda_toolkit)
    with alone():
        units = find_units(tools)
        source_hash = digest(*(unit.key for unit in units), *tools.tensorflow.link_flags)
        cuda = f"CUDA {tools.cuda.version}" if tools.cuda else "CPU only: no nvcc in use"
        print(f"TensorFlow {tools.tensorflow.version}, {tools.compiler.version}, {cuda}")
        if is_up_to_date(source_hash):
            print(f"{LIBRARY.relative_to(ROOT)} is up to date.")
            return
        description = describe(units, tools, source_hash)
        partial = LIBRARY.with_name(f"_ban_ops.{os.getpid()}.partial.so")
        try:
            partial.touch()  # a folder that cannot be written is found out before minutes of work
            with commands.running(ROOT) as run:
                compile_units(units, run)
                link(units, tools, partial, run)
            install(partial, description)
        finally:
            partial.unlink(missing_ok=True)
    print(f"Built {LIBRARY.relative_to(ROOT)}.")


if __name__ == "__main__":
    commands.main(build)
