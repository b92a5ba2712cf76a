import errno
import zipfile

import numpy as np
import pytest

from ban_tf.clouds import cloud_cache
from ban_tf.clouds.cloud import Cloud, unlabelled
from ban_tf.config import NONE


def make_cloud(num_points=5, with_color=True):
    rng = np.random.default_rng(num_points)
    return Cloud(
        name="Area_5_office_1",
        xyz=rng.normal(0, 40, (num_points, 3)),
        rgb=rng.integers(0, 256, (num_points, 3)).astype(np.uint8) if with_color else None,
        semantic=rng.integers(0, 13, num_points).astype(np.int32),
        instance=rng.integers(0, 400, num_points).astype(np.int32),
    )


def assert_same(got, expected):
    assert got.name == expected.name
    np.testing.assert_array_equal(got.xyz, expected.xyz)
    np.testing.assert_array_equal(got.semantic, expected.semantic)
    np.testing.assert_array_equal(got.instance, expected.instance)
    if expected.rgb is None:
        assert got.rgb is None
    else:
        np.testing.assert_array_equal(got.rgb, expected.rgb)


@pytest.mark.parametrize("with_color", [True, False])
@pytest.mark.parametrize("num_points", [1, 2, 1001])
def test_saved_cloud_comes_back_bit_for_bit(tmp_path, num_points, with_color):
    cloud = make_cloud(num_points, with_color)
    cloud_cache.save_cloud(cloud, tmp_path / "new" / "room.npz")
    assert_same(cloud_cache.load_cloud(tmp_path / "new" / "room.npz"), cloud)


def test_colors_stay_present_or_absent_for_an_empty_cloud(tmp_path):
    for with_color in (True, False):
        cloud = make_cloud(0, with_color)
        cloud_cache.save_cloud(cloud, tmp_path / "empty.npz")
        assert_same(cloud_cache.load_cloud(tmp_path / "empty.npz"), cloud)


def test_header_holds_fingerprint_and_notes(tmp_path):
    path = tmp_path / "room.npz"
    cloud_cache.save_cloud(make_cloud(), path, fingerprint="f00d", notes="Wände\n2")
    assert cloud_cache.read_header(path) == ("f00d", "Wände\n2")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_file_is_refused_by_name(tmp_path, share):
    path = tmp_path / "room.npz"
    cloud_cache.save_cloud(make_cloud(1000), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for read in (cloud_cache.load_cloud, cloud_cache.read_header):
        with pytest.raises(ValueError, match=r"room\.npz is damaged .* Move it away"):
            read(path)


def test_flipped_bit_is_refused_by_name(tmp_path):
    path = tmp_path / "room.npz"
    cloud_cache.save_cloud(make_cloud(1000), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"room\.npz is damaged"):
        cloud_cache.load_cloud(path)


def test_other_archive_is_refused_by_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("readme", "not a cloud")
    with pytest.raises(ValueError, match=r"other\.npz is damaged or not a saved cloud"):
        cloud_cache.load_cloud(tmp_path / "other.npz")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        cloud_cache.load_cloud(tmp_path / "gone.npz")


def test_other_suffix_is_refused_before_writing(tmp_path):
    with pytest.raises(ValueError, match=r"Received: path=.*room\.npy"):
        cloud_cache.save_cloud(make_cloud(), tmp_path / "room.npy")
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_the_earlier_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "room.npz"
    cloud_cache.save_cloud(make_cloud(3), path)

    def full_disk(file, **arrays):
        file.write(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cloud_cache.np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        cloud_cache.save_cloud(make_cloud(4), path)
    assert list(tmp_path.iterdir()) == [path]
    assert_same(cloud_cache.load_cloud(path), make_cloud(3))


def test_unlabelled_cloud_has_no_labels():
    cloud = unlabelled("scan", np.zeros((4, 3)))
    assert (cloud.semantic == NONE).all()
    assert (cloud.instance == NONE).all()
    assert cloud.semantic is not cloud.instance
    assert len(cloud) == 4


@pytest.mark.parametrize(
    ("field", "value", "error", "message"),
    [
        ("xyz", np.zeros((5, 3), np.float32), TypeError, r"xyz\.dtype=float32"),
        ("xyz", np.zeros((5, 2)), ValueError, r"xyz\.shape=\(5, 2\)"),
        ("rgb", np.zeros((5, 3)), TypeError, r"rgb\.dtype=float64"),
        ("rgb", np.zeros((4, 3), np.uint8), ValueError, r"rgb\.shape=\(4, 3\)"),
        ("semantic", np.zeros(5, np.int64), TypeError, r"semantic\.dtype=int64"),
        ("instance", np.zeros(6, np.int32), ValueError, r"instance\.shape=\(6,\)"),
    ],
)
def test_wrong_field_is_refused(field, value, error, message):
    cloud = make_cloud()
    fields = {name: getattr(cloud, name) for name in ("xyz", "rgb", "semantic", "instance")}
    fields[field] = value
    with pytest.raises(error, match=message):
        Cloud(name="room", **fields)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_not_finite_are_refused(bad):
    xyz = np.zeros((4, 3))
    xyz[2, 1] = bad
    with pytest.raises(ValueError, match="1 bad points, the first at row 2"):
        unlabelled("scan", xyz)
