"""Signers of the tests, with keys of their own below an authority, made and judged by the openssl program."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.system import require

_NEW_KEY = {
    "rsa": ("-newkey", "rsa:2048"),
    "weak": ("-newkey", "rsa:1024"),
    "ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    "ed25519": ("-newkey", "ed25519"),
}


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    """Run openssl; it has to end well."""
    program = require("openssl", "openssl")
    done = subprocess.run([program, *map(str, arguments)], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass(frozen=True)
class Person:
    """Someone with a certificate; all files are PEM."""

    address: str
    certificate: Path
    key: Path
    authority: Path

    def sign(self, entity: bytes, *options: str) -> bytes:
        """Return the message that openssl makes of a MIME entity, by default multipart/signed."""
        made = openssl(
            "cms", "-sign", "-signer", self.certificate, "-inkey", self.key, "-md", "sha256", "-crlfeol", *options,
            given=entity,
        )  # fmt: skip
        return made.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def encrypt(self, entity: bytes) -> bytes:
        """Return the message that only this person can read."""
        made = openssl("cms", "-encrypt", "-aes128", self.certificate, given=entity)
        return made.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def settings(self) -> str:
        """Return the table that lets a gateway sign for this person."""
        return f'[[smime]]\naddresses = ["{self.address}"]\ncertificate = "{self.certificate}"\nkey = "{self.key}"\n'


def authority(folder: Path) -> tuple[Path, Path]:
    """Make an authority: its certificate and key."""
    certificate, key = folder / "authority.pem", folder / "authority.key"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=The Authority",
            "-addext", "keyUsage=critical,keyCertSign", "-keyout", key, "-out", certificate)  # fmt: skip
    return certificate, key


def person(
    folder: Path,
    address: str,
    kind: str = "rsa",
    *,
    days: int = 3,
    usage: str = "digitalSignature",
    purpose: str = "emailProtection",
) -> Person:
    """Make someone below the authority of `folder`; with negative `days` the certificate has expired."""
    folder.mkdir(parents=True, exist_ok=True)
    root, root_key = folder / "authority.pem", folder / "authority.key"
    if not root.exists():
        authority(folder)
    name = f"{address}-{kind}"
    request, certificate, key = (folder / f"{name}.{ending}" for ending in ("csr", "pem", "key"))
    openssl("req", "-new", *_NEW_KEY[kind], "-nodes", "-subj", f"/CN={address.split('@')[0]}",
            "-keyout", key, "-out", request)  # fmt: skip
    extensions = folder / f"{name}.ext"
    extensions.write_text(
        f"subjectAltName=email:{address}\nkeyUsage=critical,{usage}\nextendedKeyUsage={purpose}\n"
    )
    openssl("x509", "-req", "-in", request, "-CA", root, "-CAkey", root_key, "-extfile", extensions,
            "-days", str(days), "-out", certificate)  # fmt: skip
    return Person(address, certificate, key, root)


def verified(message: bytes, signer: Person) -> bytes:
    """Return what was signed, as `openssl cms -verify` sees it; it has to hold and to be by `signer`."""
    shown = signer.certificate.with_suffix(".shown")
    content = openssl("cms", "-verify", "-CAfile", signer.authority, "-purpose", "smimesign", "-signer", shown,
                      given=message)  # fmt: skip
    fingerprint = ("x509", "-noout", "-fingerprint", "-sha256", "-in")
    assert openssl(*fingerprint, shown) == openssl(*fingerprint, signer.certificate)
    return content
