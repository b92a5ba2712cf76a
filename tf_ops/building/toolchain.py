"""Finds what the compiled ops need: TensorFlow, a C++ compiler, and CUDA where there is any."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUPPORTED_TENSORFLOW = ((2, 18), (2, 21))
# The compiled ops alone, for exported models that a program with an older TensorFlow runs.
OLDEST_FOR_OPS = (2, 15)
SUPPORTED_NVCC = (12, 13)

# Turing, Ampere, Ada and Hopper as machine code; later ones compile the PTX of the last.
CUDA_ARCHITECTURES = (75, 80, 86, 89, 90)

# Instructions that not every x86 processor has and a compiler may use, named as in /proc/cpuinfo.
X86_INSTRUCTIONS = (
    *("avx", "avx2", "bmi2", "f16c", "fma"),
    *("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512ifma", "avx512vbmi"),
    *("avx512_vbmi2", "avx512_vnni", "avx512_bitalg", "avx512_vpopcntdq", "avx512_bf16"),
)

_ASK_TENSORFLOW = """
import json
import tensorflow as tf
print("\\n" + json.dumps({
    "version": tf.__version__,
    "compile_flags": tf.sysconfig.get_compile_flags(),
    "link_flags": tf.sysconfig.get_link_flags(),
}))
"""


class BuildError(Exception):
    """Something is missing or fails; the message says what, and the way out.

    Args:
        message: one sentence or more.
        output: what a program said about it, to be shown before the message.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclasses.dataclass(frozen=True)
class TensorFlow:
    """The installed TensorFlow and what `tf.sysconfig` says about it."""

    version: str
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Compiler:
    """A C++ compiler: its command and the first line of `--version`."""

    command: str
    version: str
    machine_flag: str  # `-march=native`, or what this compiler calls it; see `BAN_MARCH`
    instructions: tuple[str, ...] = ()  # those of `X86_INSTRUCTIONS` that it may use then


@dataclasses.dataclass(frozen=True)
class Cuda:
    """`nvcc`, its version, the folders of its headers and static runtime, and what to build for."""

    nvcc: str
    version: str
    include: Path
    library: Path
    architectures: tuple[int, ...] = CUDA_ARCHITECTURES


def _run(
    command: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; one that cannot be started is one that fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        return subprocess.CompletedProcess(command, 126, "", f"{error}\n")


def find_tensorflow() -> TensorFlow:
    """Asks the TensorFlow of this Python for its version and flags.

    Raises:
        BuildError: TensorFlow is missing, does not import, or is not a supported version.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    answer = _run([sys.executable, "-c", _ASK_TENSORFLOW], environment)
    if answer.returncode != 0:
        reason = answer.stderr.strip().splitlines()[-1:] or ["no output"]
        raise BuildError(
            f"TensorFlow does not import in {sys.executable}: {reason[0]}. Install it with: "
            "bash build_ops.sh (without --ops-only), or: python -m pip install tensorflow"
        )
    found = json.loads(answer.stdout.strip().splitlines()[-1])
    check_tensorflow_version(found["version"], OLDEST_FOR_OPS)
    return TensorFlow(found["version"], tuple(found["compile_flags"]), tuple(found["link_flags"]))


def check_tensorflow_version(
    version: str, oldest: tuple[int, int] = SUPPORTED_TENSORFLOW[0]
) -> None:
    """Raises BuildError unless `version` is supported."""
    newest = SUPPORTED_TENSORFLOW[1]
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if not oldest <= numbers <= newest:
        raise BuildError(
            f"TensorFlow {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]} is supported. "
            f"Received: version={version}. It is not replaced; use another environment, or: "
            f'python -m pip install "tensorflow>={oldest[0]}.{oldest[1]},'
            f'<{newest[0]}.{newest[1] + 1}"'
        )


def find_compiler() -> Compiler:
    """Takes `CXX`, else `g++`, else `clang++`; builds for the processor `BAN_MARCH`, else this one.

    Raises:
        BuildError: none of them is there, it is no compiler of C++17, or does not know the
            processor.
    """
    chosen = os.environ.get("CXX", "").strip()
    for command in [chosen] if chosen else ["g++", "clang++"]:
        if shutil.which(command.split()[0]):
            _check_compiler(command)
            first_line = _run([*command.split(), "--version"]).stdout.split("\n")[0]
            flag = _machine_flag(command)
            return Compiler(command, first_line, flag, _instructions(command, flag))
    if chosen:
        raise BuildError(
            "CXX must name a C++ compiler, which is on PATH or named with its folder, and which "
            f"may be executed. Received: CXX={chosen}. Correct it, or unset it for g++ or clang++."
        )
    raise BuildError(
        "No C++ compiler found (g++ or clang++). Install one, for example with: "
        "apt-get install g++, or name one in CXX."
    )


def _check_compiler(command: str) -> None:
    """Raises BuildError unless it makes an object: programs of other kinds have a version too."""
    with tempfile.TemporaryDirectory(prefix="ban-build-") as folder:
        made = Path(folder) / "empty.o"
        tried = _run(
            [*command.split(), "-std=c++17", "-x", "c++", "-c", os.devnull, "-o", str(made)]
        )
        if tried.returncode != 0 or not made.exists():
            raise BuildError(
                "The C++ compiler does not compile an empty file of C++17. Received: "
                f"{command}. Name another in CXX, for example: CXX=g++ bash build_ops.sh",
                tried.stderr,
            )


def _machine_flag(command: str) -> str:
    chosen = os.environ.get("BAN_MARCH")
    for flag in [f"-march={chosen}"] if chosen else ["-march=native", "-mcpu=native"]:
        tried = _run([*command.split(), flag, "-x", "c++", "-fsyntax-only", "/dev/null"])
        if tried.returncode == 0:
            return flag
    if chosen:
        raise BuildError(
            f"BAN_MARCH must name a processor that {command} knows as -march, for example "
            f"x86-64-v3 or native. Received: BAN_MARCH={chosen}"
        )
    return "-O3"  # a compiler that cannot look at the machine: its default instructions


def _instructions(command: str, machine_flag: str) -> tuple[str, ...]:
    macros = _run([*command.split(), machine_flag, "-x", "c++", "-dM", "-E", "/dev/null"]).stdout
    defined = set(re.findall(r"^#define __(\w+)__ 1$", macros, re.MULTILINE))
    return tuple(name for name in X86_INSTRUCTIONS if name.upper().replace("_", "") in defined)


def find_cuda() -> Cuda | None:
    """Finds `nvcc` with its headers; None when there is no `nvcc` or `BAN_CUDA=0`.

    Raises:
        BuildError: the environment names an `nvcc` that is not there, or it is of another version,
            or without headers or runtime.
    """
    wanted = os.environ.get("BAN_CUDA", "")
    if wanted not in ("", "0", "1"):
        raise BuildError(
            "BAN_CUDA must be 0, which leaves CUDA out, or 1, or not be set. "
            f"Received: BAN_CUDA={wanted}"
        )
    if wanted == "0":
        return None
    nvcc = _nvcc()
    if nvcc is None:
        return None
    version = re.search(r"release (\d+)\.(\d+)", _run([nvcc, "--version"]).stdout)
    if version is None or int(version[1]) not in SUPPORTED_NVCC:
        found = version[0] if version else "no version"
        raise BuildError(
            f"nvcc 12 or 13 is supported. Received: {nvcc} with {found}. Name another in "
            "CUDACXX, or build for the CPU only with BAN_CUDA=0."
        )
    top = _cuda_top(nvcc)
    include = _first_with("cuda_runtime_api.h", [top / "include", *top.glob("targets/*/include")])
    folders = [top / "lib64", top / "lib", *top.glob("targets/*/lib"), Path("/usr/lib64")]
    folders += Path("/usr/lib").glob("*-linux-gnu")
    library = _first_with("libcudart_static.a", folders)
    if include is None or library is None:
        missing = "headers (cuda_runtime_api.h)" if include is None else "libcudart_static.a"
        raise BuildError(
            f"{nvcc} is there, but not the CUDA runtime's {missing} under {top}. Install the "
            "toolkit's cudart development package, or build for the CPU only with BAN_CUDA=0."
        )
    return Cuda(nvcc, f"{version[1]}.{version[2]}", include, library, _cuda_architectures())


def _cuda_architectures() -> tuple[int, ...]:
    """Those of `BAN_CUDA_ARCHITECTURES`, ascending, else all that are built for."""
    chosen = os.environ.get("BAN_CUDA_ARCHITECTURES", "")
    if not chosen.strip():
        return CUDA_ARCHITECTURES
    numbers = chosen.split(",")
    if not all(re.fullmatch(r"\s*[1-9]\d{1,2}\s*", number, re.ASCII) for number in numbers):
        raise BuildError(
            "BAN_CUDA_ARCHITECTURES must be numbers of GPU architectures with commas between them, "
            "for example 90 or 80,90, or not be set. Received: "
            f"BAN_CUDA_ARCHITECTURES={chosen}"
        )
    return tuple(sorted({int(number) for number in numbers}))


def _nvcc() -> str | None:
    """The `nvcc` of `CUDACXX`, else of `CUDA_HOME`, else on PATH."""
    for name, rule, command in (
        ("CUDACXX", "name an nvcc, on PATH or with its folder, that", "{}"),
        ("CUDA_HOME", "be the folder of a CUDA toolkit, whose bin/nvcc", "{}/bin/nvcc"),
    ):
        chosen = os.environ.get(name)
        if chosen:
            found = shutil.which(command.format(chosen))
            if found is None:
                raise BuildError(
                    f"{name} must {rule} may be executed. Received: {name}={chosen}. "
                    "Correct it, unset it, or build for the CPU only with BAN_CUDA=0."
                )
            return found
    return shutil.which("nvcc")


def _cuda_top(nvcc: str) -> Path:
    """The toolkit's folder, as nvcc itself reports it: the command may be a wrapper script."""
    said = _run([nvcc, "--dryrun", "-x", "cu", "-c", "/dev/null", "-o", "/dev/null"])
    top = re.search(r"^#\$ TOP=(.+)$", said.stderr + said.stdout, re.MULTILINE)
    return Path(top[1].strip()).resolve() if top else Path(nvcc).resolve().parent.parent


def _first_with(name: str, folders: list[Path]) -> Path | None:
    return next((folder for folder in folders if (folder / name).exists()), None)
