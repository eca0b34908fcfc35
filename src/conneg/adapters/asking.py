"""What the adapters of client libraries share, without I/O: requests, replies, and classes of recipients."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from conneg.smtp import RcptRequest, RcptResult, Reply, read_reply_lines
from conneg.smtp.asking import Asking
from conneg.smtp.extension import parameters_of


@dataclass(frozen=True, slots=True)
class Sent:
    """How one recipient fared: what was `asked`, and the reply that settled it, None if no content was chosen."""

    asked: RcptResult
    reply: Reply | None


def start_asking(request: RcptRequest, features: Mapping[str, str]) -> Asking:
    """Return the recipient's way through RCPT; DSN parameters only where DSN is listed (RFC 3461, 4)."""
    extensions = {keyword.upper(): value for keyword, value in features.items()}
    if not {"NOTIFY", "ORCPT"} <= parameters_of(extensions, "RCPT"):
        request = replace(request, notify=None, orcpt=None)
    return Asking(request, extensions, "draft")


def as_reply(code: int, text: str) -> Reply:
    """Return the reply that a library gave as its code and its lines. Raises `RemoteProtocolError`."""
    lines = text.split("\n")
    last = len(lines) - 1
    return read_reply_lines([f"{code}{'-' if at < last else ' '}{line}" for at, line in enumerate(lines)])


def classes_of(results: Iterable[RcptResult]) -> dict[str | None, list[RcptResult]]:
    """Return the accepted recipients by what their capability says, None for none (draft, appendix A 3)."""
    found: dict[str | None, list[RcptResult]] = {}
    for result in results:
        if result.reply.is_positive:
            expression = None if result.capability is None else result.capability.expression
            found.setdefault(expression, []).append(result)
    return found
