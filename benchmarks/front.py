"""`front`: how many messages a second a server takes when it does nothing with them."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.peers.programs import MissingPeerError, find
from tests.peers.smtpsink import SmtpSink

from . import load, machine
from .model import Absent, Benchmark, Contestant

MESSAGES = 8000
WARM_UP = 300


def prepare(stack: ExitStack, scratch: Path) -> Benchmark:
    """Start every server; they wait idle while it is not their turn."""
    return Benchmark(
        name="front",
        title="Front end: messages accepted and discarded",
        unit="messages/s",
        contestants=(
            _python(
                stack,
                "conneg",
                machine.package_version("conneg"),
                "benchmarks.servers.conneg_discard",
                ours=True,
            ),
            _python(
                stack,
                "aiosmtpd (uvloop)",
                machine.package_version("aiosmtpd"),
                "benchmarks.servers.aiosmtpd_discard",
                "uvloop",
            ),
            _python(
                stack,
                "aiosmtpd (asyncio)",
                machine.package_version("aiosmtpd"),
                "benchmarks.servers.aiosmtpd_discard",
                "asyncio",
            ),
            _sink(stack),
        ),
        notes=(
            f"one smtp-source as the load: {MESSAGES:,} messages of {load.OCTETS:,} octets, {load.CONNECTIONS} "
            "connections kept open",
            "each server is one process; smtp-sink is C and parses no more than it must: it marks what the "
            "load can ask for",
        ),
        wanted={"aiosmtpd (uvloop)": 3, "aiosmtpd (asyncio)": 3, "smtp-sink": 0.5},
    )


def _python(
    stack: ExitStack, name: str, version: str, module: str, *arguments: str, ours: bool = False
) -> Contestant | Absent:
    try:
        find("smtp-source")
        port = stack.enter_context(load.python_server(module, *arguments))
        load.send(port, WARM_UP)
    except (MissingPeerError, RuntimeError) as error:
        return Absent(name, str(error), ours)
    return Contestant(name, version, _rate(port), ours)


def _sink(stack: ExitStack) -> Contestant | Absent:
    try:
        sink = stack.enter_context(SmtpSink(counting=False))
    except MissingPeerError as error:
        return Absent("smtp-sink", str(error))
    return Contestant(
        "smtp-sink", f"Postfix {machine.program_version('postconf', '-h', 'mail_version')}", _rate(sink.port)
    )


def _rate(port: int) -> Callable[[], float]:
    return lambda: MESSAGES / load.send(port, MESSAGES)
