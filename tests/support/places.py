"""Where things lie, for tests in any folder."""

from pathlib import Path

SUPPORT = Path(__file__).parent  # scripts that tests run in a process of their own
ROOT = SUPPORT.parents[1]  # of the project
SHARED = ROOT.parent / "shared"  # recordings and scans that stand beside the project, if at all
