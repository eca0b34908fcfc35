"""The chain of four servers (draft, appendix B.2 (1)): each leg negotiates; a failure on any comes back readable."""

import asyncio
import json
import smtplib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from conneg.demo.chain import RECIPIENT, SENDER, SERVERS, chain_config
from conneg.demo.message import compose
from conneg.demo.scenario import JUNE, directory_text
from conneg.gateway.endpoint import Endpoint
from conneg.gateway.events import Settled
from conneg.gateway.service import Gateway
from tests.cli.test_commands import conneg
from tests.gateway.servers import Events, messages_in, until
from tests.peers.ports import free_port

LAST = len(SERVERS) - 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_each_leg_negotiates_and_the_last_is_direct(tmp_path: Path) -> None:
    done = conneg("demo", "--chain", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["problems"] == []
    assert [leg["sender"] for leg in told["legs"]] == list(SERVERS[:-1])
    assert all(leg["said_by"].startswith("reply") for leg in told["legs"])
    first, middle, last = told["legs"]
    assert first["form"] == middle["form"] == "as it is"
    assert "application/pdf" in first["expression"]
    assert "application/pdf" in middle["expression"]
    assert last["expression"] == JUNE
    assert "dpi" in last["form"]
    assert [file["media_type"].startswith("image/tiff") for file in told["files"]] == [True]


class Chain:
    """The four servers, each of which may be started and stopped."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self.mail = work / "mail"
        self._at = [Endpoint("127.0.0.1", free_port()) for _ in SERVERS]
        self.events = [Events() for _ in SERVERS]

    @asynccontextmanager
    async def server(self, place: int) -> AsyncIterator[Gateway]:
        config = chain_config(
            place,
            self._work,
            self.mail,
            after=None if place == LAST else self._at[place + 1],
            before=None if place == 0 else self._at[place - 1],
            port=self._at[place].port,
            more="[retry]\nfirst_seconds = 0.3\nfactor = 1",
        )
        async with Gateway(config, watch=self.events[place]) as gateway:
            yield gateway

    @asynccontextmanager
    async def servers(self, *places: int) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for place in places:
                await stack.enter_async_context(self.server(place))
            yield

    async def submit(self, message: EmailMessage | None = None) -> None:
        """May hands her message to the originating server."""

        def send() -> None:
            with smtplib.SMTP(self._at[0].host, self._at[0].port) as client:
                client.send_message(message or compose(SENDER, (RECIPIENT,)), SENDER, [RECIPIENT])

        await asyncio.to_thread(send)

    def states(self, place: int) -> list[str]:
        """What became of the message for June at that server."""
        return [e.state for e in self.events[place].of(Settled) if e.forward_path == RECIPIENT]

    def reports(self) -> list[bytes]:
        return messages_in(self.mail / "ship.example" / SENDER.split("@")[0])


@pytest.mark.timeout(120)
async def test_a_recipient_whom_no_directory_knows_comes_back_to_the_sender(tmp_path: Path) -> None:
    """504 goes through the gateways, and the originating server says so in its report."""
    (tmp_path / "devices.toml").write_text(directory_text({"anna@clinic.example": JUNE}))
    chain = Chain(tmp_path)
    async with chain.servers(*range(len(SERVERS))):
        await chain.submit()
        await until(lambda: bool(chain.reports()), seconds=60)
    assert chain.states(0) == ["failed"]
    assert chain.states(1) == []
    (report,) = chain.reports()
    assert b"5.3.3" in report
    assert b"does not say what the recipient can take" in b" ".join(report.split())


@pytest.mark.timeout(120)
async def test_a_server_that_is_down_delays_and_loses_nothing(tmp_path: Path) -> None:
    """The question comes back with 404 as long as the recipient's server is down; then everything goes its way."""
    (tmp_path / "devices.toml").write_text(directory_text({RECIPIENT: JUNE}))
    chain = Chain(tmp_path)
    async with chain.servers(2, 1, 0):
        await chain.submit()
        await until(lambda: "deferred" in chain.states(0), seconds=60)
        assert "failed" not in chain.states(0)
        async with chain.server(LAST):
            await until(lambda: bool(messages_in(chain.mail / "clinic.example/june")), seconds=90)
    assert chain.states(0)[-1] == "delivered"
    assert chain.reports() == []


@pytest.mark.timeout(120)
async def test_a_failure_behind_the_last_gateway_is_reported_all_the_way_back(tmp_path: Path) -> None:
    """The destination gateway took the duty of converting a PDF, and it is none: its report goes back to May."""
    (tmp_path / "devices.toml").write_text(directory_text({RECIPIENT: JUNE}))
    message = compose(SENDER, (RECIPIENT,))
    message.add_attachment(
        b"%PDF-1.4 and no more", maintype="application", subtype="pdf", filename="broken.pdf"
    )
    chain = Chain(tmp_path)
    async with chain.servers(*reversed(range(len(SERVERS)))):
        await chain.submit(message)
        await until(lambda: bool(chain.reports()), seconds=90)
    assert [chain.states(place) for place in range(LAST)] == [["delivered"], ["delivered"], ["failed"]]
    (report,) = chain.reports()
    assert b"Reporting-MTA: dns; gateway.clinic.example" in report
    assert b"Status: 5.6.3" in report
    assert b"broken.pdf" in report
    assert b"Media-Accept-Features: (&" in report
