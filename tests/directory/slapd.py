"""An OpenLDAP server of the test's own, on a loopback port and with a certificate of its own."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from tests.net.certificates import make_certificate
from tests.pausing import pause, resume
from tests.system import require

BASE = "dc=example"
ADMIN = f"cn=admin,{BASE}"
PASSWORD = "geheim (*)\\"
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "conneg.schema"


class Slapd:
    """`slapd` over a folder of its own; a context manager that starts it and ends it."""

    def __init__(self) -> None:
        self._program = require("slapd", "slapd")
        self._loader = require("slapadd", "slapd")
        self.folder = Path(tempfile.mkdtemp(prefix="slapd", dir="/tmp"))  # a socket's path is short
        self.certificate = make_certificate(self.folder, "slapd", "ldap.example", "127.0.0.1")
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        (self.folder / "data").mkdir()
        (self.folder / "slapd.conf").write_text(
            f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {SCHEMA}
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {self.certificate.certificate}
TLSCertificateKeyFile {self.certificate.key}
pidfile {self.folder}/pid
database mdb
maxsize 1073741824
suffix {BASE}
rootdn {ADMIN}
rootpw "{PASSWORD.replace(chr(92), chr(92) * 2)}"
directory {self.folder}/data
dbnosync
index objectClass,mail,associatedDomain eq
access to * by anonymous read by * read
"""
        )
        self.load([f"dn: {BASE}\nobjectClass: domain\ndc: example\n"])

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ldapi://{str(self.folder / 'ldapi').replace('/', '%2F')}"

    def load(self, entries: Iterable[str]) -> None:
        """Add entries (LDIF) while it is not running."""
        subprocess.run(
            [self._loader, "-q", "-f", str(self.folder / "slapd.conf")],
            input="\n".join(entries).encode(), check=True, capture_output=True, timeout=100,
        )  # fmt: skip

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "-f", f"{self.folder}/slapd.conf", "-h", f"{self.url} {self.socket_url}", "-d", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def pause(self) -> None:
        assert self._process is not None
        pause([self._process.pid])

    def resume(self) -> None:
        assert self._process is not None
        resume([self._process.pid])

    def __enter__(self) -> "Slapd":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def person(name: str, *lines: str) -> str:
    """Return the LDIF of somebody whose address is `name`@x.example."""
    return "\n".join(
        [
            f"dn: cn={name},{BASE}", "objectClass: inetOrgPerson", "objectClass: connegRecipient", f"cn: {name}",
            f"sn: {name}", f"mail: {name}@x.example", *lines, "",
        ]
    )  # fmt: skip
