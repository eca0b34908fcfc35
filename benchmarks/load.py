"""SMTP load and the servers under it: smtp-source(1), and Python servers as processes of their own."""

import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers.ports import LOOPBACK
from tests.peers.programs import find

CONNECTIONS = 10
OCTETS = 2048


def send(port: int, count: int, *, connections: int = CONNECTIONS, seconds: float = 60) -> float:
    """Send `count` messages of 2,048 octets over connections kept open; the seconds it took until the last reply."""
    command = [find("smtp-source"), "-d", "-s", str(connections), "-m", str(count), "-l", str(OCTETS)]
    command += ["-f", "amy@example.com", "-t", "june@ifax1.example", f"{LOOPBACK}:{port}"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    took = time.perf_counter() - start
    if done.returncode != 0 or done.stderr:
        raise RuntimeError(f"smtp-source: {(done.stderr or 'failed').strip().splitlines()[0]}")
    return took


@contextmanager
def python_server(module: str, *arguments: str, seconds: float = 20) -> Iterator[int]:
    """Run `python -m module arguments`, which prints the port it listens on; gives the port, ends the process after."""
    with tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], seconds)
            line = process.stdout.readline() if ready else ""
            if not line.strip().isdigit():
                errors.seek(0)
                said = errors.read().strip().splitlines()
                raise RuntimeError(f"{module}: {said[-1] if said else 'said no port'}")
            # whatever the server still says must not fill the pipe and stop it
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield int(line)
        finally:
            stop(process)


def stop(process: "subprocess.Popen[str]") -> None:
    """End a process that we started."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
