"""Tokens that nobody can forge: an item and an end of life, signed for one purpose. No I/O, no clock.

A token is ten octets of item, four of time and sixteen of signature: HMAC-SHA-256, cut to half its length (RFC 2104,
5). In base 32 that is 48 letters and digits without punctuation, in any letter case, so that mail programs take all
of a link for a link and people can type one from paper. It says nothing of the message, and nobody can prolong its
life.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from enum import StrEnum

from conneg.errors import ConnegError, ExitCode

_ID_OCTETS = 10
_TIME_OCTETS = 4
_SIGNATURE_OCTETS = 16
TOKEN_LENGTH = 48
"""Characters of every token."""


class Purpose(StrEnum):
    """What a token is good for; one for another purpose is a forgery."""

    LINK = "link"
    """The link in a citation."""
    SESSION = "session"
    """The cookie of who has shown the one-time code."""


class ForgedTokenError(ConnegError):
    """What was shown is no token of ours for this purpose."""

    exit_code = ExitCode.NO


class ExpiredTokenError(ConnegError):
    """The token was ours, and its time is over."""

    exit_code = ExitCode.NO


class Tokens:
    """Writes and reads tokens under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def item_id(self, message_id: str, part_id: str, sha256: str, recipients: Iterable[str]) -> str:
        """Return the id of what is staged for these recipients: the same whenever it is the same, so that an attempt
        that is made again stages nothing twice; and told to nobody who has not the key.
        """
        values = [message_id, part_id, sha256, *sorted(recipients)]
        return _text(self._mac("item", *values)[:_ID_OCTETS])

    def write(self, purpose: Purpose, item_id: str, expires_at: float) -> str:
        """Return a token for the item, good until `expires_at` (UNIX seconds, the fraction dropped)."""
        body = _octets(item_id) + int(expires_at).to_bytes(_TIME_OCTETS, "big")
        return _text(body + self._signature(purpose, body))

    def read(self, purpose: Purpose, token: str, now: float) -> tuple[str, float]:
        """Return the item and until when the token is good.

        Raises `ForgedTokenError`, and `ExpiredTokenError` only for what would have been good before.
        """
        octets = _octets(token) if len(token) == TOKEN_LENGTH else b""
        body, signature = octets[:-_SIGNATURE_OCTETS], octets[-_SIGNATURE_OCTETS:]
        if not hmac.compare_digest(signature, self._signature(purpose, body)):
            raise ForgedTokenError("no such link")
        expires_at = int.from_bytes(body[_ID_OCTETS:], "big")
        if expires_at <= now:
            raise ExpiredTokenError("the link has expired")
        return _text(body[:_ID_OCTETS]), float(expires_at)

    def code_mac(self, item_id: str, code: str) -> str:
        """Return what is kept of a one-time code in its place."""
        return self._mac("code", item_id, code).hex()

    def _signature(self, purpose: Purpose, body: bytes) -> bytes:
        return self._mac(purpose, body.hex())[:_SIGNATURE_OCTETS]

    def _mac(self, what: str, *values: str) -> bytes:
        message = b"".join(
            len(octets).to_bytes(4, "big") + octets
            for octets in (value.encode("utf-8", "surrogateescape") for value in (f"conneg {what}", *values))
        )
        return hmac.new(self._key, message, hashlib.sha256).digest()


def _text(octets: bytes) -> str:
    return base64.b32encode(octets).decode("ascii").lower()


def _octets(text: str) -> bytes:
    """Return what `text` stands for; nothing for what is no base 32."""
    try:
        return base64.b32decode(text, casefold=True)
    except (binascii.Error, ValueError):
        return b""
