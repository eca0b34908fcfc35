"""Ports of the loopback interface: find a free one, wait until somebody listens."""

import socket
import time
from collections.abc import Callable
from typing import Protocol

LOOPBACK = "127.0.0.1"


class Server(Protocol):
    """A peer that takes mail by SMTP at `host` and `port`."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


def free_port() -> int:
    """A TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_greeting(port: int, *, seconds: float = 20.0, alive: Callable[[], bool] = lambda: True) -> None:
    """Return once an SMTP server at `port` greets with 220; TimeoutError if not in `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        try:
            with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
                if connection.recv(64).startswith(b"220"):
                    connection.sendall(b"QUIT\r\n")
                    connection.recv(64)
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise TimeoutError(f"nobody greeted at {LOOPBACK}:{port} within {seconds:g} s")


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return once `condition()` holds; TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)
