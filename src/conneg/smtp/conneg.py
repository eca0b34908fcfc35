"""CONNEG on the wire: the parameter of RCPT, and the capability in its reply (draft 4 and 5; its examples' variants)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from conneg.features import parse, unfold, wrap
from conneg.errors import ConnegError
from conneg.smtp.reply import Reply

MAX_LINE_OCTETS = 512
"""A reply line with its code and CRLF (draft 4.3, RFC 5321, 4.5.3.1.5)."""


class ConnegArgument(StrEnum):
    """The argument of the parameter; without one it is REQUIRED (draft 4.1)."""

    REQUIRED = "REQUIRED"
    OPTIONAL = "OPTIONAL"


_ARGUMENTS = {
    "REQUIRED": ConnegArgument.REQUIRED,
    "OPTIONAL": ConnegArgument.OPTIONAL,
    "OPTIOANL": ConnegArgument.OPTIONAL,  # the draft's own ABNF, section 5
}
_SPACED = re.compile(r"(?i)(?<=[ \t])(CONNEG)[ \t]*=[ \t]*(?=[A-Za-z])")
_CONNEG_LINE = re.compile(r"(?i)CONNEG(?=[ \t(]|$)[ ]?")


def close_up(parameters: str) -> str:
    """Remove the spaces around the `=` of CONNEG that all examples of the draft have (`CONNEG = REQUIRED`)."""
    return _SPACED.sub(r"\1=", f" {parameters}")[1:] if "onneg" in parameters.lower() else parameters


def read_argument(value: str | None) -> ConnegArgument | None:
    """Return the argument that `value` is, REQUIRED for none; None for one that there is not."""
    return ConnegArgument.REQUIRED if value is None else _ARGUMENTS.get(value.upper())


def write_capability_reply(first: Reply, capability: str, *, enhanced: bool) -> bytes:
    """Return the octets of a success: the ordinary reply to RCPT, then the capability on lines of at most 512 octets."""
    prefix = f"{first.code}-{first.enhanced} " if enhanced and first.enhanced else f"{first.code}-"
    room = MAX_LINE_OCTETS - len(prefix) - len("CONNEG ") - len("\r\n")
    pieces = wrap(unfold(capability), room, room)
    lines = [f"{prefix}{text}" for text in first.lines]
    lines += [f"{prefix}CONNEG {piece}" for piece in pieces]
    lines[-1] = f"{lines[-1][:3]} {lines[-1][4:]}"
    return "".join(f"{line}\r\n" for line in lines).encode("ascii", "replace")


@dataclass(frozen=True, slots=True)
class CapabilityRead:
    """What was found of a capability in a reply: the expression, or None with the reason in `problem`."""

    expression: str | None
    problem: str | None = None


def read_capability(reply: Reply) -> CapabilityRead | None:
    """Return the capability in a reply, leniently (draft A6); None when there is no CONNEG line."""
    fragments: list[str] = []
    for line in reply.lines:
        match = _CONNEG_LINE.match(line)
        if match:
            fragments.append(line[match.end() :])
        elif fragments and line.lstrip().startswith("("):
            fragments.append(line)  # a continuation without its prefix, as in the draft's example 6.1
    if not fragments:
        return None
    spaced = _join(fragments)
    problem = ""
    for text in dict.fromkeys((spaced, "".join(fragments))):
        try:
            parse(text.strip(), lenient=True)
        except ConnegError as error:
            problem = problem or str(error)
        else:
            return CapabilityRead(text.strip())
    return CapabilityRead(None, problem)


def _join(fragments: list[str]) -> str:
    """Join with a space, but with nothing inside a quoted string that was cut."""
    text = fragments[0]
    for fragment in fragments[1:]:
        text += ("" if text.count('"') % 2 else " ") + fragment
    return text
