"""Metadata stands in setup.cfg; this adds the compiled ops to a wheel, for one platform.

    bash build_ops.sh && python -m pip wheel --no-deps .

The library in the wheel is for the TensorFlow minor version it was built with and the processor it
was built for; `tf_ops.library` says so when it is loaded under another version, or on a processor
that lacks its instructions.
"""

import runpy
from pathlib import Path

from setuptools import Distribution, setup

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

OPS = Path(__file__).parent / "tf_ops"
LIBRARY = OPS / "_ban_ops.so"
RECORD = OPS / "_ban_ops.json"


class PlatformDistribution(Distribution):
    """One that differs between platforms, as those with extension modules do."""

    def has_ext_modules(self):
        return True


class PlatformWheel(bdist_wheel):
    """A wheel for any Python 3 on this platform: the library does not depend on Python."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]

    def run(self):
        if not LIBRARY.exists():
            raise SystemExit(
                f"The wheel carries the compiled ops, but {LIBRARY} does not exist. Build them "
                "first with: bash build_ops.sh"
            )
        self.check_library()
        super().run()

    def check_library(self):
        """Refuses a damaged or stale library: a wheel has no sources to compare it with later."""
        record = runpy.run_path(str(OPS / "record.py"))  # tf_ops is not installed here
        try:
            found = record["read"](RECORD)
            record["check_library"](LIBRARY, found)
            record["check_sources"](OPS, found)
        except ImportError as error:
            raise SystemExit(f"The wheel carries the compiled ops. {error}") from None


setup(distclass=PlatformDistribution, cmdclass={"bdist_wheel": PlatformWheel})
