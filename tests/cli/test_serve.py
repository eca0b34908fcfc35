"""`conneg serve` as a process: it says where it listens, stops on SIGTERM, and starts again where it was."""

import asyncio
import json
import re
import signal
import smtplib
import subprocess
import sys
import time
from pathlib import Path

from aiosmtpd.controller import Controller

from tests.cli.test_commands import conneg
from tests.gateway.servers import messages_in
from tests.peers.ports import free_port, wait_until


def serve(folder: Path) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "conneg.cli", "serve", "--config", "conneg.toml", "--log-json"],
        cwd=folder, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    event = json.loads(line)
    assert event["event"] == "ready", line
    port = re.search(r":(\d+)", event["listening"])
    assert port is not None
    return process, int(port[1])


def stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=40)
    assert process.returncode == 0, log
    return log


def send(port: int, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        assert client.sendmail("may@sender.test", [to], "Subject: x\r\n\r\nhello\r\n") == {}


def configure(folder: Path, next_hop: int) -> None:
    (folder / "conneg.toml").write_text(
        f"""
[server]
listen = ["127.0.0.1:0"]
[retry]
first_seconds = 0.5
[[destination]]
domains = ["local.test"]
deliver = "maildir"
path = "mail/{{domain}}/{{local_part}}"
[[destination]]
domains = ["away.test"]
deliver = "smtp"
host = "127.0.0.1:{next_hop}"
""",
        encoding="utf-8",
    )


def test_stops_on_sigterm_and_starts_where_it_was(tmp_path: Path) -> None:
    away = free_port()
    configure(tmp_path, away)
    process, port = serve(tmp_path)
    send(port, "june@local.test")
    send(port, "june@away.test")
    wait_until(lambda: len(messages_in(tmp_path / "mail/local.test/june")) == 1, seconds=20, what="delivery")
    queue = ["queue", "--config", "conneg.toml"]
    (waiting,) = json.loads(conneg(*queue, "list", "--json", cwd=tmp_path).stdout)
    assert waiting["recipients"][0]["forward_path"] == "june@away.test"
    stop(process)
    configure(tmp_path, away)
    text = (tmp_path / "conneg.toml").read_text()
    (tmp_path / "conneg.toml").write_text(
        text.replace(
            f'deliver = "smtp"\nhost = "127.0.0.1:{away}"', 'deliver = "maildir"\npath = "mail/away/june"'
        )
    )
    process, _ = serve(tmp_path)
    wait_until(lambda: len(messages_in(tmp_path / "mail/away/june")) == 1, seconds=20, what="the second life")
    stop(process)
    told = conneg(*queue, "explain", waiting["id"], cwd=tmp_path).stdout
    assert "deferred" in told
    assert "delivered" in told


def test_hold_release_and_remove_while_it_runs(tmp_path: Path) -> None:
    configure(tmp_path, free_port())
    process, port = serve(tmp_path)
    try:
        send(port, "june@away.test")
        queue = ["queue", "--config", "conneg.toml"]
        listed: list[dict[str, str]] = []
        wait_until(
            lambda: bool(
                listed.extend(json.loads(conneg(*queue, "list", "--json", cwd=tmp_path).stdout)) or listed
            ),
            seconds=20,
            what="a message in the queue",
        )
        (message_id,) = {message["id"] for message in listed}
        time.sleep(0.3)
        assert conneg(*queue, "hold", message_id[:8], cwd=tmp_path).returncode == 0
        (held,) = json.loads(conneg(*queue, "list", "--state", "held", "--json", cwd=tmp_path).stdout)
        assert held["id"] == message_id
        assert conneg(*queue, "release", message_id, cwd=tmp_path).returncode == 0
        assert conneg(*queue, "remove", message_id, cwd=tmp_path).returncode == 0
        assert json.loads(conneg(*queue, "list", "--json", cwd=tmp_path).stdout) == []
        assert conneg(*queue, "show", "zzzz", cwd=tmp_path).returncode == 1
    finally:
        stop(process)


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    configure(tmp_path, free_port())
    process, port = serve(tmp_path)
    try:
        other = tmp_path / "other"
        other.mkdir()
        (other / "conneg.toml").write_text(f'[server]\nlisten = ["127.0.0.1:{port}"]\n', encoding="utf-8")
        done = conneg("serve", "--config", "conneg.toml", cwd=other)
        assert done.returncode == 69
        assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
        assert "Traceback" not in done.stderr
        done = conneg("serve", "--config", "conneg.toml", cwd=tmp_path)
        assert done.returncode == 69, "the spool is in use"
        assert "Traceback" not in done.stderr
    finally:
        stop(process)


class SlowHop:
    """A next hop that takes its time over the final reply."""

    def __init__(self) -> None:
        self.begun = 0
        self.done = 0

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
        self.begun += 1
        await asyncio.sleep(1.5)
        self.done += 1
        return "250 2.0.0 ok"


def test_what_is_in_hand_is_finished_before_it_stops(tmp_path: Path) -> None:
    hop = SlowHop()
    controller = Controller(hop, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        configure(tmp_path, controller.port)
        process, port = serve(tmp_path)
        send(port, "june@away.test")
        wait_until(lambda: hop.begun == 1, seconds=20, what="the content at the next hop")
        stop(process)
        assert (hop.begun, hop.done) == (1, 1), "SIGTERM waited for the final reply"
        process, _ = serve(tmp_path)
        time.sleep(1.5)
        stop(process)
        assert hop.begun == 1, "and it was settled: the second life has nothing to do"
    finally:
        controller.stop()
