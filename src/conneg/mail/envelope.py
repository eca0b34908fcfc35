"""What SMTP carries beside the content: the reverse-path, the recipients and what the sender asked for each
of them.

ENVID and ORCPT are kept as they came on the wire, xtext and all (RFC 3461, section 4), so that a relay passes
on the very octets; `conneg.mail.xtext` reads them for people.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conneg.errors import ConnegError


class EnvelopeError(ConnegError):
    """Text that is no envelope of ours, or an envelope that cannot be written."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT: its forward-path without angle brackets, and the DSN parameters NOTIFY and ORCPT as given."""

    forward_path: str
    notify: frozenset[str] | None = None
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One transaction's envelope; `reverse_path` is `""` for the null reverse-path, `body` is MAIL's BODY
    value, `smtputf8` and `requiretls` say whether MAIL had them (RFC 6531, RFC 8689). `tls_optional`: the header had
    `TLS-Required: No` in place of the latter (RFC 8689, 4.1). `is_ours`: it came from a client who may send to any
    domain, so its author is one of ours.
    """

    reverse_path: str
    recipients: tuple[Recipient, ...]
    body: str | None = None
    envid: str | None = None
    ret: str | None = None
    smtputf8: bool = False
    requiretls: bool = False
    tls_optional: bool = False
    is_ours: bool = False

    def to_json(self) -> str:
        """Return the envelope as one line of JSON; what is absent is left out."""
        return _dump(
            {**_mail_values(self), "to": [_recipient_values(recipient) for recipient in self.recipients]}
        )

    @classmethod
    def from_json(cls, text: str) -> "Envelope":
        """Read what `to_json` wrote. Raises `EnvelopeError`."""
        try:
            values = json.loads(text)
            recipients = tuple(_read_recipient(entry) for entry in values["to"])
            return cls(
                reverse_path=_text(values, "from") or "",
                recipients=recipients,
                body=_text(values, "body"),
                envid=_text(values, "envid"),
                ret=_text(values, "ret"),
                smtputf8=bool(values.get("smtputf8", False)),
                requiretls=bool(values.get("requiretls", False)),
                tls_optional=bool(values.get("tls_optional", False)),
                is_ours=bool(values.get("is_ours", False)),
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise EnvelopeError(f"no envelope in {text[:60]!r}: {error!r}") from error


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: every message has an envelope to be written."""


def _mail_values(envelope: Envelope) -> dict[str, Any]:
    optional = {
        "body": envelope.body,
        "envid": envelope.envid,
        "ret": envelope.ret,
        "smtputf8": envelope.smtputf8 or None,
        "requiretls": envelope.requiretls or None,
        "tls_optional": envelope.tls_optional or None,
        "is_ours": envelope.is_ours or None,
    }
    return {
        "from": envelope.reverse_path,
        **{key: value for key, value in optional.items() if value is not None},
    }


def _recipient_values(recipient: Recipient) -> dict[str, Any]:
    values: dict[str, Any] = {"path": recipient.forward_path}
    if recipient.notify is not None:
        values["notify"] = sorted(recipient.notify)
    if recipient.orcpt is not None:
        values["orcpt"] = recipient.orcpt
    return values


def _read_recipient(values: Mapping[str, Any]) -> Recipient:
    notify = values.get("notify")
    path = _text(values, "path")
    if path is None:
        raise ValueError("a recipient without path")
    return Recipient(path, None if notify is None else frozenset(map(str, notify)), _text(values, "orcpt"))


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key!r} is no text")
    return value
