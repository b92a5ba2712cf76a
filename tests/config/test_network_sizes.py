"""Sizes that no network can have are refused as the settings are read, by name."""

from pathlib import Path

import pytest

from ban_tf.config import settings
from ban_tf.data import s3dis

FILE = Path("mine.json")
FOUR = [[8], [8], [8], [8]]


def applied(values, network="ban"):
    return settings.apply(s3dis.experiment(network=network), values, FILE)


@pytest.mark.parametrize("width", [0, -8])
def test_a_head_without_width_is_refused(width):
    with pytest.raises(settings.SettingsError, match=rf"`head_width` must be .*head_width={width}"):
        applied({"network": {"backbone": {"head_width": width}}})


@pytest.mark.parametrize("step", [[], [0], [8, -1]])
@pytest.mark.parametrize("network", ["ban", "jsnet", "bonet"])
def test_a_step_of_the_decoder_without_widths_is_refused(network, step):
    part = "backbone" if network == "ban" else network
    with pytest.raises(
        settings.SettingsError, match=r"each step of `decoder` must .*Received: dec"
    ):
        applied({"network": {part: {"decoder": [*FOUR[1:], step]}}}, network)


def test_a_share_of_batch_norm_above_one_is_refused():
    with pytest.raises(settings.SettingsError, match=r"`batch_norm_decay.initial` must be in .*=2"):
        applied({"training": {"batch_norm_decay": {"initial": 2}}})


def test_a_file_nested_without_end_is_named(tmp_path):
    file = tmp_path / "deep.json"
    file.write_text("[" * 100_000)
    with pytest.raises(settings.SettingsError, match=r"deep.json must be a JSON object.*nested"):
        settings.read(file)


def test_a_byte_order_mark_is_read_past_and_another_encoding_named(tmp_path):
    file = tmp_path / "mine.json"
    file.write_bytes(b"\xef\xbb\xbf" + b'{"seed": 3}')
    assert settings.read(file) == {"seed": 3}
    file.write_text('{"seed": 3}', encoding="utf-16")  # as `>` of PowerShell writes
    with pytest.raises(settings.SettingsError, match=r"mine.json must be text in UTF-8; save it"):
        settings.read(file)
