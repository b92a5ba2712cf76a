"""Where a served model may be, and how it may be asked."""

import pytest

from ban_tf.config.served import Server


@pytest.mark.parametrize("address", ["gpu:8500", "10.0.0.7:1", "[::1]:8501", "a.b-c.example:65535"])
def test_addresses(address):
    server = Server(address=address)
    assert f"{server.host}:{server.port}" == address


@pytest.mark.parametrize(
    "address", ["gpu", "gpu:", ":8500", "http://gpu:8500", "gpu:8500/", "gpu:70000", "::1:80", ""]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="`address` must be host:port"):
        Server(address=address)


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"model_name": "a/b"}, "`model_name` must be the name"),
        ({"model_version": -1}, "`model_version` must be at least 0"),
        ({"timeout_s": 0.0}, "`timeout_s` must be above 0"),
        ({"attempts": 0}, "`attempts` must be at least 1"),
        ({"in_flight": 0}, "`in_flight` must be at least 1"),
        ({"ca_file": "ca.pem"}, "`ca_file` goes with `tls`"),
        ({"token": "secret"}, "goes to another machine with `tls` only"),
        ({"token": "two\nlines", "tls": True}, "printable ASCII"),
    ],
)
def test_what_cannot_be_is_refused(options, pattern):
    with pytest.raises(ValueError, match=pattern) as refused:
        Server(address="gpu:8500", **options)
    assert "secret" not in str(refused.value)
    assert "two" not in str(refused.value)


@pytest.mark.parametrize("address", ["localhost:8500", "127.0.0.1:8500", "[::1]:8500"])
def test_a_token_may_go_unencrypted_on_this_machine(address):
    assert "secret" not in repr(Server(address=address, token="secret"))
