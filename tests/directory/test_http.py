"""The HTTP directory: what a service says is believed as long as it says; what is not an answer is none.

The service is Python's own HTTPS server, which answers as a test says.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conneg.directory import Answer, DirectoryError, Faulty, Known, Unavailable, Unknown
from conneg.directory.http import MAX_HTTP_ANSWER, HttpDirectory
from conneg.net.https import HttpsClient
from tests.net.authority import authority, server, write

ROOT = authority()
JSON = {"Content-Type": "application/json"}


class Service:
    """Answers each GET with `status`, `headers` and `body`; keeps what it was asked."""

    def __init__(self, files: Any) -> None:
        self.status, self.headers, self.body = 200, dict(JSON), b'{"capability": "(y=1)"}'
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                service.connections += 1
                super().setup()

            def do_GET(self) -> None:
                service.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                self.send_response(service.status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                body = b"" if service.status == 304 else service.body
                if service.status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self.server.server_address[1]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(write(tmp_path, "service", server("caps.example", issuer=ROOT)))
    (tmp_path / "authorities.pem").write_bytes(ROOT.pem)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


async def here(host: str) -> list[str]:
    return ["127.0.0.1"]


def directory(
    service: Service, folder: Path, *, token: str | None = None, host: str = "caps.example"
) -> HttpDirectory:
    client = HttpsClient(here, authorities=folder / "authorities.pem", keep=True)
    url = f"https://{host}:{service.port}/v1/{{address}}"
    return HttpDirectory(url, partial(client.get, limit=MAX_HTTP_ANSWER), token=token, label="caps")


async def ask(source: HttpDirectory, address: str = "june@x.example") -> Answer:
    return (await source.lookup([address], 30))[address]


async def test_an_answer_and_what_is_sent(service: Service, tmp_path: Path) -> None:
    service.body = b'{"capability": " (y=1) ", "changed": 1714564800, "more": []}'
    answer = await ask(directory(service, tmp_path, token="secret"), "o/d d?#%@X.example")
    assert isinstance(answer, Known)
    capability = answer.capability
    assert (capability.expression, capability.obtained_at, capability.authenticated) == (
        "(y=1)",
        1714564800,
        True,
    )
    ((path, headers),) = service.asked
    assert path == "/v1/o%2Fd%20d%3F%23%25@x.example"
    assert headers["authorization"] == "Bearer secret"
    assert headers["host"] == f"caps.example:{service.port}"


async def test_nothing_known(service: Service, tmp_path: Path) -> None:
    service.status, service.headers = 404, {"Cache-Control": "max-age=7"}
    assert await ask(directory(service, tmp_path)) == Unknown(fresh_seconds=7)


@pytest.mark.parametrize(
    ("headers", "fresh", "stale"),
    [
        ({}, None, None),
        ({"Cache-Control": "max-age=60"}, 60, None),
        ({"Cache-Control": "Max-Age=60, stale-while-revalidate=5", "Age": "20"}, 40, 5),
        ({"Cache-Control": "max-age=60, stale-if-error=9, stale-while-revalidate=5"}, 60, 9),
        ({"Cache-Control": 'max-age="60", must-revalidate'}, 60, 0),
        ({"Cache-Control": "max-age=99999999999"}, 86400, None),
        ({"Cache-Control": "max-age=60", "Age": "100"}, 0, None),
        ({"Cache-Control": "max-age=60, no-cache"}, 0, 0),
        ({"Cache-Control": "no-store"}, 0, 0),
        ({"Cache-Control": "max-age=soon"}, None, None),
    ],
)
async def test_cache_control_is_obeyed(
    service: Service, tmp_path: Path, headers: dict[str, str], fresh: float | None, stale: float | None
) -> None:
    service.headers |= headers
    answer = await ask(directory(service, tmp_path))
    assert isinstance(answer, Known)
    assert (answer.fresh_seconds, answer.stale_seconds) == (fresh, stale)


async def test_an_answer_that_has_not_changed_is_not_sent_again(service: Service, tmp_path: Path) -> None:
    source = directory(service, tmp_path)
    service.headers |= {"ETag": '"a"', "Cache-Control": "max-age=10"}
    first = await ask(source)
    service.status, service.headers = 304, {"Cache-Control": "max-age=20"}
    second = await ask(source)
    third = await ask(source)
    assert isinstance(first, Known)
    assert isinstance(second, Known)
    assert isinstance(third, Known)
    assert (first.capability, first.fresh_seconds) == (second.capability, 10)
    assert (third.capability, third.fresh_seconds) == (first.capability, 20)
    assert [headers.get("if-none-match") for _, headers in service.asked] == [None, '"a"', '"a"']
    assert isinstance(
        await ask(source, "may@x.example"), Unavailable
    )  # 304 to a question without a condition


async def test_what_may_not_be_stored_is_asked_for_anew(service: Service, tmp_path: Path) -> None:
    source = directory(service, tmp_path)
    service.headers |= {"ETag": '"a"', "Cache-Control": "no-store"}
    await ask(source)
    await ask(source)
    assert "if-none-match" not in service.asked[1][1]


@pytest.mark.parametrize(
    ("status", "media_type", "body", "reason"),
    [
        (500, "application/json", b"{}", "answers 500"),
        (301, "application/json", b"{}", "answers 301"),
        (401, "application/json", b"{}", "answers 401"),
        (204, "application/json", b"", "answers 204"),
        (200, "text/html", b'{"capability": "(y=1)"}', "text/html, not application/json"),
        (200, "application/json", b'{"capability": "(y=', "not JSON"),
        (200, "application/json", b"[" * 60_000, "not JSON"),
        (200, "application/json", b"\xff\xfe", "not JSON"),
        (200, "application/json", b'["(y=1)"]', "no capability"),
        (200, "application/json", b'{"capability": 7}', "no capability"),
        (200, "application/json", b'{"capability": "' + b"x" * 70_000 + b'"}', "directory.http_answer"),
    ],
)
async def test_what_is_no_answer(
    service: Service, tmp_path: Path, status: int, media_type: str, body: bytes, reason: str
) -> None:
    service.status, service.headers, service.body = status, {"Content-Type": media_type}, body
    answer = await ask(directory(service, tmp_path))
    assert isinstance(answer, Unavailable)
    assert not isinstance(answer, Faulty)
    assert reason in answer.reason


async def test_a_bad_expression_is_that_recipients_fault_only(service: Service, tmp_path: Path) -> None:
    service.body = b'{"capability": "(y=", "changed": NaN}'
    assert isinstance(await ask(directory(service, tmp_path)), Faulty)


async def test_many_recipients_share_a_few_connections(service: Service, tmp_path: Path) -> None:
    source = directory(service, tmp_path)
    asked = [f"u{n}@x.example" for n in range(60)]
    answers = await source.lookup(asked, 60)
    assert all(isinstance(answers[one], Known) for one in asked)
    assert len(service.asked) == 60
    assert service.connections <= 9


async def test_a_stranger_with_the_services_name_is_not_believed(service: Service, tmp_path: Path) -> None:
    (tmp_path / "authorities.pem").write_bytes(authority("Another").pem)
    answer = await ask(directory(service, tmp_path))
    assert isinstance(answer, Unavailable)
    assert "its certificate is not trusted" in answer.reason
    (tmp_path / "authorities.pem").write_bytes(ROOT.pem)
    answer = await ask(directory(service, tmp_path, host="other.example"))
    assert isinstance(answer, Unavailable)
    assert "its certificate is not trusted" in answer.reason


async def test_a_connection_that_was_ended_meanwhile_is_replaced(service: Service, tmp_path: Path) -> None:
    source = directory(service, tmp_path)
    service.headers |= {"Connection": "close"}
    for _ in range(3):
        assert isinstance(await ask(source), Known)
    assert service.connections == 3


async def test_a_service_that_says_nothing_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    async def nothing(url: str, headers: object) -> Any:
        await asyncio.Event().wait()

    source = HttpDirectory("https://caps.example/{address}", nothing)
    answer = (await source.lookup(["june@x.example", "may@x.example"], 0.05))["may@x.example"]
    assert isinstance(answer, Unavailable)
    assert "no answer within 0.05 s" in answer.reason


@pytest.mark.parametrize("url", ["http://x/{address}", "https://x/", "https:///{address}", "{address}"])
def test_a_url_that_cannot_be_a_services(url: str) -> None:
    with pytest.raises(DirectoryError, match="is not a service's address"):
        HttpDirectory(url, json.loads)
