"""A worker that behaves badly on demand: `python -m tests.content.misbehaving ORDERS`.

The name of the source to inspect says how. It raises the real fence and speaks the real protocol. What it tries and is
kept from it answers with the name of the error; "done" means that nothing kept it.
"""

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from conneg.content.fence import Orders, grant_cpu, raise_fence, raise_limits
from conneg.content.inspection import Inspection
from conneg.content.wire import read_message, write_message

PTRACE_ATTACH = 16


def main() -> None:
    orders = Orders.from_json(json.loads(sys.argv[1]))
    raise_limits(orders.limits)
    fence = raise_fence(orders)
    write_message(sys.stdout.buffer, {"ready": True, "fence": fence.as_json()})
    while (request := read_message(sys.stdin.buffer)) is not None:
        grant_cpu(orders.limits)
        misbehave(request["source"]["name"], Path(request["source"]["path"]), orders)


def misbehave(how: str, document: Path, orders: Orders) -> None:
    what, _, argument = how.partition(" ")
    if what in ATTEMPTS:
        answer(attempt(lambda: ATTEMPTS[what](argument, document, orders)))
        return
    match what:
        case "hang":
            while True:
                time.sleep(60)
        case "spin":
            while True:
                pass
        case "grow":
            try:
                answer(str(len(bytearray(8 << 30))))
            except MemoryError:
                write_message(
                    sys.stdout.buffer, {"error": "refused", "message": "out of memory", "spent": True}
                )
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "crash-once":  # the folder of the document's own name is there the second time
            if attempt(lambda: os.mkdir(argument)) == "done":
                os.kill(os.getpid(), signal.SIGSEGV)
            answer("lived")
        case "exit":
            sys.exit(3)
        case "babble":
            sys.stdout.buffer.write(b"\x00\x00\x00\x05hello")
            sys.stdout.buffer.flush()
        case "boast":
            sys.stdout.buffer.write(b"\xff\xff\xff\xff")
            sys.stdout.buffer.flush()
        case "lie":
            write_message(sys.stdout.buffer, {"result": {"inspection": '{"pages": 7}'}})
        case "outside":
            file = {
                "path": argument,
                "media_type": "x/y",
                "filename": "x",
                "features": "",
                "pages": 1,
                "octets": 1,
            }
            fidelity = {"em_lines": None, "em_pixels": None, "unlike": None}
            write_message(sys.stdout.buffer, {"result": {"files": [file], "fidelity": fidelity}})
        case _:
            answer(str(os.getpid()))


def attempt(work: Callable[[], object]) -> str:
    """Return what came of it: "done", or the name of the error."""
    try:
        work()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def connect(argument: str, document: Path, orders: Orders) -> None:
    """Argument: the port of a server on this machine, "tcp" or "udp" before it."""
    kind, _, port = argument.partition(":")
    with socket.socket(
        socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    ) as connection:
        connection.settimeout(2)
        connection.connect(("127.0.0.1", int(port)))
        connection.send(b"x")


def connect_unix(argument: str, document: Path, orders: Orders) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(argument)


def write_outside(argument: str, document: Path, orders: Orders) -> None:
    Path(argument).write_bytes(b"x")


def start_program(argument: str, document: Path, orders: Orders) -> None:
    os.execv("/usr/bin/true", ["true"])


def fork(argument: str, document: Path, orders: Orders) -> None:
    if os.fork() == 0:
        os._exit(0)


def signal_parent(argument: str, document: Path, orders: Orders) -> None:
    os.kill(int(argument), 0)


def trace_parent(argument: str, document: Path, orders: Orders) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, int(argument), None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def open_many(argument: str, document: Path, orders: Orders) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(orders.limits.open_files + 1):
            stack.enter_context(open("/dev/null", "rb"))


def write_endlessly(argument: str, document: Path, orders: Orders) -> None:
    with (orders.results / "endless").open("wb") as file:
        while True:
            file.write(b"x" * 65536)


def write_result(argument: str, document: Path, orders: Orders) -> None:
    (orders.results / "result").write_bytes(document.read_bytes())


def look_around(argument: str, document: Path, orders: Orders) -> None:
    """Fail with what is left of an earlier job."""
    left = [path.name for folder in (orders.documents, orders.results) for path in folder.iterdir()]
    if left != [document.name]:
        raise OSError(errno.EEXIST, str(left))


ATTEMPTS: dict[str, Callable[[str, Path, Orders], object]] = {
    "connect": connect,
    "connect-unix": connect_unix,
    "read": lambda argument, document, orders: Path(argument).read_bytes(),
    "write": write_outside,
    "write-document": lambda argument, document, orders: document.write_bytes(b"x"),
    "execute": start_program,
    "fork": fork,
    "signal": signal_parent,
    "trace": trace_parent,
    "open-many": open_many,
    "write-endlessly": write_endlessly,
    "write-result": write_result,
    "look-around": look_around,
}


def answer(text: str) -> None:
    inspection = Inspection(text, "text/plain", (), '(type="text/plain")', lossless=True, problem=None)
    write_message(sys.stdout.buffer, {"result": {"inspection": inspection.to_json()}})


if __name__ == "__main__":
    main()
