"""What the command refuses before it loads anything."""

import socket

import pytest

from ban_tf.experiments import messages
from ban_tf.programs import serve
from ban_tf.serving.server import options


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


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["stable=9"], "which is 2. Received: label stable=9"),
        (["new=2", "--label", "old=1"], "Serve it too, with --versions 1,2 or all. Received: "),
        (["stable=1", "--versions", "2"], "with --versions 1,2 or all. Received: label stable=1"),
        (["stable=9", "--versions", "all"], "which are 1, 2. Received: label stable=9"),
    ],
)
def test_a_label_of_a_version_that_is_not_served_is_refused(model, flags, expected):
    pytest.importorskip("aiohttp")
    (model / "2").mkdir()
    told = refusal("--model", model, "--grpc-port", 0, "--rest-port", 0, "--label", *flags)
    assert told.startswith("a label must be of a version that is served")
    assert expected in told


@pytest.mark.parametrize("versions", ["latest", "1,2", "all"])
def test_labels_of_served_versions_are_taken(model, versions):
    pytest.importorskip("aiohttp")
    (model / "02").mkdir()
    flags = ["--model", model, "--versions", versions, "--label", "a=2", "--label", "b=2"]
    args = vars(serve.parse_args([str(flag) for flag in flags]))
    settings = args | {"labels": dict(args["labels"]), "grpc_port": 0, "rest_port": 0}
    options.check(options.Options(**settings))


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


@pytest.mark.parametrize(
    "flags",
    [
        ["--versions", "new"],
        ["--label", "x"],
        ["--label", "x=1", "--label", "y=1", "--label", "x=2"],
        ["--workers", "0"],
    ],
)
def test_what_cannot_be_read_is_refused(flags, capsys):
    with pytest.raises(SystemExit):
        serve.parse_args(["--model", "m", *flags])
    assert "Received" in capsys.readouterr().err


def test_of_two_folders_of_one_version_the_last_is_served_as_on_the_stock_server(model):
    for name in ("01", "001", str(2**63), "3"):
        (model / name).mkdir()
    (model / "03").touch()
    assert options.folders_of(model) == {1: model / "1", 3: model / "3"}
    assert options.doubled(model) == [
        "version 1 lies in the folders 001, 01 and 1: 1 is served. Move the others away"
    ]
