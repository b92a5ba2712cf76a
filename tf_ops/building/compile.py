"""Compiles `tf_ops` into `_ban_ops.so`: only what changed, in parallel, moved into place.

Run by `build_ops.sh`; on its own: python -m tf_ops.building.compile
"""

import concurrent.futures
import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from tf_ops.building import toolchain

ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "tf_ops"
LIBRARY = OPS / "_ban_ops.so"
RECORD = OPS / "_ban_ops.json"
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
            "cuda_architectures": list(toolchain.CUDA_ARCHITECTURES) if self.cuda else [],
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
    for source in sorted(OPS.glob("*/*.cc")) + sorted(OPS.glob("*/*.cu")):
        if source.suffix == ".cu" and tools.cuda is None:
            continue
        command = _command(source, tools)
        texts = [path.read_bytes() for path in sorted(_with_included(source))]
        units.append(Unit(source, command, digest(*command, versions, *texts)))
    return units


def _with_included(source: Path) -> set[Path]:
    """The file and the files of this project that it includes, directly or not."""
    found, unread = {source}, [source]
    while unread:
        path = unread.pop()
        for name in re.findall(r'^\s*#\s*include\s+"(.+?)"', path.read_text(), re.MULTILINE):
            for included in (OPS.parent / name, path.parent / name):
                if included.exists() and included not in found:
                    found.add(included)
                    unread.append(included)
    return found


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
    newest = toolchain.CUDA_ARCHITECTURES[-1]
    gencode = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in toolchain.CUDA_ARCHITECTURES]
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


def _compile(unit: Unit) -> float:
    """Compiles one file; returns seconds."""
    started = time.monotonic()
    key = _object(unit).with_suffix(".key")
    key.unlink(missing_ok=True)
    run([*unit.command, "-c", str(unit.source), "-o", str(_object(unit))], unit.source)
    key.write_text(unit.key)
    return time.monotonic() - started


def run(command: list[str], what: Path) -> None:
    """Runs a compiler; its output becomes the error's message.

    Raises:
        BuildError: it did not succeed.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise toolchain.BuildError(
            f"{what.relative_to(ROOT)} does not compile:\n{done.stdout}{done.stderr}\n"
            f"The command was: {' '.join(command)}"
        )


def compile_units(units: list[Unit]) -> None:
    """Compiles the files whose object is not fresh, as many at once as there are cores."""
    stale = [unit for unit in units if not _is_fresh(unit)]
    # Slowest first: the files with TensorFlow's headers and nvcc's.
    stale.sort(key=lambda unit: not unit.source.name.endswith((*TENSORFLOW_FILES, ".cu")))
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        running = {pool.submit(_compile, unit): unit for unit in stale}
        try:
            for count, done in enumerate(concurrent.futures.as_completed(running), 1):
                name = running[done].source.relative_to(ROOT)
                print(f"[{count}/{len(stale)}] {name} {done.result():.1f} s", flush=True)
        except toolchain.BuildError:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def link(units: list[Unit], tools: Tools) -> None:
    """Links the objects to a temporary name, loads that once, and moves it into place."""
    partial = LIBRARY.with_name(f"_ban_ops.{os.getpid()}.partial.so")
    command = [*tools.compiler.command.split(), "-shared", "-o", str(partial)]
    command += [str(_object(unit)) for unit in units]
    command += tools.tensorflow.link_flags
    if tools.cuda:
        command += [f"-L{tools.cuda.library}", "-lcudart_static", "-ldl", "-lrt", "-lpthread"]
    try:
        run(command, LIBRARY)
        load = f"import tensorflow as tf; tf.load_op_library({str(partial)!r})"
        run([sys.executable, "-c", load], LIBRARY)
        os.replace(partial, LIBRARY)
    finally:
        partial.unlink(missing_ok=True)


def write_record(tools: Tools, source_hash: str) -> None:
    """Writes `_ban_ops.json`, which `tf_ops.library` reads before it loads the library."""
    flags = [*COMMON_FLAGS, *LOOP_FLAGS, tools.compiler.machine_flag]
    record = {**tools.record(), "flags": flags, "source_hash": source_hash}
    partial = RECORD.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(partial, RECORD)


def _recorded_hash() -> str | None:
    if not (LIBRARY.exists() and RECORD.exists()):
        return None
    return json.loads(RECORD.read_text()).get("source_hash")


def build() -> None:
    """Builds the library unless nothing has changed since the last build.

    Raises:
        BuildError: something is missing or does not compile.
    """
    tools = Tools(toolchain.find_tensorflow(), toolchain.find_compiler(), toolchain.find_cuda())
    OBJECTS.mkdir(parents=True, exist_ok=True)
    with open(OBJECTS / "lock", "w") as lock:  # two builds at once would mix their objects
        fcntl.flock(lock, fcntl.LOCK_EX)
        units = find_units(tools)
        source_hash = digest(*(unit.key for unit in units), *tools.tensorflow.link_flags)
        cuda = f"CUDA {tools.cuda.version}" if tools.cuda else "CPU only: no nvcc in use"
        print(f"TensorFlow {tools.tensorflow.version}, {tools.compiler.version}, {cuda}")
        if _recorded_hash() == source_hash:
            print(f"{LIBRARY.relative_to(ROOT)} is up to date.")
            return
        compile_units(units)
        link(units, tools)
        write_record(tools, source_hash)
    print(f"Built {LIBRARY.relative_to(ROOT)}.")


def main() -> None:
    try:
        build()
    except toolchain.BuildError as error:
        sys.exit(f"build_ops.sh: {error}")


if __name__ == "__main__":
    main()
