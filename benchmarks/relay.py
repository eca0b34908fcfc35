"""`relay`: how many messages a second come in, are made durable, and go out again to a next hop."""

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.peers import postfix
from tests.peers.ports import LOOPBACK, free_port, wait_for_greeting
from tests.peers.programs import MissingPeerError
from tests.peers.smtpsink import SmtpSink

from . import load, machine, ours
from .model import Absent, Benchmark, Contestant

MESSAGES = 3000
WARM_UP = 200
OURS = "conneg serve"
WITH_RECEIVER = "conneg serve with a receiver"
SETTINGS = Path(__file__).parent / "postfix" / "main.cf"


def prepare(stack: ExitStack, scratch: Path) -> Benchmark:
    """Start one sink, and before it Postfix and the gateway, with a receiver and without.

    Each has a spool of its own on the same file system.
    """
    contestants: tuple[Contestant | Absent, ...]
    try:
        sink = stack.enter_context(SmtpSink())
    except MissingPeerError as error:
        contestants = (Absent(OURS, f"no sink: {error}", ours=True), Absent("Postfix", str(error)))
    else:
        contestants = (
            _gateway(stack, scratch / "alone", sink, OURS, is_ours=True),
            _gateway(stack, scratch / "receiver", sink, WITH_RECEIVER, receivers=1),
            _postfix(stack, sink),
        )
    return Benchmark(
        name="relay",
        title="Durable relay: accepted on disk, relayed, removed",
        unit="messages/s",
        contestants=contestants,
        notes=(
            f"{MESSAGES:,} messages of {load.OCTETS:,} octets over {load.CONNECTIONS} connections kept open; from the "
            "first message sent to the last one arrived in smtp-sink",
            "both sync to the same disk before they answer 250; Postfix's settings are in benchmarks/postfix/main.cf",
        ),
    )


def _gateway(
    stack: ExitStack, folder: Path, sink: SmtpSink, name: str, *, receivers: int = 0, is_ours: bool = False
) -> Contestant | Absent:
    port = free_port()
    folder.mkdir()
    log = stack.enter_context((folder / "log").open("w+"))
    command = ours.serve_command(
        folder, listen=(LOOPBACK, port), next_hop=(LOOPBACK, sink.port), receivers=receivers
    )
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, text=True)
    stack.callback(load.stop, process)
    try:
        wait_for_greeting(port, alive=lambda: process.poll() is None)
        _relay(port, WARM_UP, sink)
    except (TimeoutError, RuntimeError, MissingPeerError) as error:
        log.seek(0)
        said = log.read().strip().splitlines()
        return Absent(name, said[-1] if said else str(error), is_ours)
    return Contestant(name, machine.package_version("conneg"), _rate(port, sink), is_ours)


def _postfix(stack: ExitStack, sink: SmtpSink) -> Contestant | Absent:
    config = postfix.PostfixConfig(relay_to=(LOOPBACK, sink.port), settings=read_settings())
    try:
        server = stack.enter_context(postfix.start(config))
        _relay(server.port, WARM_UP, sink)
    except (MissingPeerError, RuntimeError, TimeoutError) as error:
        return Absent("Postfix", str(error))
    return Contestant(
        "Postfix", machine.program_version("postconf", "-h", "mail_version"), _rate(server.port, sink)
    )


def _rate(port: int, sink: SmtpSink) -> Callable[[], float]:
    return lambda: MESSAGES / _relay(port, MESSAGES, sink)


def _relay(port: int, count: int, sink: SmtpSink) -> float:
    """Send `count` messages and wait for all of them in the sink; the seconds from the first to the last."""
    sink.forget_times()
    before = sink.arrived
    start = time.perf_counter()
    load.send(port, count)
    end = sink.wait_for(before + count, seconds=30)
    return end - start


def read_settings() -> dict[str, str]:
    """The settings of benchmarks/postfix/main.cf."""
    lines = (line.partition("#")[0].strip() for line in SETTINGS.read_text().splitlines())
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines if line)}
