import json

import pytest

from tf_ops import record


@pytest.fixture
def built(tmp_path):
    """A folder of sources with the record of what was built from them for the CPU."""
    for name in ("one/one.h", "one/one_cpu.cc", "two/two_ops.cc", "two/two_kernels.cu"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"// {name}")
    used = [path for path in tmp_path.glob("*/*") if path.suffix != ".cu"]
    return tmp_path, {"cuda": None, "sources": record.of_sources(used, tmp_path)}


def test_the_library_at_hand_fits_its_record_and_its_sources():
    found = record.read(record.RECORD)
    record.check_library(record.LIBRARY, found)
    record.check_sources(record.FOLDER, found)
    assert {"sampling/sampling_cpu.cc", "core/parallel.h"} <= set(found["sources"])


def test_unchanged_sources_pass_whatever_their_dates(built):
    folder, found = built
    (folder / "one/one.h").write_text((folder / "one/one.h").read_text())
    record.check_sources(folder, found)


@pytest.mark.parametrize("name", ["one/one.h", "one/one_cpu.cc", "two/two_ops.cc"])
def test_a_changed_source_is_named(built, name):
    folder, found = built
    (folder / name).write_text("// other")
    with pytest.raises(ImportError, match=f"where {name} changed since; rebuild: bash build_ops"):
        record.check_sources(folder, found)


def test_a_new_source_is_named(built):
    folder, found = built
    (folder / "two/three.cc").touch()
    with pytest.raises(ImportError, match=r"two/three\.cc changed"):
        record.check_sources(folder, found)


def test_several_that_are_gone_are_counted(built):
    folder, found = built
    (folder / "one/one.h").unlink()
    (folder / "two/two_ops.cc").unlink()
    with pytest.raises(ImportError, match=r"one/one\.h and 1 more changed"):
        record.check_sources(folder, found)


def test_cuda_sources_count_where_cuda_was_built_and_nowhere_else(built):
    folder, found = built
    (folder / "two/two_kernels.cu").write_text("// other")
    record.check_sources(folder, found)
    with pytest.raises(ImportError, match=r"two_kernels\.cu changed"):
        record.check_sources(folder, {**found, "cuda": "13.0"})


def test_a_wheel_without_sources_is_not_compared(built, tmp_path_factory):
    record.check_sources(tmp_path_factory.mktemp("wheel"), built[1])


def test_a_changed_byte_and_a_cut_are_told_apart(tmp_path):
    library = tmp_path / "x.so"
    library.write_bytes(b"12345678")
    found = {"library": record.of_library(library)}
    record.check_library(library, found)
    library.write_bytes(b"12345679")
    with pytest.raises(ImportError, match=r"x\.so is damaged.*its sha256 is another"):
        record.check_library(library, found)
    library.write_bytes(b"")
    with pytest.raises(ImportError, match=r"x\.so is damaged.*0 bytes in place of 8"):
        record.check_library(library, found)


@pytest.mark.parametrize("content", ["", "{", "null", "[]", "{}", "\x00" * 40, '{"sources": 3}'])
def test_a_damaged_record_is_named(tmp_path, content):
    path = tmp_path / "_ban_ops.json"
    path.write_text(content)
    with pytest.raises(ImportError, match=rf"{path} is damaged.*rebuild: bash build_ops.sh"):
        record.read(path)


def test_bytes_that_are_no_text_are_a_damaged_record(tmp_path):
    path = tmp_path / "_ban_ops.json"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ImportError, match=rf"{path} is damaged"):
        record.read(path)


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(ImportError, match=r"_ban_ops\.json is missing.*rebuild: bash build_ops.sh"):
        record.read(tmp_path / "_ban_ops.json")


def test_a_record_of_an_earlier_version_names_what_it_lacks(tmp_path):
    earlier = json.loads(record.RECORD.read_text())
    del earlier["sources"], earlier["library"]
    path = tmp_path / "_ban_ops.json"
    path.write_text(json.dumps(earlier))
    with pytest.raises(ImportError, match=r"of an earlier version \(without library, sources\)"):
        record.read(path)
