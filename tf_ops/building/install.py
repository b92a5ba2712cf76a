"""Installs the package editable, with its dependencies; never touches an installed TensorFlow.

Run by `build_ops.sh`; on its own: python -m tf_ops.building.install
"""

import configparser
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from tf_ops.building import commands, toolchain

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = (ROOT / "setup.cfg", ROOT / "pyproject.toml", ROOT / "setup.py")
EXTRAS = ("test",)
TENSORFLOW_SIZE = (
    ", TensorFlow among them: some 600 MB to download and 2 GB on the disk, a few minutes"
)


def installed_tensorflow() -> dict[str, str]:
    """Returns the distributions that provide `tensorflow` and their versions.

    They go by several names: tensorflow, tensorflow-cpu, tensorflow-rocm, tf-nightly ...
    """
    providers = importlib.metadata.packages_distributions().get("tensorflow", [])
    return {name: importlib.metadata.version(name) for name in sorted(set(providers))}


def requirements(keep_tensorflow: bool) -> list[str]:
    """Reads from setup.cfg what to install; without `tensorflow` when one is to be kept."""
    description = configparser.ConfigParser()
    description.read(ROOT / "setup.cfg")
    listed = description["options"]["install_requires"].split("\n")
    for extra in EXTRAS:
        listed += description["options.extras_require"][extra].split("\n")
    wanted = [line.strip() for line in listed if line.strip()]
    if keep_tensorflow:
        wanted = [line for line in wanted if re.split(r"[^\w.-]", line)[0] != "tensorflow"]
    return wanted


def _state() -> str:
    """Hash of what an installation depends on: the description and what is installed."""
    found = sorted(f"{d.name}=={d.version}" for d in importlib.metadata.distributions())
    texts = [path.read_text() for path in DESCRIPTION if path.exists()]
    return hashlib.sha256("\n".join([sys.prefix, *found, *texts]).encode()).hexdigest()


def _check_writable() -> None:
    """Refuses a Python that its system manages: pip would, with a longer message."""
    in_environment = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    if not in_environment and marker.exists():
        raise toolchain.BuildError(
            "This Python belongs to the operating system, which does not let pip install into "
            f"it. Received: {sys.executable}. Make and activate an environment first: "
            "python3 -m venv .venv && . .venv/bin/activate"
        )


def _pip(purpose: str, *arguments: str) -> None:
    """Says what for and how long pip ran; its own progress is shown on a terminal only."""
    print(f"{purpose} ...", flush=True)
    started = time.monotonic()
    shown = () if sys.stdout.isatty() else ("--quiet",)
    command = [sys.executable, "-m", "pip", "install", *shown, *arguments]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise toolchain.BuildError(
            f"pip did not succeed; its message stands above. The command was: {' '.join(command)}"
        )
    print(f"  done in {time.monotonic() - started:.0f} s", flush=True)


def install() -> None:
    """Installs what is missing, unless nothing has changed since the last time.

    Raises:
        BuildError: TensorFlow is of another version, or pip does not succeed.
    """
    stamp = ROOT / "build" / f"installed-{hashlib.sha256(sys.prefix.encode()).hexdigest()[:16]}"
    if stamp.exists() and stamp.read_text() == _state():
        print("The package and its dependencies are installed.")
        return
    _check_writable()
    kept = installed_tensorflow()
    for version in kept.values():
        toolchain.check_tensorflow_version(version)
    if kept:
        print("Keeping", ", ".join(f"{name} {version}" for name, version in kept.items()))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.writelines(f"{name}=={version}\n" for name, version in kept.items())
        constraints.flush()
        _pip(
            "Installing the dependencies" + ("" if kept else TENSORFLOW_SIZE),
            *("--constraint", constraints.name, *requirements(keep_tensorflow=bool(kept))),
        )
    _pip("Installing the package itself, editable", "--no-deps", "--editable", str(ROOT))
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(_fresh_state())


def _fresh_state() -> str:
    """`_state` seen by a new Python: this one listed the packages before pip changed them."""
    ask = "from tf_ops.building import install; print(install._state())"
    answer = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


if __name__ == "__main__":
    commands.main(install)
