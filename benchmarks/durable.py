"""`durable`: how many messages a second are accepted for good: on disk, and synced, before the 250."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.peers import postfix
from tests.peers.programs import MissingPeerError, find

from . import load, machine, ours
from .model import Absent, Benchmark, Contestant
from .relay import read_settings

MESSAGES = 2000
WARM_UP = 200
CROWDS = (10, 30, 100)
"""How many connections send at once."""


def prepare(stack: ExitStack, scratch: Path) -> Benchmark:
    """Start the gateway's receiving half, and a Postfix that holds what it accepts."""
    contestants: list[Contestant | Absent] = []
    contestants += _compete(
        "conneg", machine.package_version("conneg"), lambda: _gateway(stack, scratch), True
    )
    version = machine.program_version("postconf", "-h", "mail_version")
    contestants += _compete("Postfix", version, lambda: _postfix(stack))
    return Benchmark(
        name="durable",
        title="Durable acceptance: on disk and synced before the 250, then left in the queue",
        unit="messages/s",
        contestants=tuple(sorted(contestants, key=lambda one: one.name.partition(": ")[2].rjust(20))),
        notes=(
            f"smtp-source sends {MESSAGES:,} messages of {load.OCTETS:,} octets over 10 and over 100 connections kept "
            "open; neither server delivers anything",
            "conneg: the listener, intake, directory and spool of the gateway without its delivery",
            "Postfix: smtpd, cleanup and the queue file; access(5) HOLD puts it into the hold queue, which the queue "
            "manager leaves alone; else benchmarks/postfix/main.cf",
        ),
        wanted={f"Postfix: {crowd} connections": 3 for crowd in CROWDS},
    )


def _compete(
    name: str, version: str, start: Callable[[], int], is_ours: bool = False
) -> list[Contestant | Absent]:
    try:
        find("smtp-source")
        port = start()
        load.send(port, WARM_UP)
    except (MissingPeerError, RuntimeError, TimeoutError) as error:
        return [Absent(name, str(error), is_ours)]
    return [
        Contestant(f"{name}: {crowd} connections", version, _rate(port, crowd), is_ours) for crowd in CROWDS
    ]


def _gateway(stack: ExitStack, scratch: Path) -> int:
    arguments = ours.accepting_arguments(scratch / "gateway", ours.capability_of(400))
    return stack.enter_context(load.python_server("benchmarks.servers.conneg_accepting", *arguments))


def _postfix(stack: ExitStack) -> int:
    settings = {
        **read_settings(),
        "smtpd_client_restrictions": "check_client_access static:HOLD",
        "default_process_limit": str(max(CROWDS) + 10),
    }
    config = postfix.PostfixConfig(relay_to=("127.0.0.1", 9), settings=settings)
    return stack.enter_context(postfix.start(config)).port


def _rate(port: int, connections: int) -> Callable[[], float]:
    return lambda: MESSAGES / load.send(port, MESSAGES, connections=connections)
