"""Verifiers of DKIM that nobody here wrote: OpenDKIM, with keys from a file, and Mail::DKIM, with keys from a DNS."""

import base64
import re
import subprocess
from pathlib import Path

from tests.signing.people import openssl
from tests.system import lacking, require

_MAIL_DKIM = """
use strict; use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0], recurse => 1));
my $verifier = Mail::DKIM::Verifier->new;
binmode STDIN; local $/; $verifier->PRINT(<STDIN>); $verifier->CLOSE;
print $_->domain, ' ', $_->result, "\n" for $verifier->signatures;
"""
_MAIL_DKIM_SIGNER = """
use strict; use Mail::DKIM::Signer;
my $signer = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => 'relaxed/simple', Domain => $ARGV[0],
    Selector => $ARGV[1], KeyFile => $ARGV[2]);
binmode STDIN; local $/; $signer->PRINT(<STDIN>); $signer->CLOSE; print $signer->signature->as_string;
"""


def key_pair(folder: Path, selector: str, kind: str = "rsa") -> tuple[Path, str]:
    """Make a key for DKIM; return its file and the text of the record for the DNS (RFC 6376, 3.6.1; RFC 8463, 4)."""
    key = folder / f"{selector}.key"
    bits = (
        ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048") if kind == "rsa" else ("-algorithm", kind)
    )
    openssl("genpkey", *bits, "-out", key)
    public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    if kind != "rsa":
        public = public[-32:]  # the bare key, not the SubjectPublicKeyInfo
    return key, f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"


def by_opendkim(folder: Path, content: bytes, records: dict[str, str]) -> list[tuple[str, str]]:
    """Return selector and verdict of each signature, as OpenDKIM says; `records` are the keys' by their names."""
    program = require("opendkim", "opendkim")
    keys, settings, message = folder / "records", folder / "opendkim.conf", folder / "message"
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    settings.write_text(f"Mode v\nTestPublicKeys {keys}\nAlwaysAddARHeader yes\nAuthservID judge.test\n")
    message.write_bytes(content if content.endswith(b"\r\n") else content + b"\r\n")  # as SMTP brings it
    call = [program, "-x", str(settings), "-vv", "-t", str(message)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    return [(found[2], found[1]) for found in re.finditer(r"dkim=(\w+)[^;]*? header\.s=(\S+)", done.stdout)]


def by_mail_dkim(port: int, content: bytes) -> list[tuple[str, str]]:
    """Return domain and verdict of each signature, as Mail::DKIM says that asks the DNS at `port`."""
    done = subprocess.run(
        [_perl(), "-e", _MAIL_DKIM, str(port)], input=content, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return [(domain, verdict) for domain, verdict in re.findall(r"^(\S+) (\S+)", done.stdout.decode(), re.M)]


def _perl() -> str:
    perl = require("perl", "perl")
    if subprocess.run([perl, "-MMail::DKIM", "-e", "1"], capture_output=True, check=False).returncode:
        lacking("needs Mail::DKIM: apt-get install libmail-dkim-perl")
    return perl


def txt(name: str, text: str) -> str:
    """Write a TXT record as a line of a master file, in strings of at most 255 octets (RFC 6376, 3.6.2.2)."""
    strings = " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))
    return f"{name} IN TXT {strings}"


def signed_by_mail_dkim(content: bytes, domain: str, selector: str, key: Path) -> bytes:
    """Return `content` with a signature that Mail::DKIM made on top."""
    call = [_perl(), "-e", _MAIL_DKIM_SIGNER, domain, selector, str(key)]
    done = subprocess.run(call, input=content, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout + b"\r\n" + content
