"""What was ever taken for the end of a message: octets behind which somebody hides the commands of a second one.

A server that sees no end there passes them on; the next one, if it does, obeys the commands as its client's own.
The sources: [SEC] SEC Consult, "SMTP Smuggling - Spoofing E-Mails Worldwide", December 2023, and its scanner;
[VU] CERT/CC VU#302671; [smtpsmug] H. Böck's tool of that name; [checker] smtp_smuggling_checker; the CVE numbers; the
pages smtp-smuggling and false-smuggling-claims of Postfix. Those of [ours] are of no publication that we know: servers
that trim or cut lines, clear the eighth bit, or ask a library what a line is.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

FIRST, SECOND, VICTIM = "amy@example.com", "admin@office.example", "victim@office.example"

COMMANDS = (
    f"MAIL FROM:<{SECOND}>\r\nRCPT TO:<{VICTIM}>\r\nDATA\r\n"
    f"From: {SECOND}\r\nTo: {VICTIM}\r\nSubject: smuggled\r\n\r\nThis was never sent.\r\n"
).encode()
"""The second message, as its sender wants it read."""

HEADER = (
    b"From: amy@example.com\r\nTo: june@office.example\r\nSubject: first\r\nMessage-ID: <1@example.com>\r\n"
    b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\n"
)

REFUSED = "554 5.6.0 content with a bare CR or LF, or a dot behind NUL, is refused; lines end with CRLF"
ACCEPTED = "250 2.0.0 message accepted"


class Place(Enum):
    """Where the octets are: the first of the content, behind the CRLF of DATA; in it; the last of it.

    Behind them are the commands of the second message, or, at the end, those of the transaction that follows.
    """

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Trick:
    """Octets that may be taken for the end of a message, and who took them for it."""

    octets: bytes
    source: str

    @property
    def name(self) -> str:
        """The octets, spelt out."""
        return spell(self.octets)

    @property
    def has_bare_newline(self) -> bool:
        """Whether a CR or LF is not part of CRLF: such content is refused."""
        rest = self.octets.replace(b"\r\n", b"")
        return b"\r" in rest or b"\n" in rest

    @property
    def is_refused(self) -> bool:
        """Whether a server that refuses what may hide an end refuses it."""
        return self.reply != ACCEPTED

    @property
    def reply(self) -> str:
        """What a server that refuses such content answers after the real end."""
        return REFUSED if self.has_bare_newline or b"\0." in self.octets else ACCEPTED

    def content(self, place: Place = Place.MIDDLE) -> bytes:
        """A message's content, up to the real end, with these octets at some place of it."""
        match place:
            case Place.START:
                return self.octets.removeprefix(b"\r\n") + COMMANDS
            case Place.MIDDLE:
                return HEADER + b"The first message." + self.octets + COMMANDS
            case Place.END:
                return HEADER + b"The first message." + self.octets
            case _:
                assert_never(place)


TRICKS = (
    Trick(b"\n.\n", "[SEC], [VU], [smtpsmug]"),
    Trick(
        b"\n.\r\n",
        "[SEC], CVE-2023-51764 Postfix, CVE-2023-51765 Sendmail, CVE-2023-51766 Exim, CVE-2024-27305 aiosmtpd",
    ),
    Trick(b"\n.\r", "[SEC], [smtpsmug]"),
    Trick(b"\r.\r", "[SEC]: Cisco Secure Email"),
    Trick(b"\r.\n", "[SEC], [smtpsmug]"),
    Trick(b"\r.\r\n", "[SEC], [smtpsmug]"),
    Trick(b"\r\n.\n", "[smtpsmug]"),
    Trick(b"\r\n.\r", "[smtpsmug], [checker]"),
    Trick(b"\n\n.\r\n", "[checker]"),
    Trick(b"\r\n\0.\r\n", "[SEC], [smtpsmug]: servers that drop NUL"),
    Trick(b"\r\n.\0\r\n", "[checker]: servers that drop NUL, or stop at it"),
    Trick(b"\r\n\0.\r", "[checker]"),
    Trick(b"\r\n\0.\n", "[checker]"),
    Trick(b"\r\r\n.\r\r\n", "[SEC]; Postfix, false-smuggling-claims: CR CR LF read as CR LF"),
    Trick(b"\r\n.\r\r\n", "[SEC]"),
    Trick(b"\n\r.\r\n", "[ours]: LF CR for CR LF"),
    Trick(b"\n\r.\n\r", "[ours]: LF CR for CR LF"),
    Trick(b"\n..\r\n", "[ours]: a dot taken off where no line begins"),
    Trick(b"\n..\n", "[ours]: a dot taken off where no line begins"),
    Trick(b"\r\n..\n", "[ours]: a dot taken off a line that has no end"),
    Trick(b"\r\n..stuffed\n.\r\n", "[ours]: a bare LF inside a line that was stuffed"),
    Trick(b"\r\n..\r\n", "[ours]: RFC 5321, 4.5.2 undone twice"),
    Trick(b"\r\n. \r\n", "[ours]: lines whose blanks are taken off before they are looked at"),
    Trick(b"\r\n .\r\n", "[ours]: lines whose blanks are taken off before they are looked at"),
    Trick(b"\r\n.\t\r\n", "[ours]: lines whose blanks are taken off before they are looked at"),
    Trick(b"\x0b.\x0b", "[ours]: str.splitlines of Python"),
    Trick(b"\x0c.\x0c", "[ours]: str.splitlines of Python"),
    Trick(b"\x1e.\x1e", "[ours]: str.splitlines of Python"),
    Trick(b"\xc2\x85.\xc2\x85", "[ours]: str.splitlines of Python, in UTF-8"),
    Trick(b"\xe2\x80\xa8.\xe2\x80\xa8", "[ours]: str.splitlines of Python, in UTF-8"),
    Trick(b"\x8d\x8a.\x8d\x8a", "[ours]: servers that clear the eighth bit"),
    *(
        Trick(b"\r\n" + b"x" * octets + b".\r\n", "[ours]: servers that cut long lines")
        for octets in (998, 1000, 1024, 2048, 4096, 8192, 65536)
    ),
)
"""Those that do not end a message (RFC 5321, 4.1.1.4)."""

REAL_END = Trick(b"\r\n.\r\n", "RFC 5321, 4.1.1.4; in a chunk it is content like any other (RFC 3030, 2)")
CR_BEFORE_THE_REAL_END = Trick(b"\r\r\n.\r\n", "Postfix, false-smuggling-claims: it holds the real end")
DOT_AT_THE_END = Trick(b"\r\n.", "[ours]: a chunk that ends before the line end of its last dot")


def with_last_line_end(content: bytes) -> bytes:
    """What by DATA cannot be sent otherwise: the CRLF before the last dot is the content's (RFC 5321, 4.1.1.4)."""
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def unstuffed(content: bytes) -> bytes:
    """What a server takes from the line: without the first dot of each line that begins with one (RFC 5321, 4.5.2)."""
    return (b"\r\n" + with_last_line_end(content)).replace(b"\r\n.", b"\r\n")[2:]


def row(trick: Trick) -> str:
    """The trick's row in the table of docs/security.md: the octets, the reply by default, the source."""
    return f"| `{trick.name}` | {trick.reply[:9]} | {trick.source} |"


def spell(octets: bytes) -> str:
    """The octets as people write them: `<LF>.<CR><LF>`."""
    return re.sub(r"x{100,}|[^!-~]", _spell_one, octets.decode("latin-1"))


def _spell_one(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) > 1:
        return f"<{len(found)} octets>"
    return f"<{_NAMES.get(found, f'{ord(found):02X}')}>"


_NAMES = {"\r": "CR", "\n": "LF", "\0": "NUL", " ": "SP", "\t": "HT"}
