"""A private Postfix: own configuration, queue, data and log in a temporary folder, loopback only.

It cannot send mail outside: DNS is off, every transport that leads away goes to the one next hop of its
configuration or to error(8), and those settings overrule what a caller asks for. It needs root, as Postfix's
master(8) always does.
"""

import atexit
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .ports import LOOPBACK, free_port, wait_for_greeting, wait_until
from .programs import MissingPeerError, find

MAIL_OWNER = "nobody"
"""Who owns the Maildirs: virtual(8) writes as nobody it was not told to be."""


@dataclass(frozen=True, slots=True)
class PostfixConfig:
    """What a private Postfix does with mail.

    `mailboxes` get Maildirs by virtual(8), and no others at their domains exist; all else goes to `relay_to`
    (host, port), or is refused when that is None; with `lmtp` by LMTP. `settings` are further lines of
    main.cf; `services` adds to lines of master.cf, by (name, type): arguments for the program.
    """

    relay_to: tuple[str, int] | None = None
    lmtp: bool = False
    mailboxes: tuple[str, ...] = ()
    hostname: str = "postfix.example"
    settings: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[tuple[str, str], str] = field(default_factory=dict)


_WITHOUT_TLS = {"smtpd_tls_security_level": "none", "smtp_tls_security_level": "none"}
"""What holds where a caller asks for nothing else."""


class Postfix:
    """A running private Postfix; a context manager. `host` and `port` take SMTP."""

    def __init__(self, config: PostfixConfig) -> None:
        self.config = config
        self.host, self.port = LOOPBACK, free_port()
        # not below a test's own temporary folder: those are closed to the user postfix
        self.folder = Path(tempfile.mkdtemp(prefix="conneg-postfix-"))
        self.config_path, self.queue_path = self.folder / "etc", self.folder / "queue"
        self.log_path, self.mail_path = self.folder / "mail.log", self.folder / "mail"
        self._stopped = False
        atexit.register(self.stop)
        try:
            self._lay_out()
            self._control("start", seconds=30)
            wait_for_greeting(self.port, seconds=20)
        except BaseException:
            self.stop()
            raise

    def maildir(self, mailbox: str) -> Path:
        """The Maildir of one of `mailboxes`; it exists once something was delivered."""
        local_part, _, domain = mailbox.rpartition("@")
        return self.mail_path / domain / local_part

    def messages(self, mailbox: str) -> list[bytes]:
        """What was delivered to a mailbox, oldest first, under virtual(8)'s own header fields."""
        new = self.maildir(mailbox) / "new"
        files = sorted(new.iterdir(), key=lambda file: file.stat().st_mtime_ns) if new.is_dir() else []
        return [file.read_bytes() for file in files]

    def wait_for_messages(self, mailbox: str, count: int = 1, *, seconds: float = 20) -> list[bytes]:
        """`messages(mailbox)` once there are `count`; TimeoutError, with the log's end, after `seconds`."""
        try:
            wait_until(
                lambda: len(self.messages(mailbox)) >= count,
                seconds=seconds,
                what=f"{count} messages to {mailbox}",
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}; Postfix's log ends:\n{self.log_end()}") from None
        return self.messages(mailbox)

    def queue(self) -> list[dict[str, Any]]:
        """The queue as postqueue(1) -j tells it: one dictionary a message."""
        done = subprocess.run(
            [find("postqueue"), "-c", self.config_path, "-j"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    def flush(self) -> None:
        """Try every deferred message now."""
        subprocess.run([find("postqueue"), "-c", self.config_path, "-f"], timeout=20, check=True)

    def wait_empty(self, *, seconds: float = 20) -> None:
        """Return once the queue is empty."""
        wait_until(lambda: not self.queue(), seconds=seconds, what="an empty queue")

    def log_end(self, lines: int = 15) -> str:
        """The last lines of the log."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self) -> None:
        """End every process of this instance and remove its folder; safe to call twice."""
        if self._stopped:
            return
        self._stopped = True
        atexit.unregister(self.stop)
        master = self._master()
        if master is not None:
            os.kill(master, signal.SIGTERM)  # what "postfix stop" does, without its wait in whole seconds
            deadline = time.monotonic() + 10
            while self._alive(master) and time.monotonic() < deadline:
                time.sleep(0.02)
            if self._alive(master):
                os.killpg(master, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _lay_out(self) -> None:
        self.folder.chmod(0o755)
        owner = pwd.getpwnam(MAIL_OWNER)
        for path, uid, gid in (
            (self.config_path, 0, 0),
            (self.queue_path, 0, 0),
            (self.folder / "data", pwd.getpwnam("postfix").pw_uid, 0),
            (self.mail_path, owner.pw_uid, owner.pw_gid),
        ):
            path.mkdir()
            os.chown(path, uid, gid)
        rows = (f"{mailbox} {self.maildir(mailbox)}/\n" for mailbox in self.config.mailboxes)
        (self.config_path / "mailboxes").write_text("".join(rows))
        settings = {**_WITHOUT_TLS, **self.config.settings, **self._fixed_settings()}
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.config_path / "main.cf").write_text(lines)
        (self.config_path / "master.cf").write_text(_write_master(self.port, self.config.services))

    def _fixed_settings(self) -> dict[str, str]:
        config = self.config
        owner = pwd.getpwnam(MAIL_OWNER)
        nowhere = "error:5.7.1 no mail leaves this machine"
        relay = "" if config.relay_to is None else f"[{config.relay_to[0]}]:{config.relay_to[1]}"
        transport = nowhere if not relay else f"lmtp:inet:{relay}" if config.lmtp else "smtp"
        return {
            "compatibility_level": "3.6",
            "queue_directory": str(self.queue_path),
            "data_directory": str(self.folder / "data"),
            "maillog_file": str(self.log_path),
            "maillog_file_prefixes": str(self.folder),
            "myhostname": config.hostname,
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "loopback-only",
            "inet_protocols": "ipv4",
            "smtp_host_lookup": "native",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "relayhost": "" if config.lmtp else relay,
            "default_transport": transport,
            "relay_transport": transport,
            "local_transport": nowhere,
            "virtual_mailbox_domains": " ".join(
                sorted({mailbox.rpartition("@")[2] for mailbox in config.mailboxes})
            ),
            "virtual_mailbox_maps": f"texthash:{self.config_path}/mailboxes",
            "virtual_mailbox_base": "/",
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
        }

    def _control(self, command: str, *, seconds: float) -> None:
        done = subprocess.run(
            [find("postfix"), "-c", self.config_path, command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            raise MissingPeerError(
                f"Postfix does not {command}: {self.log_end(4) or 'and has logged nothing'}"
            )

    def _master(self) -> int | None:
        """The process id in master's lock file; None when there is none, or the process is gone."""
        try:
            master = int((self.queue_path / "pid" / "master.pid").read_text())
        except (OSError, ValueError):
            return None
        return master if self._alive(master) else None

    def _alive(self, master: int) -> bool:
        """Whether that process runs and is this instance's master (a process id may be another's by now)."""
        try:
            command = Path(f"/proc/{master}/cmdline").read_bytes()
            state = Path(f"/proc/{master}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return b"master" in command and state != "Z"


def start(config: PostfixConfig) -> Postfix:
    """Start a private Postfix; MissingPeerError when it is not installed or may not run here."""
    find("postfix")
    if os.geteuid() != 0:
        raise MissingPeerError("needs root: Postfix's master(8) starts as root only")
    return Postfix(config)


# What Postfix 3.7 runs of itself, without local(8), pipe(8) and chroot: name, wakeup, process limit, program.
_SERVICES = """
qmgr       300    1  qmgr
pickup     60     1  pickup
cleanup    -      0  cleanup
rewrite    -      -  trivial-rewrite
bounce     -      0  bounce
defer      -      0  bounce
trace      -      0  bounce
verify     -      1  verify
flush      1000?  0  flush
proxymap   -      -  proxymap
proxywrite -      1  proxymap
smtp       -      -  smtp
relay      -      -  smtp
lmtp       -      -  lmtp
showq      -      -  showq
error      -      -  error
retry      -      -  error
discard    -      -  discard
virtual    -      -  virtual
anvil      -      1  anvil
scache     -      1  scache
tlsmgr     1000?  1  tlsmgr
"""


def _write_master(port: int, extra: Mapping[tuple[str, str], str]) -> str:
    """master.cf: name, type, private, unprivileged, chroot, wakeup, process limit, command (master(5))."""
    public = {"cleanup", "flush", "showq", "pickup", "qmgr"}
    rows = [
        f"{LOOPBACK}:{port} inet n - n - - smtpd {extra.get(('smtpd', 'inet'), '')}",
        "postlog unix-dgram n - n - 1 postlogd",
    ]
    for name, wakeup, limit, program in (line.split() for line in _SERVICES.split("\n") if line):
        private = "n" if name in public else "-"
        unprivileged = "n" if name == "virtual" else "-"
        arguments = extra.get((name, "unix"), "")
        rows.append(f"{name} unix {private} {unprivileged} n {wakeup} {limit} {program} {arguments}")
    return "\n".join(rows) + "\n"
