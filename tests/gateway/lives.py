"""`conneg serve` under load as a process that is killed and started again, and a count of what was lost or came twice.

The next hop is aiosmtpd, the clients are smtplib.
"""

import contextlib
import os
import random
import re
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.peers.ports import LOOPBACK, free_port, wait_until

CLIENTS = 3
SETTINGS = """
[server]
hostname = "HOSTNAME"
listen = ["127.0.0.1:{port}"]
receivers = {receivers}
stop_within_seconds = 5
[spool]
path = "{spool}"
min_free_mib = 0
[retry]
first_seconds = 0.2
longest_seconds = 1
[[destination]]
domains = ["next.test"]
deliver = "smtp"
host = "127.0.0.1:{next_hop}"
"""

PAGES = 'baseline = "profile S"\n'
"""What makes a page of each message."""

PAGES_AND_REPORTS = f"""{PAGES}
[[destination]]
domains = ["client.test"]
deliver = "maildir"
path = "mail/{{local_part}}"
convert = false
"""
"""The same, and reports are filed for the senders."""

SENDER = "a@client.test"
HEAD = "From: a@client.test\r\nX-Number: {number}\r\nSubject: test\r\n"


@dataclass(frozen=True)
class Letter:
    """A message as a client sends it."""

    content: bytes
    to: str = "b@next.test"
    sender: str = ""


Compose = Callable[[str], Letter]
"""Returns the message of that number: it has an X-Number field."""


def plain(number: str) -> Letter:
    """A letter of any length: some are kept in memory, some in a file."""
    return Letter(f"{HEAD.format(number=number)}\r\n{_lines(random.choice((1, 30, 4500)))}".encode())


def reported(number: str) -> Letter:
    """A letter that is short enough to become a page; each fourth is refused, so that its sender gets a report."""
    to = "gone@next.test" if int(number.rpartition("-")[2]) % 4 == 0 else "b@next.test"
    return Letter(f"{HEAD.format(number=number)}\r\n{_lines(random.choice((1, 30)))}".encode(), to, SENDER)


def _lines(count: int) -> str:
    return ("x" * 70 + "\r\n") * count + "\r\n"


@dataclass
class NextHop:
    """What arrived: message number -> the lives of the gateway that sent it, as its EHLO named them.

    With `keeps` the contents, too, in the same order.
    """

    keeps: bool = False
    arrived: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    contents: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address.startswith("gone@"):
            return "550 5.1.1 gone"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        number = re.search(rb"^X-Number: (\S+)\r?$", envelope.content, re.MULTILINE)
        assert number is not None
        if self.keeps:
            self.contents[number[1].decode()].append(envelope.content)
        self.arrived[number[1].decode()].append(session.host_name)
        return "250 2.0.0 ok"


@dataclass
class GatewayProcess:
    """One gateway after the other, all with one configuration and one spool, in a process group of their own.

    `settings` go on with the destination of the next hop; `temporary` is the folder of temporary files.
    """

    config: Path
    port: int
    next_hop: int
    receivers: int = 0
    settings: str = ""
    spool: str = "spool"
    temporary: Path | None = None
    lives: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self.config.with_suffix(".log").read_text(encoding="utf-8")

    def start(self) -> None:
        self.lives += 1
        settings = SETTINGS.format(
            port=self.port, receivers=self.receivers, next_hop=self.next_hop, spool=self.spool
        )
        settings = settings.replace("HOSTNAME", f"life{self.lives}.test")
        self.config.write_text(settings + self.settings, encoding="utf-8")
        with self.config.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "conneg.cli", "serve", "--config", str(self.config)],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=os.environ | ({} if self.temporary is None else {"TMPDIR": str(self.temporary)}),
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((LOOPBACK, self.port), timeout=5) as one,
            ):
                if one.recv(3) == b"220":
                    return
            assert self.process.poll() is None, self.log[-2000:]
            time.sleep(0.02)
        pytest.fail("the gateway did not start")

    def receiver_processes(self) -> list[int]:
        """The numbers of the receiver processes."""
        assert self.process is not None
        found = []
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if b"receiver_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
        return found

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


@dataclass
class Trial:
    """A gateway under load; `accepted` are the numbers of the messages for which the final 250 came."""

    gateway: GatewayProcess
    hop: NextHop
    compose: Compose = plain
    pause: float = 0.002
    accepted: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    clients: list[threading.Thread] = field(default_factory=list)

    def load(self) -> None:
        """Let clients send message after message."""
        self.clients = [
            threading.Thread(target=self._submit, args=(name,), daemon=True) for name in range(CLIENTS)
        ]
        for client in self.clients:
            client.start()

    def _submit(self, name: int) -> None:
        count = 0
        while not self.stopped.is_set():
            try:
                with smtplib.SMTP(
                    LOOPBACK, self.gateway.port, local_hostname="client.test", timeout=10
                ) as client:
                    while not self.stopped.is_set():
                        count += 1
                        number = f"{name}-{count}"
                        self._send(client, number)
                        time.sleep(self.pause)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.02)

    def submit_one(self, number: str) -> None:
        """Send one message, which must be accepted."""
        with smtplib.SMTP(LOOPBACK, self.gateway.port, local_hostname="client.test", timeout=30) as client:
            self._send(client, number)

    def _send(self, client: smtplib.SMTP, number: str) -> None:
        letter = self.compose(number)
        assert not client.sendmail(letter.sender, [letter.to], letter.content)
        self.accepted.append(number)

    def wait_for_more(self, count: int = 30) -> None:
        """Wait until so many more messages are accepted."""
        before = len(self.accepted)
        wait_until(lambda: len(self.accepted) >= before + count, seconds=30, what="more accepted mail")

    def wait_for_all(self) -> None:
        """Wait until all that was accepted has arrived. Raises TimeoutError."""
        wait_until(lambda: not self.lost, seconds=60, what="what was accepted")

    def end_load(self) -> None:
        self.stopped.set()
        for client in self.clients:
            client.join(timeout=30)

    @property
    def reported(self) -> set[str]:
        """The numbers of messages of which a report has come, where reports are filed."""
        folder = self.gateway.config.parent / "mail/a/new"
        found = (
            re.search(rb"^X-Number: (\S+)\r?$", path.read_bytes(), re.MULTILINE) for path in folder.glob("*")
        )
        return {number[1].decode() for number in found if number is not None}

    @property
    def lost(self) -> set[str]:
        return set(self.accepted) - set(self.hop.arrived) - self.reported

    @property
    def duplicates(self) -> dict[str, list[str]]:
        return {number: lives for number, lives in self.hop.arrived.items() if len(lives) > 1}

    def judge(self) -> str:
        """Wait for what is under way and stop; nothing is lost, nothing came twice from one life. What was found."""
        self.end_load()
        with contextlib.suppress(TimeoutError):
            self.wait_for_all()
        assert self.gateway.stop() == 0
        assert self.lost == set()
        within_one_life = [
            number for number, lives in self.duplicates.items() if len(set(lives)) < len(lives)
        ]
        assert within_one_life == []
        assert "Traceback" not in self.gateway.log
        return (
            f"{len(self.accepted)} messages accepted, {len(self.lost)} lost, "
            f"{len(self.duplicates)} duplicated across a kill"
        )


@contextmanager
def trial(
    folder: Path,
    *,
    receivers: int = 0,
    settings: str = "",
    compose: Compose = plain,
    pause: float = 0.002,
    keeps: bool = False,
) -> Iterator[Trial]:
    """A gateway that has started, and its next hop; `pause` is that of each client between two messages."""
    hop = NextHop(keeps)
    controller = Controller(hop, hostname=LOOPBACK, port=free_port(), data_size_limit=2**25)
    controller.start()
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    gateway = GatewayProcess(
        folder / "conneg.toml", free_port(), controller.port, receivers, settings, temporary=temporary
    )
    found = Trial(gateway, hop, compose, pause)
    try:
        gateway.start()
        yield found
    finally:
        found.stopped.set()
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()
        controller.stop()
