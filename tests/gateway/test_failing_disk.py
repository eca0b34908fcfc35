"""The spool's disk meets an error under the running gateway and turns read-only: nothing is lost, and all is told."""

import contextlib
import re
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.gateway.disks import FailingDisk, failing_disk
from tests.gateway.lives import GatewayProcess, NextHop
from tests.peers.ports import LOOPBACK, free_port, wait_until

LARGE = 400_000
"""Octets of a message that is kept in a file of its own."""

READ_ONLY = "Read-only file system"


@contextmanager
def started(disk: FailingDisk, folder: Path, receivers: int) -> Iterator[GatewayProcess]:
    """A gateway with its spool on the disk; its next hop is down."""
    spool = str(disk.folder / "spool")
    gateway = GatewayProcess(folder / "conneg.toml", free_port(), free_port(), receivers, spool=spool)
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()


def send(gateway: GatewayProcess, number: int, octets: int = 100) -> str:
    """Send a message; the reply to it, code and text."""
    text = f"X-Number: {number}\r\n\r\n" + ("y" * 70 + "\r\n") * (1 + octets // 72)
    with smtplib.SMTP(LOOPBACK, gateway.port, timeout=30) as client:
        client.ehlo("client.test")
        for command in ("MAIL FROM:<a@client.test>", "RCPT TO:<b@next.test>"):
            code, told = client.docmd(command)
            if code != 250:
                return f"{code} {told.decode()}"
        code, told = client.data(text.encode())
        return f"{code} {told.decode()}"


def processor_seconds(gateway: GatewayProcess) -> float:
    assert gateway.process is not None
    spent = 0
    for number in (gateway.process.pid, *gateway.receiver_processes()):
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        spent += int(fields[11]) + int(fields[12])
    return spent / 100


def conneg(gateway: GatewayProcess, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "conneg.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def next_hop(gateway: GatewayProcess) -> Iterator[NextHop]:
    hop = NextHop()
    controller = Controller(hop, hostname=LOOPBACK, port=gateway.next_hop, data_size_limit=2**25)
    controller.start()
    try:
        yield hop
    finally:
        controller.stop()


@pytest.mark.slow
@pytest.mark.parametrize("receivers", [0, 2])
def test_a_disk_that_turns_read_only_under_it(tmp_path: Path, receivers: int) -> None:
    with failing_disk(tmp_path) as disk, started(disk, tmp_path, receivers) as gateway:
        for number, octets in enumerate([100, 5000, LARGE, 100]):
            assert send(gateway, number, octets).startswith("250 2.0.0 ")
        wait_until(lambda: tried(gateway) == 4, seconds=30, what="attempts at delivery")
        for number in (4, 5):  # as a rule these are in the accept log alone
            assert send(gateway, number).startswith("250 2.0.0 ")
        disk.fail()

        for number, octets in enumerate([100, 5000, LARGE, 100], start=10):
            assert re.match(r"45[12] 4\.3\.[01] ", send(gateway, number, octets))
        wait_until(lambda: READ_ONLY in gateway.log, seconds=30, what="a line in the log")
        before = processor_seconds(gateway)
        time.sleep(4)
        assert processor_seconds(gateway) - before < 1  # it does not spin
        told = [line for line in gateway.log.splitlines() if READ_ONLY in line]
        assert len(told) <= 2 * (
            1 + receivers
        )  # nor does it fill the log: each process says it once a minute
        for line in told:
            assert "error" in line
            assert str(disk.folder / "spool") in line  # what
            assert "fsck" in line  # and what to do
        assert "Traceback" not in gateway.log

        checked = conneg(gateway, "check", "--config", str(gateway.config))
        assert checked.returncode == 65
        assert READ_ONLY in checked.stderr
        assert "the configuration is right" not in checked.stdout
        listed = conneg(gateway, "queue", "--config", str(gateway.config), "list")
        assert listed.returncode == 0
        assert listed.stdout.count("b@next.test") >= 4
        assert READ_ONLY in listed.stderr

        assert gateway.stop() == 0
        assert "Traceback" not in gateway.log
        disk.repair()
        with next_hop(gateway) as hop:
            gateway.start()
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: set("012345") <= set(hop.arrived), seconds=30, what="accepted mail")
            assert set("012345") <= set(hop.arrived)
            assert send(gateway, 20).startswith("250 2.0.0 ")
            wait_until(lambda: "20" in hop.arrived, seconds=30, what="new mail")
            assert gateway.stop() == 0
        # what was refused is the client's, which sends it again
        assert all(len(lives) == 1 for number, lives in hop.arrived.items() if int(number) < 10)


def tried(gateway: GatewayProcess) -> int:
    listed = conneg(gateway, "queue", "--config", str(gateway.config), "list", "--state", "deferred")
    return listed.stdout.count("b@next.test")


def test_a_gateway_that_is_started_on_it(tmp_path: Path) -> None:
    """It does not start, and says why and what to do."""
    with failing_disk(tmp_path) as disk:
        with started(disk, tmp_path, 0) as gateway:
            assert gateway.stop() == 0
        disk.fail()
        told = conneg(gateway, "serve", "--config", str(gateway.config))
    assert told.returncode == 69
    assert READ_ONLY in told.stderr
    assert "fsck" in told.stderr
    assert "Traceback" not in told.stderr
