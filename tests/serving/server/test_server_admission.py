"""TLS, client certificates and the token, with both ports in this process and no model."""

import asyncio
import shutil
import ssl
import subprocess
import types

import grpc
import pytest

pytest.importorskip("tensorflow_serving", reason="needs the extra serving")
pytest.importorskip("aiohttp", reason="needs the extra serving")

import aiohttp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from ban_tf.config.served import Server
from ban_tf.serving.client.errors import Failure
from ban_tf.serving.client.grpc_transport import GrpcTransport
from ban_tf.serving.client.rest_transport import RestTransport
from ban_tf.serving.client.stopping import Stop
from ban_tf.serving.server import http_log
from ban_tf.serving.server.answering import Answering
from ban_tf.serving.server.grpc_services import GrpcSide
from ban_tf.serving.server.metrics import Metrics
from ban_tf.serving.server.options import Options
from ban_tf.serving.server.rest import RestSide
from ban_tf.serving.server.versions import AVAILABLE, Status

BEARER = "Bearer secret"
ASKED = get_model_status_pb2.GetModelStatusRequest()
ASKED.model_spec.name = "ban"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A certificate of this machine that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def asked_of(options, ask, is_draining=False):
    """What `ask` finds out from the two ports, one after the other."""

    async def go():
        statuses = {1: Status(AVAILABLE)}
        versions = types.SimpleNamespace(is_ready=True, statuses=statuses)
        answering = Answering(options, versions, Metrics("ban"))
        answering.is_draining = is_draining
        sides = GrpcSide(answering, options), RestSide(answering, options)
        ports = [await side.start() for side in sides]
        try:
            return await ask(*ports)
        finally:
            await sides[0].stop(0)
            await sides[1].stop()

    return asyncio.run(go())


def options_of(tmp_path, **settings):
    return Options(model=tmp_path / "ban", grpc_port=0, rest_port=0, **settings)


async def told(grpc_port, rest_port, token=None, path="/v1/models/ban", context=None, channel=None):
    """The code that gRPC answers, and the status of HTTP."""
    headers = {} if token is None else {"authorization": token}
    async with channel or grpc.aio.insecure_channel(f"localhost:{grpc_port}") as opened:
        stub = model_service_pb2_grpc.ModelServiceStub(opened)
        try:
            await stub.GetModelStatus(ASKED, metadata=tuple(headers.items()), timeout=30)
            code = "OK"
        except grpc.aio.AioRpcError as error:
            code = error.code().name
        check = health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest())
        if token is not None:
            await check  # which needs none
    scheme = "http" if context is None else "https"
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{scheme}://localhost:{rest_port}{path}", headers=headers, ssl=context or True
        ) as response,
    ):
        return code, response.status


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (BEARER, ("OK", 200)),
        ("Bearer other", ("UNAUTHENTICATED", 401)),
        ("secret", ("UNAUTHENTICATED", 401)),
        (None, ("UNAUTHENTICATED", 401)),
    ],
)
def test_only_who_has_the_token_is_answered(tmp_path, token, expected):
    (tmp_path / "token").write_text("secret\n")
    options = options_of(tmp_path, token_file=tmp_path / "token")
    assert asked_of(options, lambda *ports: told(*ports, token)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/healthz", 200), ("/readyz", 200), ("/monitoring/prometheus/metrics", 401)],
)
def test_health_needs_no_token_and_metrics_do(tmp_path, path, expected):
    (tmp_path / "token").write_text("secret\n")
    options = options_of(tmp_path, token_file=tmp_path / "token")
    assert asked_of(options, lambda *ports: told(*ports, path=path))[1] == expected


def test_a_server_that_ends_is_alive_but_not_ready(tmp_path):
    options = options_of(tmp_path)
    for path, expected in (("/healthz", 200), ("/readyz", 503), ("/v1/models/ban", 503)):
        found = asked_of(options, lambda *ports, p=path: told(*ports, path=p), is_draining=True)
        assert found == ("UNAVAILABLE", expected)


def test_both_ports_speak_tls(tmp_path, pair):
    options = options_of(tmp_path, tls_cert=pair[0], tls_key=pair[1])

    async def ask(grpc_port, rest_port):
        root = grpc.ssl_channel_credentials(pair[0].read_bytes())
        channel = grpc.aio.secure_channel(f"localhost:{grpc_port}", root)
        context = ssl.create_default_context(cafile=pair[0])
        return await told(grpc_port, rest_port, context=context, channel=channel)

    assert asked_of(options, ask) == ("OK", 200)


@pytest.mark.parametrize("rest", [False, True])
@pytest.mark.parametrize("is_known", [True, False])
def test_this_projects_client_speaks_tls_and_brings_its_token(tmp_path, pair, rest, is_known):
    (tmp_path / "token").write_text("secret\n")
    options = options_of(tmp_path, tls_cert=pair[0], tls_key=pair[1], token_file=tmp_path / "token")

    def states(port):
        server = Server(
            address=f"localhost:{port}",
            rest=rest,
            tls=True,
            ca_file=pair[0] if is_known else None,
            token="secret",
            timeout_s=30.0,
        )
        transport = RestTransport(server) if rest else GrpcTransport(server)
        try:
            return transport.states(Stop())
        except Failure as failure:
            return failure.code
        finally:
            transport.close()

    async def ask(*ports):
        return await asyncio.to_thread(states, ports[rest])

    unknown = "UNAUTHENTICATED" if rest else "UNAVAILABLE"  # of gRPC no more is told
    assert asked_of(options, ask) == ({1: "AVAILABLE"} if is_known else unknown)


def test_clients_need_a_certificate_where_one_is_asked_for(tmp_path, pair):
    options = options_of(tmp_path, tls_cert=pair[0], tls_key=pair[1], tls_client_ca=pair[0])
    root, key = (path.read_bytes() for path in pair)

    async def ask(grpc_port, rest_port):
        with_one = grpc.ssl_channel_credentials(root, key, root)
        context = ssl.create_default_context(cafile=pair[0])
        context.load_cert_chain(*pair)
        channel = grpc.aio.secure_channel(f"localhost:{grpc_port}", with_one)
        found = await told(grpc_port, rest_port, context=context, channel=channel)
        without = ssl.create_default_context(cafile=pair[0])
        channel = grpc.aio.secure_channel(
            f"localhost:{grpc_port}", grpc.ssl_channel_credentials(root)
        )
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await told(grpc_port, rest_port, context=without, channel=channel)
        return found

    assert asked_of(options, ask) == ("OK", 200)


UNREADABLE = {
    "gRPC": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(27), "a gRPC client at the REST port"),
    "no gzip": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: 4\r\n\r\nabcd", "gzip"),
    "a length that is none": (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "Content-Length"),
    "a line without end": (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", "8190 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_http_gets_a_line_of_the_log_without_traceback(tmp_path, caplog, kind):
    sent, expected = UNREADABLE[kind]

    async def ask(grpc_port, rest_port):
        reader, writer = await asyncio.open_connection("localhost", rest_port)
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return answer[:7]

    assert asked_of(options_of(tmp_path), ask) == b"HTTP/1."
    (record,) = [one for one in caplog.records if one.name == "ban_tf.serving.http"]
    assert record.levelname == "WARNING"
    assert record.exc_info is None
    told = record.getMessage()
    assert expected in told
    assert "\n" not in told


def test_an_error_of_the_http_library_itself_keeps_its_traceback(caplog):
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        http_log.LOG.exception("Unhandled exception")
    assert caplog.records[-1].exc_info[0] is ZeroDivisionError
