"""`durable`: how many messages a second are accepted for good: on disk, and synced, before the 250."""

import os
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

RECEIVERS = len(os.sched_getaffinity(0))
OURS = f"conneg with {RECEIVERS} receivers"
ALONE = "conneg in one process"


def prepare(stack: ExitStack, scratch: Path) -> Benchmark:
    """Start the gateway's receiving half, with receivers and without, and a Postfix that holds what it accepts."""
    contestants: list[Contestant | Absent] = []
    own = machine.package_version("conneg")
    contestants += _compete(
        OURS, own, lambda: _gateway(stack, scratch / "receivers", RECEIVERS), is_ours=True
    )
    contestants += _compete(ALONE, own, lambda: _gateway(stack, scratch / "alone", 0))
    version = machine.program_version("postconf", "-h", "mail_version")
    contestants += _compete("Postfix", version, lambda: _postfix(stack))
    return Benchmark(
        name="durable",
        title="Durable acceptance: on disk and synced before the 250, then left in the queue",
        unit="messages/s",
        contestants=tuple(sorted(contestants, key=lambda one: one.name.partition(": ")[2].rjust(20))),
        notes=(
            f"smtp-source sends {MESSAGES:,} messages of {load.OCTETS:,} octets over 10, 30 and 100 connections kept "
            "open; no server delivers anything",
            f"conneg: the listeners, intake, directory and spool of the gateway without its delivery; {RECEIVERS} "
            "receivers, one for each core, or none: then one process accepts everything",
            "Postfix: smtpd, cleanup and the queue file; access(5) HOLD puts it into the hold queue, which the queue "
            "manager leaves alone; else benchmarks/postfix/main.cf",
        ),
        wanted={f"Postfix: {crowd} connections": 3 for crowd in CROWDS},
        wanted_of_best={"Postfix": 3},
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


def _gateway(stack: ExitStack, folder: Path, receivers: int) -> int:
    arguments = ours.accepting_arguments(folder, ours.capability_of(400), receivers=receivers)
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
