"""A private Exim: own configuration, spool and log in a temporary folder, loopback only.

Debian's packages of Exim and Postfix exclude one another, so `tools/unpack-exim` unpacks Exim into `.peers/exim`
of this checkout, or CONNEG_EXIM names the program. It cannot send mail outside: no router looks into the DNS, and
all that is not for its own mailboxes goes to the one next hop of its configuration, or is refused. It is started
by root and serves as the user it was built for.
"""

import atexit
import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from conneg.net import CertificateFiles

from .ports import LOOPBACK, free_port, wait_for_greeting, wait_until
from .programs import MissingPeerError

USER = "Debian-exim"
"""Whom Debian's Exim is built to run as; `tools/unpack-exim` makes this user."""

UNPACKED = Path(__file__).parents[2] / ".peers" / "exim" / "usr" / "sbin" / "exim4"


@dataclass(frozen=True, slots=True)
class EximConfig:
    """What a private Exim does with mail.

    `mailboxes` get Maildirs, and no others at their domains exist; all else goes to `relay_to` (host, port), or is
    refused when that is None. With a `certificate` it offers STARTTLS; with `authorities` it sends mail on under TLS
    only, to a next hop whose certificate one of them has signed for its address. `main`: further options of the main
    section; `smtp`: of the transport to `relay_to`.
    """

    relay_to: tuple[str, int] | None = None
    mailboxes: tuple[str, ...] = ()
    hostname: str = "exim.example"
    certificate: CertificateFiles | None = None
    authorities: Path | None = None
    main: Mapping[str, str] = field(default_factory=dict)
    smtp: Mapping[str, str] = field(default_factory=dict)


class Exim:
    """A running private Exim; a context manager. `host` and `port` take SMTP."""

    def __init__(self, config: EximConfig) -> None:
        self.config = config
        self.host, self.port = LOOPBACK, free_port()
        self._program = find_exim()
        # not below a test's own temporary folder: those are closed to Exim's user
        self.folder = Path(tempfile.mkdtemp(prefix="conneg-exim-"))
        self.config_path, self.mail_path = self.folder / "exim.conf", self.folder / "mail"
        self.log_path = self.folder / "log" / "mainlog"
        self._daemon: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)
        try:
            self._lay_out()
            with (self.folder / "output").open("wb") as output:
                self._daemon = subprocess.Popen(
                    [self._program, "-C", self.config_path, "-bdf"],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            wait_for_greeting(self.port, seconds=20, alive=lambda: self._is_alive)
        except TimeoutError as error:
            said = (self.folder / "output").read_text(errors="replace") + self.log_end()
            self.stop()
            raise MissingPeerError(f"Exim does not start: {said or error}") from None
        except BaseException:
            self.stop()
            raise

    def messages(self, mailbox: str) -> list[bytes]:
        """What was delivered to a mailbox, oldest first, under Exim's own header fields, with LF line ends."""
        local_part, _, domain = mailbox.rpartition("@")
        new = self.mail_path / domain / local_part / "new"
        files = sorted(new.iterdir(), key=lambda file: file.stat().st_mtime_ns) if new.is_dir() else []
        return [file.read_bytes() for file in files]

    def wait_for_messages(self, mailbox: str, count: int = 1, *, seconds: float = 20) -> list[bytes]:
        """`messages(mailbox)` once there are `count`; TimeoutError, with the log's end, after `seconds`."""
        self._wait(
            lambda: len(self.messages(mailbox)) >= count,
            seconds=seconds,
            what=f"{count} messages to {mailbox}",
        )
        return self.messages(mailbox)

    def wait_for_log(self, pattern: str, *, seconds: float = 20) -> str:
        """The first line of the log in which `pattern` is found, once there is one."""
        self._wait(lambda: bool(self._lines(pattern)), seconds=seconds, what=f"{pattern!r} in the log")
        return self._lines(pattern)[0]

    def wait_empty(self, *, seconds: float = 20) -> None:
        """Return once the queue is empty."""
        self._wait(lambda: not self.queue(), seconds=seconds, what="an empty queue")

    def queue(self) -> list[str]:
        """The ids of the messages that are queued: each has a file with its header until it is done."""
        folder = self.folder / "spool" / "input"
        return sorted(file.name[:-2] for file in folder.glob("*-H")) if folder.is_dir() else []

    def log_end(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(self._log().splitlines()[-lines:])

    def stop(self) -> None:
        """End every process of this instance and remove its folder; safe to call twice."""
        atexit.unregister(self.stop)
        if self._daemon is not None:
            # the second signal is for the sessions and deliveries that the daemon has begun: they are of its group
            for signal_number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self._daemon.pid, signal_number)
                    self._daemon.wait(10)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
            self._daemon.wait(10)
            self._daemon = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _is_alive(self) -> bool:
        return self._daemon is not None and self._daemon.poll() is None

    def _log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _lines(self, pattern: str) -> list[str]:
        return [line for line in self._log().splitlines() if re.search(pattern, line)]

    def _wait(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        try:
            wait_until(condition, seconds=seconds, what=what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; Exim's log ends:\n{self.log_end()}") from None

    def _lay_out(self) -> None:
        self.folder.chmod(0o755)
        user, group = pwd.getpwnam(USER).pw_uid, grp.getgrnam(USER).gr_gid
        for path in (self.folder / "spool", self.folder / "log", self.mail_path):
            path.mkdir()
            os.chown(path, user, group)
        self.config_path.write_text(self._write_config())
        self.config_path.chmod(0o644)

    def _write_config(self) -> str:
        config = self.config
        domains = sorted({mailbox.rpartition("@")[2] for mailbox in config.mailboxes})
        names = sorted({mailbox.rpartition("@")[0] for mailbox in config.mailboxes})
        main = {**_AS_OFFERED, **self._offered_tls(), **config.main, **self._fixed_main()}
        smtp = {**self._wanted_tls(), **config.smtp}
        return _CONFIG.format(
            main="\n".join(f"{name} = {value}" for name, value in main.items()),
            domains=" : ".join(domains),
            local_parts=" : ".join(names),
            mailboxes=" : ".join(config.mailboxes),
            relay=_RELAY.format(host=config.relay_to[0], port=config.relay_to[1]) if config.relay_to else "",
            elsewhere="accept hosts = 127.0.0.1"
            if config.relay_to
            else "deny message = no mail leaves this machine",
            mail=self.mail_path,
            smtp="\n".join(f"  {name} = {value}" for name, value in smtp.items()),
        )

    def _offered_tls(self) -> dict[str, str]:
        files = self.config.certificate
        if files is None:
            return {}
        names = {"tls_certificate": files.certificate, "tls_privatekey": files.key or files.certificate}
        return {"tls_advertise_hosts": "*"} | {name: self._copy(path) for name, path in names.items()}

    def _wanted_tls(self) -> dict[str, str]:
        if self.config.authorities is None:
            return {}
        return {
            "hosts_require_tls": "*",
            "tls_verify_hosts": "*",
            "tls_verify_certificates": self._copy(self.config.authorities),
        }

    def _copy(self, path: Path) -> str:
        """Put a file where Exim's user can read it, and nobody else."""
        copy = self.folder / path.name
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        shutil.chown(copy, USER)
        return str(copy)

    def _fixed_main(self) -> dict[str, str]:
        return {
            "exim_path": self._program,
            "exim_user": USER,
            "exim_group": USER,
            "deliver_drop_privilege": "true",
            "spool_directory": str(self.folder / "spool"),
            "log_file_path": f"{self.folder}/log/%slog",
            "pid_file_path": str(self.folder / "spool" / "exim.pid"),
            "primary_hostname": self.config.hostname,
            "local_interfaces": LOOPBACK,
            "daemon_smtp_ports": str(self.port),
            "acl_smtp_rcpt": "check_recipient",
            "keep_environment": "",
            "host_lookup": "",
            "rfc1413_hosts": "",
            "dkim_verify_signers": "",
            "tls_on_connect_ports": "",
        }


def find_exim() -> str:
    """The path of the program; MissingPeerError, saying how to get it, where it is absent."""
    path = Path(os.environ.get("CONNEG_EXIM", UNPACKED))
    if not os.access(path, os.X_OK):
        raise MissingPeerError("needs Exim beside Postfix: tools/unpack-exim")
    return str(path)


def start(config: EximConfig) -> Exim:
    """Start a private Exim; MissingPeerError when it is not unpacked or may not run here."""
    find_exim()
    if os.geteuid() != 0:
        raise MissingPeerError("needs root: this Exim changes to its own user when it has started")
    return Exim(config)


_AS_OFFERED = {
    "tls_advertise_hosts": "",
    "chunking_advertise_hosts": "*",
    "pipelining_advertise_hosts": "*",
    "smtputf8_advertise_hosts": "*",
    "dsn_advertise_hosts": "*",
    "smtp_accept_queue_per_connection": "0",
    "log_selector": "+pipelining +received_recipients +smtp_confirmation +tls_certificate_verified +tls_cipher",
}
"""What holds where a caller asks for nothing else."""

_CONFIG = """
{main}

begin acl
check_recipient:
  accept recipients = {mailboxes}
  deny domains = {domains}
       message = no such mailbox
  {elsewhere}

begin routers
mailboxes:
  driver = accept
  domains = {domains}
  local_parts = {local_parts}
  transport = maildir
{relay}
begin transports
maildir:
  driver = appendfile
  directory = {mail}/$domain_data/$local_part_data
  maildir_format
  create_directory
  envelope_to_add
  return_path_add
smarthost:
  driver = smtp
  allow_localhost
  hosts_try_dane =
  hosts_try_fastopen =
{smtp}

begin retry
* * F,1h,10m

begin rewrite
begin authenticators
"""

_RELAY = """relay:
  driver = manualroute
  domains = !@
  route_list = * {host}::{port}
  transport = smarthost
  self = send
"""
