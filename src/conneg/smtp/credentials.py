"""One AUTH on the client's side (RFC 4954): base64 around a SASL mechanism."""

import base64
import secrets
from collections.abc import Collection

from conneg.smtp.config import PLAIN_TEXT_MECHANISMS
from conneg.smtp.reply import RemoteProtocolError, Reply
from conneg.smtp.sasl import SaslError, client_mechanism
from conneg.smtp.states import LocalProtocolError

GIVE_UP = "*"
_NONCE_OCTETS = 18


class Credentials:
    """Who the client is, on the way to being proved by the best mechanism that the server offers.

    Without TLS no password is sent in the clear. Raises `LocalProtocolError` if no mechanism is left.
    """

    def __init__(self, offered: Collection[str], username: str, password: str, *, is_secure: bool) -> None:
        usable = set(offered) if is_secure else set(offered) - PLAIN_TEXT_MECHANISMS
        mechanism = client_mechanism(
            usable, username, password, nonce=lambda: secrets.token_urlsafe(_NONCE_OCTETS).encode("ascii")
        )
        if mechanism is None:
            raise LocalProtocolError("the server offers no mechanism of authentication that can be used here")
        self._mechanism = mechanism
        self._has_given_up = False

    def begin(self) -> tuple[str, str]:
        """Return the command, and behind it what stands in no transcript."""
        initial = self._mechanism.initial()
        secret = "" if initial is None else f" {base64.b64encode(initial).decode('ascii') or '='}"
        return f"AUTH {self._mechanism.name}", secret

    def answer(self, reply: Reply) -> str | None:
        """Return the response to a challenge, or `GIVE_UP` (RFC 4954, 4); None if the exchange is over.

        Raises `RemoteProtocolError` if the server says yes and has not shown that it knows the password.
        """
        if reply.code == 334 and not self._has_given_up:
            try:
                challenge = base64.b64decode(reply.text.strip(), validate=True)
                return base64.b64encode(self._mechanism.respond(challenge)).decode("ascii")
            except (SaslError, ValueError):  # also for text outside ASCII, which is no base64
                self._has_given_up = True
                return GIVE_UP
        if reply.is_positive and not self._has_given_up:
            try:
                self._mechanism.conclude()
            except SaslError as error:
                raise RemoteProtocolError(
                    f"the server is not the one that knows the password: {error}"
                ) from None
        return None
