"""An e-mail backend for Django: `EMAIL_BACKEND = "conneg.adapters.django.EmailBackend"`.

It is Django's SMTP backend, with all its settings, but for the connection: that asks for each recipient what it can
take (draft-ietf-fax-esmtp-conneg-03) and sends the best that the message holds for it. Settings of its own:

- `CONNEG_FEATURES`: media type -> what the site's files of that type are like, as an expression (RFC 2533) or the name
  of a TIFF-FX profile, for parts without a Content-Features field: `{"image/tiff": "S"}`.
- `CONNEG_CHOOSE`: the dotted name of a function that is given the EmailMessage and its octets and returns what
  `conneg.adapters.smtplib.NegotiatingSMTP.send_negotiated` takes as `choose`. Without it the message's own alternatives
  are chosen from (`conneg.adapters.Alternatives`).
- `CONNEG_ASK`: "OPTIONAL" (the default), or "REQUIRED" for mail that must not be sent where nothing is announced.

Each message has its results in `message.conneg_results` after it was sent (`conneg.adapters.RecipientResult`). As from
smtplib, an exception comes only if no recipient got it; the others that did not are logged.
"""

import logging
import smtplib
import threading
from collections.abc import Sequence
from email.utils import parseaddr
from typing import Any

from django import conf
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend as DjangoBackend
from django.utils.module_loading import import_string

from conneg.adapters.alternatives import Alternatives
from conneg.adapters.smtplib import Choose, NegotiatingSMTP
from conneg.adapters.values import RecipientResult
from conneg.errors import ConnegError
from conneg.smtp import ConnegArgument

_log = logging.getLogger(__name__)


class _Connection(NegotiatingSMTP):
    """smtplib's client whose `sendmail` negotiates; `message` is what Django is about to send."""

    message: EmailMessage | None = None
    results: Sequence[RecipientResult] = ()

    def sendmail(
        self, from_addr: str, to_addrs: str | Sequence[str], msg: Any, *options: Any, **more: Any
    ) -> dict[str, tuple[int, bytes]]:
        """Return what became of the recipients that were not sent the message; raise if none was, as smtplib does."""
        self.results = ()
        recipients = [to_addrs] if isinstance(to_addrs, str) else to_addrs
        self.results = self.send_negotiated(
            parseaddr(from_addr)[1],
            [parseaddr(one)[1] for one in recipients],
            _chooser(self.message, msg),
            conneg=ConnegArgument(getattr(conf.settings, "CONNEG_ASK", "OPTIONAL")),
        )
        failed = {one.request.forward_path: _refusal(one) for one in self.results if not one.is_sent}
        if len(failed) and not any(one.is_sent for one in self.results):
            raise smtplib.SMTPRecipientsRefused(failed)
        for path, (code, text) in failed.items():
            _log.warning("%s did not get the message: %d %s", path, code, text.decode("utf-8", "replace"))
        return failed


class _SecureConnection(_Connection, smtplib.SMTP_SSL):
    """The same over TLS from the first octet."""


class EmailBackend(DjangoBackend):  # type: ignore[misc]  # Django has no types
    """Django's SMTP backend with content negotiation; see the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._one_at_a_time = threading.RLock()

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """The client that Django connects with."""
        return _SecureConnection if self.use_ssl else _Connection

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send each message to its recipients; return how many had at least one that got it.

        Raises what Django's backend raises, and `conneg.errors.ConnegError` for content, descriptions and addresses
        that cannot be read; neither with `fail_silently`.
        """
        with self._one_at_a_time:
            is_new = self.open() if email_messages else None
            if self.connection is None:
                return 0
            try:
                return sum(self._send_one(message) for message in email_messages)
            finally:
                if is_new:
                    self.close()

    def _send_one(self, message: EmailMessage) -> int:
        if self.connection is None or self.connection.sock is None:  # the server ended the session before
            self.close()
            if not self.open():
                return 0
        connection: _Connection = self.connection
        connection.message, connection.results = message, ()
        try:
            return int(super().send_messages([message]) or 0)
        except ConnegError:
            if not self.fail_silently:
                raise
            return 0
        finally:
            message.conneg_results = list(connection.results)


def _chooser(message: EmailMessage | None, content: bytes) -> Choose:
    name = getattr(conf.settings, "CONNEG_CHOOSE", None)
    if name is not None:
        chosen: Choose = import_string(name)(message, content)
        return chosen
    return Alternatives(content, getattr(conf.settings, "CONNEG_FEATURES", None))


def _refusal(result: RecipientResult) -> tuple[int, bytes]:
    """Return the reply in smtplib's form; 554 5.6.1 (RFC 3463, 3.7) where no form of the message is accepted."""
    if result.reply is None:
        return 554, b"5.6.1 no form of the message is accepted"
    status = f"{result.reply.enhanced} " if result.reply.enhanced else ""
    return result.reply.code, f"{status}{result.reply.text}".encode()
