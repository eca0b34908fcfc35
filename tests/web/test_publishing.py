"""Where devices publish: `conneg directory serve` as a process, curl as the device, our source as the gateway."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conneg.accounts import PasswordHasher, make_account, write_accounts
from conneg.directory import Known, Unknown
from conneg.directory.http import MAX_HTTP_ANSWER, HttpDirectory
from conneg.net.https import HttpsClient
from conneg.web.published import PublishedCapabilities
from tests.net.authority import authority, server, write
from tests.peers.ports import free_port, wait_until
from tests.system import require

pytestmark = pytest.mark.system
ROOT = authority()
BW = "(& (image-file-structure=TIFF-minimal) (color=Binary))"
CHEAP = PasswordHasher(time_cost=1, memory_kib=64, lanes=1)


class Running:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        files = write(folder, "service", server("caps.example", issuer=ROOT))
        (folder / "authorities.pem").write_bytes(ROOT.pem)
        (folder / "token").write_text("reader\n")
        accounts = [make_account(f"{who}@ifax1.jp", "sword fish", CHEAP) for who in ("june", "may")]
        write_accounts(folder / "users.toml", accounts)
        (folder / "c.toml").write_text(
            f'[accounts]\nfile = "users.toml"\n[[certificate]]\nfile = "{files.certificate}"\nkey = "{files.key}"\n'
            '[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n'
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "conneg.cli", "directory", "--config", "c.toml", "serve",
             "--store", "published.sqlite", "--reader-token", "token", "--listen", f"127.0.0.1:{self.port}"],
            cwd=folder,
        )  # fmt: skip
        self.curl = require("curl", "curl")
        wait_until(lambda: self.call("GET", "nobody@ifax1.jp")[0] != 0, seconds=30, what="the service")

    def call(
        self,
        method: str,
        address: str,
        body: object = None,
        *,
        user: str | None = None,
        more: tuple[str, ...] = (),
    ) -> tuple[int, Any]:
        """Return the status and the JSON that curl gets; 0 if there is no connection."""
        command = [
            self.curl, "--silent", "--cacert", "authorities.pem", "--request", method,
            "--resolve", f"caps.example:{self.port}:127.0.0.1", "--write-out", "\n%{http_code}", *more,
        ]  # fmt: skip
        if user is not None:
            command += ["--user", user]
        if body is not None:
            command += ["--data-binary", body if isinstance(body, str) else json.dumps(body)]
        url = f"https://caps.example:{self.port}/v1/capabilities/{address}"
        done = subprocess.run([*command, url], cwd=self.folder, capture_output=True, text=True, check=False)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), json.loads(text) if text.startswith("{") else text

    def source(self) -> HttpDirectory:
        async def here(host: str) -> list[str]:
            return ["127.0.0.1"]

        client = HttpsClient(here, authorities=self.folder / "authorities.pem", keep=True)
        url = f"https://caps.example:{self.port}/v1/capabilities/{{address}}"
        return HttpDirectory(url, partial(client.get, limit=MAX_HTTP_ANSWER), token="reader")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("service"))
    yield made
    made.process.terminate()
    assert made.process.wait(20) in (0, -15)


JUNE = "june@ifax1.jp:sword fish"


async def test_a_device_publishes_renews_and_withdraws_and_the_gateway_hears_of_it(running: Running) -> None:
    source = running.source()
    june = "June@ifax1.jp"
    assert await source.lookup([june], 30) == {june: Unknown(fresh_seconds=60)}
    status, said = running.call("PUT", june, {"capability": BW, "lifetime": 3600}, user=JUNE)
    assert status == 201
    found = (await source.lookup([june], 30))[june]
    assert isinstance(found, Known)
    assert (found.capability.expression, found.fresh_seconds) == (BW, 300)
    assert found.capability.authenticated

    status, renewed = running.call("PUT", june, {"capability": BW, "lifetime": 7200}, user=JUNE)
    assert status == 200
    assert renewed["expires"] > said["expires"] + 3000
    again = (await source.lookup([june], 30))[june]  # 304: the capability is as old as before
    assert isinstance(again, Known)
    assert again.capability.obtained_at == found.capability.obtained_at

    assert running.call("PUT", june, {"capability": "(y=1)"}, user=JUNE)[0] == 200
    other = (await source.lookup([june], 30))[june]
    assert isinstance(other, Known)
    assert other.capability.expression == "(y=1)"

    assert running.call("DELETE", june, user=JUNE)[0] == 204
    assert running.call("DELETE", june, user=JUNE)[0] == 404
    assert await source.lookup([june], 30) == {june: Unknown(fresh_seconds=60)}


@pytest.mark.parametrize(
    ("user", "status"),
    [
        (None, 401),
        ("june@ifax1.jp:wrong", 401),
        ("nobody@ifax1.jp:sword fish", 401),
        ("may@ifax1.jp:sword fish", 403),
    ],
)
def test_nobody_publishes_for_another(running: Running, user: str | None, status: int) -> None:
    assert running.call("PUT", "june@ifax1.jp", {"capability": BW}, user=user)[0] == status
    assert running.call("DELETE", "june@ifax1.jp", user=user)[0] == status


def test_nobody_is_told_without_the_readers_token(running: Running) -> None:
    assert running.call("PUT", "may@ifax1.jp", {"capability": BW}, user="may@ifax1.jp:sword fish")[0] in (
        200,
        201,
    )
    assert running.call("GET", "may@ifax1.jp")[0] == 401
    assert running.call("GET", "may@ifax1.jp", more=("--header", "Authorization: Bearer x"))[0] == 401
    status, said = running.call("GET", "may@ifax1.jp", more=("--header", "Authorization: Bearer reader"))
    assert (status, said["capability"], said["address"]) == (200, BW, "may@ifax1.jp")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"capability": "(y="}, 422, "capability: "),
        ({"capability": 7}, 422, "must be a text"),
        ({"capability": BW, "lifetime": 0}, 422, "lifetime"),
        ({"capability": BW, "lifetime": 10**9}, 422, "lifetime"),
        ({"capability": BW, "lifetime": True}, 422, "lifetime"),
        ([BW], 422, "not a JSON object"),
        ("{", 400, "not JSON"),
        ("[" * 50_000, 400, "not JSON"),
        ("x" * 70_000, 413, "web.published"),
    ],
)
def test_what_cannot_be_published(running: Running, body: object, status: int, words: str) -> None:
    got, said = running.call("PUT", "june@ifax1.jp", body, user=JUNE)
    assert got == status
    assert words in said["error"]


def test_a_method_and_an_address_that_there_are_not(running: Running) -> None:
    assert running.call("POST", "june@ifax1.jp", {}, user=JUNE)[0] == 405
    assert running.call("GET", "june")[0] == 404


async def test_what_is_not_renewed_ends(tmp_path: Path) -> None:
    store = PublishedCapabilities(tmp_path / "p.sqlite")
    assert await store.publish("june@x", BW, 1000, 60) is True
    found = await store.find("june@x", 1059)
    assert found is not None
    assert (found.changed_at, found.expires_at) == (1000, 1060)
    assert await store.find("june@x", 1060) is None
    assert await store.publish("june@x", BW, 1061, 60) is True
    await store.close()
