"""One AUTH on the server's side (RFC 4954): base64 around a SASL mechanism, and the replies to what comes of it."""

import base64
import binascii
import secrets

from conneg.smtp import texts
from conneg.smtp.config import PLAIN_TEXT_MECHANISMS, ServerConfig
from conneg.smtp.reply import Reply
from conneg.smtp.sasl import (
    MECHANISMS,
    Challenge,
    Concluded,
    KeysWanted,
    PasswordClaim,
    SaslError,
    ScramKeys,
    ServerMechanism,
    ServerStep,
    server_mechanism,
)

AuthStep = Reply | PasswordClaim | KeysWanted
"""A reply to send, or what the driver has to find out."""

_NONCE_OCTETS = 18


class Authentication:
    """An exchange from the command AUTH to its end; `username` is who it was proved to be, None until then.

    `is_open`: the next line is the client's response to a challenge.
    """

    __slots__ = ("_config", "_mechanism", "is_open", "username")

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._mechanism: ServerMechanism | None = None
        self.is_open = False
        self.username: str | None = None

    def begin(self, argument: str) -> AuthStep:
        """auth-command = "AUTH" SP sasl-mech [SP initial-response] ; RFC 4954, 4"""
        name, _, initial = argument.partition(" ")
        name = name.upper()
        if not name or " " in initial.strip():
            return texts.BAD_AUTH
        if name not in self._config.auth:
            is_hidden = name in PLAIN_TEXT_MECHANISMS and name in MECHANISMS and bool(self._config.auth)
            return texts.NEEDS_ENCRYPTION if is_hidden else texts.NO_SUCH_MECHANISM
        self._mechanism = server_mechanism(
            name,
            nonce=lambda: secrets.token_urlsafe(_NONCE_OCTETS).encode(),
            decoy_secret=self._config.decoy_secret,
        )
        if self._mechanism is None:
            return texts.NO_SUCH_MECHANISM
        if not initial.strip():
            return self._go_on(None)
        # "=" alone is an initial response of no octets
        octets = b"" if initial.strip() == "=" else _decode(initial.strip().encode("utf-8"))
        return texts.NOT_BASE64 if octets is None else self._go_on(octets)

    def respond(self, line: bytes) -> AuthStep:
        """Take the client's line; `*` gives up (RFC 4954, 4)."""
        self.is_open = False
        if line == b"*":
            return texts.AUTH_CANCELLED
        octets = _decode(line)
        if octets is None or self._mechanism is None:
            return texts.NOT_BASE64
        try:
            return self._answer(self._mechanism.respond(octets))
        except SaslError:
            return texts.AUTH_FAILED

    def check(self, is_right: bool) -> AuthStep:
        """Say whether the claimed password is the user's."""
        return texts.AUTH_FAILED if self._mechanism is None else self._answer(self._mechanism.check(is_right))

    def keys(self, keys: ScramKeys | None) -> AuthStep:
        """Give the user's keys, None if there is no such user: the exchange then goes on, and fails at its end."""
        return texts.AUTH_FAILED if self._mechanism is None else self._answer(self._mechanism.keys(keys))

    def _go_on(self, initial: bytes | None) -> AuthStep:
        if self._mechanism is None:
            return texts.AUTH_FAILED
        try:
            return self._answer(self._mechanism.begin(initial))
        except SaslError:
            return texts.AUTH_FAILED

    def _answer(self, step: ServerStep) -> AuthStep:
        match step:
            case Challenge(octets=octets):
                self.is_open = True
                return Reply(334, (base64.b64encode(octets).decode("ascii"),))
            case Concluded(username=username):
                self.username = username
                return texts.AUTH_FAILED if username is None else texts.AUTHENTICATED
            case _:
                return step


def _decode(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
