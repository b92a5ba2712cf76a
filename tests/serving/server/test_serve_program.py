"""What the command refuses before it loads anything."""

import socket

import pytest

from ban_tf.experiments import messages
from ban_tf.programs import serve


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "ban"
    (folder / "1").mkdir(parents=True)
    (folder / "writing_2").mkdir()
    return folder


def refusal(*flags):
    with pytest.raises((OSError, ValueError, ImportError)) as caught:
        serve.main([str(flag) for flag in flags])
    return messages.sentence(caught.value)


@pytest.mark.parametrize("name", ["grpc", "rest"])
def test_a_port_in_use_is_refused(model, name):
    pytest.importorskip("aiohttp")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = {"grpc": 0, "rest": 0, name: port}
        told = refusal("--model", model, *(part for key, value in flags.items()
                                           for part in (f"--{key}-port", value)))  # fmt: skip
    assert told == (
        f"--{name}-port {port} of 127.0.0.1 is in use. Name another, or 0 for a free one."
    )


def test_one_port_for_both_is_refused(model):
    pytest.importorskip("aiohttp")
    told = refusal("--model", model, "--grpc-port", 7000, "--rest-port", 7000)
    assert told.startswith("--grpc-port and --rest-port must differ")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "--tls-cert must be a file"),
        (["--token-file", "none"], "--token-file must be a file"),
        (["--versions", "2"], "--versions must be of 1."),
        (["--timeout-s", "0"], "--timeout-s must be above 0"),
        (["--grace-s", "nan"], "--grace-s must be above 0"),
        (["--max-request-mib", "4096"], "--max-request-mib must be at most 2047"),
        (["--rest-port", "70000"], "--rest-port must be from 0 to 65535"),
        (["--host", "no.such.host.invalid"], "--host must be an address"),
    ],
)
def test_a_flag_that_cannot_be_is_refused(model, flags, expected):
    pytest.importorskip("aiohttp")
    told = refusal("--model", model, "--grpc-port", 0, "--rest-port", 0, *flags)
    assert told.startswith(expected)


def test_a_certificate_needs_its_key_and_must_be_one(model, tmp_path):
    pytest.importorskip("aiohttp")
    file = tmp_path / "cert.pem"
    file.write_text("none")
    assert "go together" in refusal("--model", model, "--tls-cert", file)
    told = refusal("--model", model, "--tls-cert", file, "--tls-key", file)
    assert told.startswith("--tls-cert and --tls-key must be a certificate and its key")


def test_a_folder_without_a_version_is_refused(tmp_path, model):
    pytest.importorskip("aiohttp")
    assert refusal("--model", tmp_path / "none").startswith("--model must be the folder of an")
    (model / "1").rmdir()
    assert "must hold a folder for each version" in refusal("--model", model)
    (model / "saved_model.pb").touch()
    assert f"give {model.parent}" in refusal("--model", model)


@pytest.mark.parametrize(("text", "found"), [("latest", "latest"), ("all", "all"), ("3,1", (3, 1))])
def test_versions_are_read(text, found):
    assert serve.parse_args(["--model", "m", "--versions", text]).versions == found


@pytest.mark.parametrize("flags", [["--versions", "new"], ["--label", "x"], ["--workers", "0"]])
def test_what_cannot_be_read_is_refused(flags, capsys):
    with pytest.raises(SystemExit):
        serve.parse_args(["--model", "m", *flags])
    assert "Received" in capsys.readouterr().err
