"""A DNS of the tests' own: nsd serves zones that ldns-signzone has signed, unbound validates them by their own anchor.

Two zones below `test`: `signed.test`, for whose keys unbound has a trust anchor, and `plain.test`, which is not
signed. Both daemons run in the foreground on loopback ports of their own, without privileges, and end with the test.
"""

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from tests.peers.ports import free_port
from tests.system import require

_HEAD = """$ORIGIN {zone}.
$TTL 60
@ IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 60
@ IN NS ns.{zone}.
ns IN A 127.0.0.1
"""
_NSD = """server:
    ip-address: 127.0.0.1@{port}
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    zonelistfile: "{folder}/zone.list"
    xfrdfile: "{folder}/xfrd.state"
    xfrdir: "{folder}"
    pidfile: "{folder}/nsd.pid"
    logfile: "{folder}/nsd.log"
    server-count: 1
remote-control:
    control-enable: no
"""
_UNBOUND = """server:
    interface: 127.0.0.1
    port: {port}
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    use-syslog: no
    logfile: "{folder}/unbound.log"
    verbosity: 1
    val-log-level: 2
    num-threads: 1
    do-daemonize: no
    do-ip6: no
    do-not-query-localhost: no
    qname-minimisation: no
    local-zone: "test." nodefault
    trust-anchor-file: "{anchor}"
    module-config: "validator iterator"
remote-control:
    control-enable: no
"""
_STUB = """stub-zone:
    name: "{zone}."
    stub-addr: 127.0.0.1@{port}
"""


@contextmanager
def resolver(
    folder: Path,
    signed: Iterable[str],
    plain: Iterable[str] = (),
    *,
    tampered: Iterable[tuple[str, str]] = (),
) -> Iterator[int]:
    """Serve these records (master file lines) and yield the port of the validating resolver on 127.0.0.1.

    `tampered`: owner below `signed.test` and type of the records whose signatures are spoilt.
    """
    nsd, unbound = require("nsd", "nsd"), require("unbound", "unbound")
    anchor = _write_signed(folder, "signed.test", signed, tampered)
    _write(folder, "plain.test", plain)
    with contextlib.ExitStack() as stack:
        authoritative, recursive = free_port(), free_port()
        zones = "".join(
            f'zone:\n    name: {zone}\n    zonefile: "{folder}/{zone}.zone"\n'
            for zone in ("signed.test", "plain.test")
        )
        settings = folder / "nsd.conf"
        settings.write_text(_NSD.format(port=authoritative, folder=folder) + zones)
        stack.enter_context(_running([nsd, "-d", "-c", str(settings)], folder / "nsd.out", authoritative))
        settings = folder / "unbound.conf"
        stubs = "".join(_STUB.format(zone=zone, port=authoritative) for zone in ("signed.test", "plain.test"))
        settings.write_text(_UNBOUND.format(port=recursive, folder=folder, anchor=anchor) + stubs)
        stack.enter_context(_running([unbound, "-d", "-c", str(settings)], folder / "unbound.out", recursive))
        yield recursive


def _write(folder: Path, zone: str, records: Iterable[str]) -> Path:
    path = folder / f"{zone}.zone"
    path.write_text(_HEAD.format(zone=zone) + "\n".join(records) + "\n")
    return path


def _write_signed(
    folder: Path, zone: str, records: Iterable[str], tampered: Iterable[tuple[str, str]]
) -> Path:
    """Write the zone with its signatures; return the file with the trust anchor for it."""
    path = _write(folder, zone, records)
    keygen, signzone = require("ldns-keygen", "ldnsutils"), require("ldns-signzone", "ldnsutils")
    made = subprocess.run(
        [keygen, "-a", "ECDSAP256SHA256", "-k", zone], cwd=folder, check=True, capture_output=True, text=True
    )
    key = made.stdout.strip()
    result = folder / f"{zone}.signed"
    subprocess.run(
        [signzone, "-f", str(result), str(path), key], cwd=folder, check=True, capture_output=True, text=True
    )
    path.write_text(_spoil(result.read_text(), {(f"{owner}.{zone}.", kind) for owner, kind in tampered}))
    return folder / f"{key}.key"


def _spoil(text: str, wanted: set[tuple[str, str]]) -> str:
    """Change the signatures of the `wanted` owners and types."""
    lines, spoilt = [], set()
    for line in text.splitlines():
        found = re.match(r"(\S+)\s+\d+\s+IN\s+RRSIG\s+(\S+)\s.*\s(\S+)$", line)
        if found and (found[1], found[2]) in wanted:
            signature = found[3]
            line = line.removesuffix(signature) + ("B" if signature[0] == "A" else "A") + signature[1:]
            spoilt.add((found[1], found[2]))
        lines.append(line)
    assert spoilt == wanted
    return "\n".join(lines) + "\n"


@contextmanager
def _running(command: list[str], log: Path, port: int) -> Iterator[None]:
    """Run a daemon until it is no longer needed; it is ready when it answers anything."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait(process, log, port)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
    question = dns.message.make_query("ns.signed.test.", "A")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(dns.exception.DNSException, OSError, socket.error):
            if dns.query.udp(question, "127.0.0.1", timeout=0.5, port=port).answer:
                return
        time.sleep(0.05)
    raise AssertionError(f"no answer at port {port}: {log.read_text()}")
