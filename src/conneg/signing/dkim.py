"""DKIM signatures of our own (RFC 6376; Ed25519: RFC 8463): relaxed canonical form of header and body, SHA-256."""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from conneg.mail import Field, Fields, from_mailbox, read_fields
from conneg.signing.keys import DkimKey

DEFAULT_FIELDS = (
    "From", "Sender", "Reply-To", "Subject", "Date", "To", "Cc", "Message-ID", "In-Reply-To", "References",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-ID", "Content-Description",
    "List-Id", "List-Post", "List-Unsubscribe", "List-Unsubscribe-Post",
)  # fmt: skip
"""What is signed where it is there (RFC 6376, 5.4.1)."""
_SEALED = frozenset(
    {"from", "reply-to", "subject", "date", "to", "cc", "message-id", "mime-version", "content-type",
     "content-transfer-encoding"}
)  # fmt: skip
"""What is named once more than it is there, so that nobody can add another (RFC 6376, 8.15)."""
_BLANKS = re.compile(rb"[ \t]+")
_LINE_LENGTH = 70


@dataclass(frozen=True, slots=True)
class DkimSigner:
    """Signs for `domain` with `key`, whose public half stands in the DNS under `selector`.

    `authors`: the domains of From whose mail is signed, `*.` for those below one, `*` for all. `only_changed`:
    messages that go out as they came are not signed.
    """

    domain: str
    selector: str
    key: DkimKey
    authors: tuple[str, ...]
    fields: tuple[str, ...] = DEFAULT_FIELDS
    only_changed: bool = False

    def signs_for(self, fields: Fields) -> bool:
        """Whether mail with this header is signed: from one mailbox, in one of our domains."""
        author = from_mailbox(fields)
        return author is not None and any(_is_in(author.domain.lower(), pattern) for pattern in self.authors)

    def field_for(self, content: bytes, *, at: float) -> bytes:
        """Return the DKIM-Signature field (RFC 6376, 3.5) for `content`, which goes out as it is at Unix time `at`."""
        fields = read_fields(content)
        digest = hashlib.sha256(relaxed_body(content[fields.body_start :])).digest()
        algorithm = "rsa" if isinstance(self.key, rsa.RSAPrivateKey) else "ed25519"
        chosen = list(_chosen(fields, self.fields))
        names = [name for name, _ in chosen]
        head = (
            f"v=1; a={algorithm}-sha256; c=relaxed/relaxed; d={self.domain}; s={self.selector};\r\n"
            f" t={int(at)};\r\n{_folded('h=', ':', names)};\r\n bh={base64.b64encode(digest).decode()};\r\n b="
        )
        signed = b"".join(relaxed_field(field.raw) for _, field in chosen if field is not None)
        signed += relaxed_field(f"DKIM-Signature: {head}".encode()).removesuffix(b"\r\n")
        signature = base64.b64encode(self._sign(signed)).decode()
        starts = range(0, len(signature), _LINE_LENGTH)
        folded = "\r\n  ".join(signature[start : start + _LINE_LENGTH] for start in starts)
        return f"DKIM-Signature: {head}{folded}\r\n".encode()

    def _sign(self, octets: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(hashlib.sha256(octets).digest())  # RFC 8463, 3


def relaxed_field(raw: bytes) -> bytes:
    """One field in its relaxed form, with its line end        ; RFC 6376, 3.4.2."""
    name, _, value = raw.partition(b":")
    unfolded = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return name.strip().lower() + b":" + _BLANKS.sub(b" ", unfolded).strip(b" ") + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """The body in its relaxed form        ; RFC 6376, 3.4.4. Takes time in proportion to its length."""
    text = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n")
    text = text.removesuffix(b" ") if text.endswith(b" ") else text
    end = len(text)
    while text.endswith(b"\r\n", 0, end):
        end -= 2
    return text[:end] + b"\r\n" if end else b""


def _chosen(fields: Fields, names: Sequence[str]) -> Iterator[tuple[str, Field | None]]:
    """Every field of those names, the last first (RFC 6376, 5.4.2), then once more what must stay as many."""
    by_name: dict[str, list[Field]] = {}
    for field in fields:
        by_name.setdefault(field.name.lower(), []).append(field)
    for name in names:
        for field in reversed(by_name.get(name.lower(), [])):
            yield name, field
        if name.lower() in _SEALED:
            yield name, None


def _folded(first: str, separator: str, words: Sequence[str]) -> str:
    lines, line = [], f" {first}"
    for number, word in enumerate(words):
        word += separator if number < len(words) - 1 else ""
        if len(line) + len(word) > _LINE_LENGTH:
            lines.append(line)
            line = "  "
        line += word
    return "\r\n".join([*lines, line])


def _is_in(domain: str, pattern: str) -> bool:
    return domain.endswith(pattern[1:]) if pattern.startswith("*.") else pattern in (domain, "*")
