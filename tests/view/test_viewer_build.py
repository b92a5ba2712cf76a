"""The script of the page is what its build makes of the committed sources."""

import hashlib
import pathlib
import re
import shutil
import subprocess

import pytest

WEB = pathlib.Path(__file__).parents[2] / "ban_tf" / "view" / "viewer" / "web"
BUILT = WEB / "viewer.js"


def test_the_script_was_built_of_these_sources():
    names = sorted((WEB / "src").glob("*.js"), key=lambda path: path.name)
    files = [*names, WEB / "package-lock.json", WEB / "build.sh"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    found = re.search(r"SHA-256 is (\w+)\.", BUILT.read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == digest, "bash ban_tf/view/viewer/web/build.sh"


def test_no_tag_can_end_the_script_within_a_page():
    assert not re.search("</script|<!--", BUILT.read_text(encoding="utf-8"), re.IGNORECASE)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_build_gives_the_committed_script(tmp_path):
    out = tmp_path / "viewer.js"
    done = subprocess.run(
        ["bash", str(WEB / "build.sh"), str(out)], capture_output=True, text=True, check=False
    )
    if done.returncode and not out.exists() and "npm error" in done.stderr:
        pytest.skip(f"npm cannot reach its packages: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == BUILT.read_bytes()
