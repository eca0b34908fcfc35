"""A worker that behaves badly on demand: `python -m tests.content.misbehaving LIMITS`.

The name of the source to inspect says how. It raises the real fence and speaks the real protocol.
"""

import errno
import json
import os
import signal
import socket
import sys
import time

from conneg.content.fence import WorkerLimits, grant_cpu, raise_fence
from conneg.content.inspection import Inspection
from conneg.content.wire import read_message, write_message


def main() -> None:
    limits = WorkerLimits(**json.loads(sys.argv[1]))
    isolated = raise_fence(limits)
    write_message(sys.stdout.buffer, {"ready": True})
    while (request := read_message(sys.stdin.buffer)) is not None:
        grant_cpu(limits)
        misbehave(request["source"]["name"], isolated=isolated)


def misbehave(how: str, *, isolated: bool) -> None:
    match how:
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
        case "isolated":
            answer(network() if isolated else "no namespaces here")
        case _:
            answer(str(os.getpid()))


def network() -> str:
    """Return what of the network is left."""
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    except OSError as error:
        unreachable = error.errno == errno.ENETUNREACH
    else:
        unreachable = False
    names = [name for _, name in socket.if_nameindex()]
    return f"{'no interface but loopback, and that is down' if names == ['lo'] and unreachable else names}"


def answer(text: str) -> None:
    inspection = Inspection(text, "text/plain", (), '(type="text/plain")', lossless=True, problem=None)
    write_message(sys.stdout.buffer, {"result": {"inspection": inspection.to_json()}})


if __name__ == "__main__":
    main()
