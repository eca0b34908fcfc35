"""CONNEG on the wire (draft-ietf-fax-esmtp-conneg-03): the RCPT parameter and the capability lines of its reply.

What a capability means is not known here. `conneg.features` is asked to cut its text between lexical elements, and
whether joined fragments can be read at all.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from conneg.bounds import Bound
from conneg.errors import ConnegError
from conneg.smtp.reply import MAX_REPLY_LINE, Reply, Verdict

KEYWORD = "CONNEG"

KEPT_CAPABILITIES = Bound(
    name="smtp.kept_capabilities",
    value=4096,
    unit="characters of a capability whose lines are kept once they were cut, for 512 capabilities",
    reason="most recipients can take what others can, too, and cutting costs more than all else about a RCPT",
    answer="the lines of a longer one are cut each time",
)


class ConnegArgument(StrEnum):
    """The argument of the parameter (draft 4.1)."""

    REQUIRED = "REQUIRED"
    """Refuse the recipient if its capabilities cannot be reported."""
    OPTIONAL = "OPTIONAL"
    """Report the capabilities if you can."""


class CapabilityFlag(StrEnum):
    """What was not as it should be in the lines that were read."""

    MIXED_CODES = "the lines have different reply codes"
    UNPREFIXED = "a continuation line without CONNEG"
    CUT_IN_STRING = "a line was cut inside a quoted string"
    CUT_IN_ELEMENT = "a line was cut inside a lexical element"
    UNREADABLE = "the lines do not join to an expression"


@dataclass(frozen=True, slots=True)
class CapabilityRead:
    """What the CONNEG lines of one reply said: `expression` is None if they cannot be read as one."""

    expression: str | None
    fragments: tuple[str, ...]
    flags: frozenset[CapabilityFlag] = frozenset()

    @property
    def text(self) -> str:
        """The expression, or where there is none what stood in the lines instead."""
        return " ".join(self.fragments) if self.expression is None else self.expression


# Spaces around "=" are not in RFC 5321's grammar but in all examples of the draft (section 6).
_SPACED_EQUALS = re.compile(r"(?:^|(?<=[ \t]))(CONNEG)[ \t]*=[ \t]*", re.IGNORECASE)
_ARGUMENTS = {
    "": ConnegArgument.REQUIRED,  # 4.1: "If the argument does not exist, the default is REQUIRED"
    "REQUIRED": ConnegArgument.REQUIRED,
    "OPTIONAL": ConnegArgument.OPTIONAL,
    "OPTIOANL": ConnegArgument.OPTIONAL,  # the misprint in the ABNF of section 5
}
_CONNEG_LINE = re.compile(r"CONNEG(?:[ \t]|(?=\()|$)", re.IGNORECASE)

NOT_SUPPORTED_CODES = frozenset({500, 501, 502, 504, 555})
"""How servers say that they do not know CONNEG: 504 by the draft (4.3), the others by not having heard of it."""


def close_spaces(parameters: str) -> str:
    """Return RCPT's parameters with the draft's `CONNEG = REQUIRED` as `CONNEG=REQUIRED`."""
    return _SPACED_EQUALS.sub(r"\1=", parameters)


def read_argument(value: str) -> ConnegArgument | None:
    """Return what the parameter's value means, "" for none given; None if it is no argument."""
    return _ARGUMENTS.get(value.upper())


def not_supported(forward_path: str) -> Reply:
    """Return the refusal of REQUIRED where capabilities are not supported (draft 4.3: MUST 504)."""
    return Reply(504, (f"CONNEG <{forward_path}> not supported",), "5.3.3")


def unavailable(forward_path: str, code: int = 404) -> Reply:
    """Return the refusal of REQUIRED where capabilities are not available now (draft 4.3: MUST 404).

    `code` may be 451 or 455 for operators who want a code of RFC 5321.
    """
    return Reply(code, (f"CONNEG <{forward_path}> capability temporarily unavailable",), "4.3.3")


def is_not_supported(reply: Reply) -> bool:
    """Whether `reply`, to an RCPT with CONNEG, says that the server does not know CONNEG.

    A reply with an enhanced status code of the subjects address, mailbox and policy (RFC 3463, 3.2, 3.3, 3.8) is about
    the recipient.
    """
    if reply.code not in NOT_SUPPORTED_CODES:
        return False
    return reply.enhanced is None or reply.enhanced.split(".")[1] not in ("1", "2", "7")


def write_capability_reply(first: Reply, capability: str, *, enhanced: bool) -> bytes:
    """Return the octets of a successful reply: `first` is the ordinary reply to RCPT, then come the CONNEG lines.

    Every line is at most 512 octets with its CRLF and is cut only between lexical elements (draft 4.3). The code is 250
    whatever positive code `first` has. Raises `conneg.errors.ConnegError` if the text cannot be cut so, or is not
    printable ASCII.
    """
    status = first.enhanced if enhanced else None
    is_kept = len(capability) <= KEPT_CAPABILITIES.value
    lines = (_kept_lines if is_kept else _capability_lines)(capability, status)
    # "250" and a hyphen in front of each line: the code and the last line's space are changed, all else stays
    head = (first if first.code == 250 else Reply(250, first.lines, first.enhanced)).encode(enhanced)
    if head.find(b"\n") + 1 == len(head):
        return b"250-" + head[4:] + lines
    return b"".join([*(b"250-" + line[4:] for line in head.splitlines(keepends=True)), lines])


def _capability_lines(capability: str, enhanced: str | None) -> bytes:
    """Return the octets of the CONNEG lines, the last of the reply among them, each with that enhanced status code."""
    from conneg.features import wrap

    status = "" if enhanced is None else f"{enhanced} "
    text = capability.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    if not (text.isascii() and text.isprintable()):
        raise ConnegError("a capability with characters other than printable ASCII cannot be sent")
    room = MAX_REPLY_LINE.value - len(f"250-{status}{KEYWORD} \r\n")
    pieces = wrap(text, room, room)
    lines = [f"250-{status}{KEYWORD} {piece}\r\n" for piece in pieces[:-1]]
    lines.append(f"250 {status}{KEYWORD} {pieces[-1]}\r\n")
    return "".join(lines).encode("ascii")


# The same device, and so the same text, is told of to many: it is cut once.
_kept_lines = lru_cache(maxsize=512)(_capability_lines)


def read_capability(
    reply: Reply, *, is_readable: Callable[[str], bool] | None = None
) -> CapabilityRead | None:
    """Return what the CONNEG lines of a positive reply to RCPT say; None if there are none.

    `is_readable` says whether a text is an expression; without it `conneg.features` is asked.
    """
    if reply.verdict is not Verdict.POSITIVE:
        return None
    fragments, flags = _fragments(reply)
    if not fragments:
        return None
    expression, how = _join(fragments, is_readable or _is_expression)
    flags |= {
        flag for flag in (how, CapabilityFlag.MIXED_CODES if reply.mixed_codes else None) if flag is not None
    }
    return CapabilityRead(expression, tuple(fragments), frozenset(flags))


def _fragments(reply: Reply) -> tuple[list[str], set[CapabilityFlag]]:
    """Return the text of the CONNEG lines, and of lines in the open parentheses of the one before (draft 6.1)."""
    fragments: list[str] = []
    flags: set[CapabilityFlag] = set()
    for line in reply.lines:
        found = _CONNEG_LINE.match(line)
        if found is not None:
            fragments.append(line[found.end() :])
        elif fragments and _is_open(fragments):
            fragments.append(line)
            flags.add(CapabilityFlag.UNPREFIXED)
    return fragments, flags


def _is_open(fragments: Sequence[str]) -> bool:
    text = " ".join(fragments)
    outside = "".join(text.split('"')[::2])
    return outside.count("(") > outside.count(")") or text.count('"') % 2 == 1


def _join(
    fragments: Sequence[str], is_readable: Callable[[str], bool]
) -> tuple[str | None, CapabilityFlag | None]:
    """Return the fragments as one expression, and what was wrong with the cuts."""
    joined, flag = fragments[0], None
    for fragment in fragments[1:]:
        if joined.count('"') % 2:
            joined, flag = joined + fragment, CapabilityFlag.CUT_IN_STRING
        else:
            joined = f"{joined} {fragment}"
    joined = joined.strip(" \t")
    if is_readable(joined):
        return joined, flag
    closed = "".join(fragments).strip(" \t")
    if len(fragments) > 1 and is_readable(closed):
        return closed, CapabilityFlag.CUT_IN_ELEMENT
    return None, CapabilityFlag.UNREADABLE


def _is_expression(text: str) -> bool:
    from conneg.features import parse

    try:
        parse(text, lenient=True)
    except ConnegError:
        return False
    return True
