"""Mail through receivers, which are processes of their own: whatever a listener does, it does in them, too."""

import asyncio
import os
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conneg.errors import ConnegError, UnavailableError
from conneg.gateway.channel import Channel, Word
from conneg.gateway.config import Config
from conneg.gateway.log import LogStyle
from conneg.gateway.receiver import Orders, Receiver
from conneg.gateway.service import Gateway
from conneg.spool import open_spool
from tests.net.certificates import make_certificate
from tests.peers.ports import LOOPBACK, wait_until
from tests.system import require

from .lives import trial
from .servers import config, messages_in, running, submit, text_message, until

DESTINATION = '[[destination]]\ndomains = ["d.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n'


def with_receivers(folder: Path, text: str = "", count: int = 2, **server: object) -> Config:
    settings = config(folder, DESTINATION + text)
    changed = settings.server.model_copy(update={"receivers": count, **server})
    return settings.model_copy(update={"server": changed})


async def arrived(folder: Path, count: int) -> list[bytes]:
    june = folder / "mail" / "june"
    await until(lambda: len(messages_in(june)) >= count)
    return messages_in(june)


async def test_mail_comes_in_through_all_of_them(tmp_path: Path) -> None:
    """Connections are handed over in turn; contents in files go when they are delivered."""
    settings = with_receivers(tmp_path)
    async with running(settings) as (gateway, _):
        for number in range(4):
            body = ("x" * 70 + "\n") * (1 if number < 2 else 5000)  # in the logs, and in files
            await submit(gateway, text_message(body, X_Number=str(number)), ["june@d.test"])
        found = await arrived(tmp_path, 4)
        assert len(found) == 4
        assert all(b"with ESMTP;" in one for one in found)
        shown = await gateway.spool.list(limit=10)
        await until(lambda: not list((tmp_path / "spool" / "blobs").iterdir()))
        assert [one for one in shown if one.recipients[0].attempts > 1] == []
    logs = [tmp_path / "spool" / f"accepted-{place}.log" for place in (1, 2)]
    assert [log.stat().st_size > 0 for log in logs] == [True, True]


@pytest.mark.system
async def test_starttls_implicit_tls_and_the_proxy_protocol(tmp_path: Path) -> None:
    swaks = require("swaks", "swaks")
    make_certificate(tmp_path, "mx", "localhost")
    more = (
        f'[[certificate]]\nfile = "{tmp_path}/mx.pem"\nkey = "{tmp_path}/mx.key"\n'
        '[[listener]]\nlisten = "127.0.0.1:0"\ntls = "implicit"\n'
        '[[listener]]\nlisten = "127.0.0.1:0"\nproxy_networks = ["127.0.0.0/8"]\n'
    )
    header = ["--proxy-version", "2", "--proxy-family", "AF_INET", "--proxy-protocol", "STREAM",
              "--proxy-source", "192.0.2.7", "--proxy-source-port", "4711",
              "--proxy-dest", "192.0.2.1", "--proxy-dest-port", "25", "--proxy-command", "PROXY"]  # fmt: skip
    async with running(with_receivers(tmp_path, more)) as (gateway, _):
        for place, options in enumerate((["--tls"], ["--tls-on-connect"], header)):
            command = [
                swaks,
                "--server",
                LOOPBACK,
                "--port",
                str(gateway.endpoints[place].port),
                "--helo",
                "c",
            ]
            command += ["--from", "may@sender.test", "--to", "june@d.test", *options]
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
        found = b"".join(await arrived(tmp_path, 3))
    assert found.count(b"with ESMTPS;") == 2
    assert found.count(b"[192.0.2.7]") == 1


async def test_the_limits_are_shared_among_them(tmp_path: Path) -> None:
    """Three connections in all are two for each of two receivers, rounded up."""
    async with running(with_receivers(tmp_path, max_connections_per_peer=3)) as (gateway, _):

        def greetings() -> list[bytes]:
            port = gateway.endpoints[0].port
            connections = [socket.create_connection((LOOPBACK, port), timeout=20) for _ in range(6)]
            found = [connection.recv(3) for connection in connections]
            for connection in connections:
                connection.close()
            return found

        found = await asyncio.to_thread(greetings)
    assert sorted(found) == [b"220"] * 4 + [b"421"] * 2


async def test_what_is_wrong_at_the_start_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        settings = with_receivers(tmp_path, listen=(f"{LOOPBACK}:{port}",))
        with pytest.raises(UnavailableError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with Gateway(settings):
                pass
    for more, words in (
        ('[[certificate]]\nfile = "none.pem"\n', "the certificate .* cannot be used"),
        ('[accounts]\nfile = "none"\n[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n', "none"),
    ):
        with pytest.raises(ConnegError, match=words):
            async with Gateway(with_receivers(tmp_path, more)):
                pass
    open_spool(tmp_path / "spool")._close()  # nobody holds it


async def test_a_receiver_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(UnavailableError, match="receiver 1 does not start"):
        async with one_receiver(tmp_path, delay=0):
            pass
    monkeypatch.setattr("sys.executable", "/none")
    with pytest.raises(UnavailableError, match=r"receiver 1 cannot be started: .*none"):
        async with one_receiver(tmp_path, delay=0):
            pass


@asynccontextmanager
async def one_receiver(tmp_path: Path, delay: float) -> AsyncIterator[Receiver]:
    settings = with_receivers(tmp_path, f"[delivery]\naccept_delay_seconds = {delay}\n", count=1)
    spool = open_spool(settings.spool.path, receivers=1)
    try:
        receiver = await Receiver.start(
            settings, 1, lock=spool.lock, log_style=LogStyle(), on_stored=lambda: None
        )
        try:
            yield receiver
        finally:
            await receiver.stop(5)
    finally:
        await spool.close()


def connected(receiver: Receiver) -> socket.socket:
    """A connection whose other end the receiver has."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        ours = socket.create_connection(listening.getsockname(), timeout=30)
        theirs, _ = listening.accept()
        with theirs:
            assert receiver.hand_over(theirs, 0)
        return ours


def in_a_transaction(connection: socket.socket) -> smtplib.SMTP:
    """A client with sender and recipient accepted."""
    client = smtplib.SMTP()
    client.sock, client.file = connection, None
    assert client.getreply()[0] == 220
    assert client.helo("c")[0] == 250
    assert client.mail("a@b.test")[0] == 250
    assert client.rcpt("june@d.test")[0] == 250
    return client


def send_through(connection: socket.socket) -> float:
    """Send one message; how many seconds its reply took."""
    client = in_a_transaction(connection)
    began = time.monotonic()
    assert client.data(b"Subject: x\r\n\r\nhello\r\n")[0] == 250
    client.quit()
    return time.monotonic() - began


async def test_without_room_the_250_waits_no_longer_than_it_is_told_to(tmp_path: Path) -> None:
    async with one_receiver(tmp_path, delay=0.5) as receiver:
        receiver.tell(False)
        assert await asyncio.to_thread(send_through, connected(receiver)) >= 0.5


async def test_room_lets_go_what_has_waited(tmp_path: Path) -> None:
    """The delay is longer than the client's patience: without the word that there is room it would give up."""
    async with one_receiver(tmp_path, delay=60) as receiver:
        receiver.tell(False)
        sending = asyncio.create_task(asyncio.to_thread(send_through, connected(receiver)))
        await asyncio.sleep(0.2)
        receiver.tell(True)
        await sending


async def test_when_it_stops_who_is_idle_hears_421_and_transactions_are_finished(tmp_path: Path) -> None:
    async with one_receiver(tmp_path, delay=0) as receiver:
        idle = smtplib.SMTP()
        idle.sock, idle.file = connected(receiver), None
        assert (await asyncio.to_thread(idle.getreply))[0] == 220
        client = await asyncio.to_thread(in_a_transaction, connected(receiver))
        stopping = asyncio.create_task(receiver.stop(30))
        assert (await asyncio.to_thread(idle.getreply))[0] == 421
        assert (await asyncio.to_thread(client.data, b"Subject: x\r\n\r\nhello\r\n"))[0] == 250
        await stopping
        assert await receiver.ended() == "status 0"
        idle.close()
        client.close()


async def test_and_are_cut_when_they_take_too_long(tmp_path: Path) -> None:
    async with one_receiver(tmp_path, delay=0) as receiver:
        client = await asyncio.to_thread(in_a_transaction, connected(receiver))
        await receiver.stop(0.1)
        assert await receiver.ended() == "status 0"
        with pytest.raises(OSError):  # noqa: PT011 - reset or closed, as the system has it
            await asyncio.to_thread(client.noop)
        client.close()


async def test_a_receiver_ends_when_the_serving_process_is_gone(tmp_path: Path) -> None:
    async with one_receiver(tmp_path, delay=0) as receiver:
        receiver._let_go()
        assert await receiver.ended() == "status 0"


def test_orders_are_read_as_they_were_written(tmp_path: Path) -> None:
    more = '[[disclosure]]\nnetworks = ["192.0.2.0/24"]\ntags = ["color"]\n[dns]\nservers = ["192.0.2.53"]\n'
    orders = Orders(
        config=with_receivers(tmp_path, more), place=2, channel=5, lock=6, log_style=LogStyle(verbose=True)
    )
    assert Orders.model_validate_json(orders.model_dump_json()) == orders


def test_a_channel_keeps_words_apart_and_carries_connections() -> None:
    ours, theirs = Channel.pair()
    with socket.create_server((LOOPBACK, 0)) as listening:
        assert ours.say(Word.NO_ROOM)
        assert ours.say(Word.CONNECTION, 7, listening)
        assert ours.say(Word.STOP, 1500)
        assert theirs.hear().word is Word.NO_ROOM  # type: ignore[union-attr]
        handed = theirs.hear()
        assert handed is not None
        assert handed.number == 7
        assert handed.connection is not None
        assert handed.connection.getsockname() == listening.getsockname()
        assert not handed.connection.get_inheritable()
        handed.connection.close()
        assert theirs.hear().number == 1500  # type: ignore[union-attr]
    with pytest.raises(BlockingIOError):
        theirs.hear()
    while ours.say(Word.ROOM):  # nobody listens, and nobody waits
        pass
    ours.close()
    while theirs.hear() is not None:
        pass
    assert not theirs.say(Word.STORED)
    theirs.close()


def test_a_killed_receiver_comes_back_and_loses_nothing(tmp_path: Path) -> None:
    with trial(tmp_path, receivers=2) as found:
        found.load()
        for _ in range(3):
            found.wait_for_more()
            before = found.gateway.receiver_processes()
            assert len(before) == 2
            os.kill(before[0], signal.SIGKILL)
            wait_until(
                lambda before=before: len(set(found.gateway.receiver_processes()) - set(before)) == 1,  # type: ignore[misc]
                seconds=30,
                what="a new receiver",
            )
        found.wait_for_more()
        found.judge()
        assert found.gateway.log.count("a receiver has ended; it is started again") == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_under_load_and_goes_on_without_receivers(tmp_path: Path, number: signal.Signals) -> None:
    """The signal goes to the whole group, as from a terminal; what is in the logs arrives in the next life."""
    with trial(tmp_path, receivers=2) as found:
        found.load()
        found.wait_for_more()
        process = found.gateway.process
        assert process is not None
        os.killpg(process.pid, number)
        assert process.wait(timeout=30) == 0
        found.gateway.receivers = 0
        found.gateway.start()
        found.wait_for_more()
        found.judge()


def test_receivers_of_a_killed_process_end(tmp_path: Path) -> None:
    with trial(tmp_path, receivers=2) as found:
        found.load()
        found.wait_for_more()
        left = found.gateway.receiver_processes()
        found.gateway.kill()
        wait_until(
            lambda: not any(Path(f"/proc/{number}").exists() for number in left),
            seconds=30,
            what="the end of the receivers",
        )
        found.gateway.receivers = 0
        found.gateway.start()
        found.judge()
