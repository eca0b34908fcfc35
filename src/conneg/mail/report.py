"""Delivery status notifications (RFC 3461, 6; RFC 3464; RFC 6522; RFC 6533): what happened to whom, for
people and programs.

The first part says in plain words what happened and what to do; the second says it to programs; the third
returns the message or its header. The caller sends the report from the null reverse-path, and never about
one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from conneg.bounds import Bound
from conneg.mail.body import write_base64
from conneg.mail.fields import read_fields, write_features_field, write_field
from conneg.mail.words import write_words
from conneg.mail.xtext import read_utf8_address, read_xtext, write_utf8_address

MAX_RETURNED = Bound(
    name="mail.returned",
    value=10 * 1024 * 1024,
    unit="octets of a returned message",
    reason="RFC 3461, 6.2 lets a server set a length above which RET=FULL returns the header only",
    answer="only the header is returned",
)

_EOL = b"\r\n"
_WIDTH = 72


class Action(StrEnum):
    """What became of the message for one recipient (RFC 3464, 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


_HEADLINES = {
    Action.FAILED: ("Delivery failed", "Your message could not be delivered to:"),
    Action.DELAYED: (
        "Delivery delayed",
        "Your message has not been delivered yet. Nothing needs to be done now. Waiting for:",
    ),
    Action.DELIVERED: ("Delivered", "Your message was delivered to:"),
    Action.RELAYED: ("Relayed", "Your message was passed on to a server that sends no confirmations, for:"),
    Action.EXPANDED: ("Delivered to a list", "Your message was delivered to the members of:"),
}


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What is reported of one recipient.

    `action` is one of `Action`; `status` an enhanced status code (RFC 3463); `diagnostic` the peer's own
    words, one line; `orcpt` the ORCPT parameter as it came (xtext); `explanation` plain words for the sender,
    with what to do; `media_accept_features` the expression of what the recipient can take (RFC 2530).
    """

    forward_path: str
    action: str
    status: str
    diagnostic: str | None = None
    remote_mta: str | None = None
    orcpt: str | None = None
    explanation: str = ""
    media_accept_features: str | None = None
    will_retry_until: datetime | None = None


def write_dsn(
    *,
    reporting_mta: str,
    to: str,
    original: bytes,
    envid: str | None,
    ret: str | None,
    reports: Sequence[RecipientReport],
    arrival_date: datetime,
    message_id: str,
    date: datetime,
) -> bytes:
    """Return the content of a DSN about `original` to its reverse-path `to`, lines ended by CRLF.

    `envid` and `ret` are MAIL's parameters as they came; `message_id` stands with its angle brackets. RET
    counts only for a report of failure (RFC 3461, 4.3). Raises `ValueError` without any report or for an
    unknown action, and `conneg.mail.FieldError` for a line end where there can be none.
    """
    if not reports:
        raise ValueError("a report about no recipient")
    actions = [Action(report.action) for report in reports]
    whole = ret is not None and ret.upper() == "FULL" and Action.FAILED in actions
    whole = whole and len(original) <= MAX_RETURNED.value
    parts = [
        _text_part(reporting_mta, reports, whole),
        _status_part(reporting_mta, envid, arrival_date, reports),
        _returned_part(original, whole),
    ]
    boundary = _boundary(parts)
    delimiter = b"--" + boundary.encode() + _EOL
    header = _header(
        reporting_mta, to, original, _worst(actions), message_id, date, boundary, any(map(_has_8bit, parts))
    )
    body = b"".join(delimiter + part + _EOL for part in parts)
    return header + _EOL + body + b"--" + boundary.encode() + b"--" + _EOL


def _worst(actions: Sequence[Action]) -> Action:
    return min(actions, key=list(Action).index)


def _header(
    reporting_mta: str,
    to: str,
    original: bytes,
    action: Action,
    message_id: str,
    date: datetime,
    boundary: str,
    has_8bit: bool,
) -> bytes:
    about = read_fields(original)
    subject = about.first("Subject")
    title = _HEADLINES[action][0] + (f": {_one_line(subject.text)[:200]}" if subject is not None else "")
    fields = [
        write_field("Date", format_datetime(date)),
        write_field("From", f"Mail Delivery System <MAILER-DAEMON@{reporting_mta}>"),
        write_field("To", f"<{to}>"),
        write_field("Subject", write_words(title)),
        write_field("Message-ID", message_id),
        write_field("Auto-Submitted", "auto-replied"),  # RFC 3834, 5
    ]
    if identifier := _one_line(about.get("Message-ID") or "")[:500]:
        fields.append(write_field("In-Reply-To", identifier))
    fields.append(write_field("MIME-Version", "1.0"))
    report_type = f'multipart/report; report-type=delivery-status; boundary="{boundary}"'
    fields.append(write_field("Content-Type", report_type))
    if has_8bit:
        fields.append(write_field("Content-Transfer-Encoding", "8bit"))
    return b"".join(fields)


def _has_8bit(part: bytes) -> bool:
    return not part.isascii()


def _text_part(reporting_mta: str, reports: Sequence[RecipientReport], whole: bool) -> bytes:
    """The part for people, grouped by what happened, the worst first."""
    lines = [f"This is the mail system at {reporting_mta}.", ""]
    for action in Action:
        concerned = [report for report in reports if report.action == action]
        if concerned:
            lines += [*_wrap(_HEADLINES[action][1], ""), ""]
            for report in concerned:
                lines += _tell(report)
    lines.append("Your message is attached." if whole else "The header of your message is attached.")
    octets = _EOL.join(line.encode("utf-8", "replace") for line in lines) + _EOL
    content_type = f"text/plain; charset={'us-ascii' if octets.isascii() else 'utf-8'}"
    header = write_field("Content-Type", content_type)
    if octets.isascii() and max(map(len, lines)) < 990:
        return header + _EOL + octets
    return header + write_field("Content-Transfer-Encoding", "base64") + _EOL + write_base64(octets) + _EOL


def _tell(report: RecipientReport) -> list[str]:
    lines = [f"  <{_one_line(report.forward_path)}>"]
    lines += _wrap(report.explanation, "    ")
    if report.diagnostic:
        said = f"{report.remote_mta} said: " if report.remote_mta else ""
        lines += _wrap(f"{said}{report.diagnostic}", "    ")
    if report.will_retry_until is not None:
        lines += _wrap(f"It will be tried again until {format_datetime(report.will_retry_until)}.", "    ")
    return [*lines, ""]


def _wrap(text: str, indent: str) -> list[str]:
    """Break `text` at spaces into lines of at most 72 characters, each after `indent`; long words stay whole."""
    lines: list[str] = []
    for word in _one_line(text).split():
        if lines and len(lines[-1]) + 1 + len(word) <= _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{indent}{word}")
    return lines


def _one_line(text: str) -> str:
    """Control characters, line ends among them, become spaces."""
    return "".join(char if char >= " " and char != "\x7f" else " " for char in text).strip()


def _status_part(
    reporting_mta: str, envid: str | None, arrival_date: datetime, reports: Sequence[RecipientReport]
) -> bytes:
    """message/delivery-status: fields about the message, then a group of fields for each recipient (RFC 3464,
    2.1).
    """
    message = []
    if envid is not None:
        message.append(write_field("Original-Envelope-Id", _ascii(read_xtext(envid))))
    message.append(write_field("Reporting-MTA", f"dns; {reporting_mta}"))
    message.append(write_field("Arrival-Date", format_datetime(arrival_date)))
    groups = [b"".join(message), *(_recipient_fields(report) for report in reports)]
    return write_field("Content-Type", "message/delivery-status") + _EOL + _EOL.join(groups)


def _recipient_fields(report: RecipientReport) -> bytes:
    fields = []
    if report.orcpt is not None:
        fields.append(write_field("Original-Recipient", _original_recipient(report.orcpt)))
    fields += [
        write_field("Final-Recipient", _final_recipient(report.forward_path)),
        write_field("Action", report.action),
        write_field("Status", report.status),
    ]
    if report.remote_mta:
        fields.append(write_field("Remote-MTA", f"dns; {_ascii(report.remote_mta)}"))
    if report.diagnostic:
        fields.append(write_field("Diagnostic-Code", f"smtp; {_ascii(report.diagnostic)[:900]}"))
    if report.will_retry_until is not None:
        fields.append(write_field("Will-Retry-Until", format_datetime(report.will_retry_until)))
    if report.media_accept_features is not None:
        fields.append(write_features_field("Media-Accept-Features", report.media_accept_features))
    return b"".join(fields)


def _final_recipient(forward_path: str) -> str:
    """RFC 3464, 2.3.2; an address outside ASCII has the type `utf-8` and its 7-bit form (RFC 6533, 3)."""
    if forward_path.isascii():
        return f"rfc822; {_one_line(forward_path)}"
    return f"utf-8; {write_utf8_address(forward_path)}"


def _original_recipient(orcpt: str) -> str:
    """The ORCPT parameter: address type as it was, xtext undone (RFC 3461, 6.3 d); `utf-8` stays in its 7-bit
    form.
    """
    address_type, _, address = orcpt.partition(";")
    if address_type.lower() == "utf-8":
        return f"utf-8; {write_utf8_address(read_utf8_address(read_xtext(address)))}"
    return f"{_ascii(address_type)}; {_ascii(read_xtext(address))}"


def _ascii(text: str) -> str:
    return _one_line(text).encode("ascii", "replace").decode("ascii")


_RETURNED_TYPES = {
    True: ("message/rfc822", "message/global"),
    False: ("text/rfc822-headers", "message/global-headers"),
}


def _returned_part(original: bytes, whole: bool) -> bytes:
    """The message (message/rfc822), or its header (text/rfc822-headers, RFC 6522, 4).

    With a header outside ASCII they are message/global and message/global-headers (RFC 6533, 4.2 and 4.3).
    """
    header = original[: _header_end(original)]
    returned = original if whole else header
    ascii_type, global_type = _RETURNED_TYPES[whole]
    fields = write_field("Content-Type", ascii_type if header.isascii() else global_type)
    if not returned.isascii():
        fields += write_field("Content-Transfer-Encoding", "8bit")
    return fields + _EOL + returned


def _header_end(original: bytes) -> int:
    fields = read_fields(original)
    return fields[-1].end if len(fields) else 0


def _boundary(parts: Sequence[bytes]) -> str:
    """A boundary that is in none of the parts; made from them, so that the same report is the same octets."""
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    while any(digest[:24].encode() in part for part in parts):
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return f"=_report_{digest[:24]}"
