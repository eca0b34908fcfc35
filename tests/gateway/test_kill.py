"""Kill -9 at a hundred random moments under load: no accepted message is lost, none is duplicated in one lifetime.

The contract: 250 after the final dot means that the message is on disk; a duplicate is possible only where the gateway
was killed between a next hop's 250 and its own commit, so both copies never come from the same lifetime. The next hop
is aiosmtpd, the client is smtplib.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

KILLS = 100
CLIENTS = 3


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class NextHop:
    """What arrived: message number -> the lifetimes of the gateway that sent it, as its EHLO named them."""

    arrived: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        number = re.search(rb"^X-Number: (\S+)\r?$", envelope.content, re.MULTILINE)
        assert number is not None
        self.arrived[number[1].decode()].append(session.host_name)
        return "250 2.0.0 ok"


@dataclass
class Gateway:
    config: Path
    settings: str
    port: int
    lives: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.lives += 1
        self.config.write_text(self.settings.replace("HOSTNAME", f"life{self.lives}.test"), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "conneg.cli", "serve", "--config", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=self.config.with_suffix(".log").open("ab"),
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self.process.poll() is None, self.config.with_suffix(".log").read_text()[-2000:]
            time.sleep(0.02)
        pytest.fail("the gateway did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


def submit_until(stop: threading.Event, port: int, name: int, accepted: list[str]) -> None:
    """Send message after message; note the number of each for which the final 250 came."""
    count = 0
    while not stop.is_set():
        try:
            with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=10) as client:
                while not stop.is_set():
                    count += 1
                    number = f"{name}-{count}"
                    body = ("x" * 70 + "\r\n") * random.choice((1, 30, 4500))  # in memory, and in a file
                    text = f"From: a@client.test\r\nX-Number: {number}\r\nSubject: test\r\n\r\n{body}\r\n"
                    refused = client.sendmail("", ["b@next.test"], text)
                    assert not refused
                    accepted.append(number)
                    time.sleep(0.002)
        except (OSError, smtplib.SMTPException):
            time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_accepted_message_is_lost(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    hop = NextHop()
    controller = Controller(hop, hostname="127.0.0.1", port=free_port(), data_size_limit=2**25)
    controller.start()
    port = free_port()
    config = tmp_path / "conneg.toml"
    settings = f"""
[server]
hostname = "HOSTNAME"
listen = ["127.0.0.1:{port}"]
[spool]
path = "spool"
[retry]
first_seconds = 0.2
longest_seconds = 1
[[destination]]
domains = ["next.test"]
deliver = "smtp"
host = "127.0.0.1:{controller.port}"
"""
    gateway = Gateway(config, settings, port)
    accepted: list[str] = []
    stop = threading.Event()
    clients = [
        threading.Thread(target=submit_until, args=(stop, port, name, accepted), daemon=True)
        for name in range(CLIENTS)
    ]
    seed = int(os.environ.get("CONNEG_KILL_SEED", random.randrange(2**32)))
    moments = random.Random(seed)
    try:
        gateway.start()
        for client in clients:
            client.start()
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.02, 0.5))
            gateway.kill()
            gateway.start()
        stop.set()
        for client in clients:
            client.join(timeout=30)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and set(accepted) - set(hop.arrived):
            time.sleep(0.1)
        assert gateway.stop() == 0
    finally:
        stop.set()
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()
        controller.stop()
    lost = set(accepted) - set(hop.arrived)
    duplicates = {number: lives for number, lives in hop.arrived.items() if len(lives) > 1}
    record_property(
        "told",
        f"{KILLS} kills (seed {seed}): {len(accepted)} messages accepted, {len(lost)} lost, "
        f"{len(duplicates)} duplicated across a kill",
    )
    assert len(accepted) > KILLS
    assert lost == set()
    within_one_lifetime = [number for number, lives in duplicates.items() if len(set(lives)) < len(lives)]
    assert within_one_lifetime == []
