"""Header fields over the original octets: found where they stand, read leniently, written folded.

Reading never changes or loses an octet: a `Field` knows its place in the content. Line ends may be CRLF or a
bare LF; a bare CR is no line end (taking it for one is how messages are smuggled).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from conneg.bounds import Bound
from conneg.errors import ConnegError
from conneg.features import write_field as features_field
from conneg.mail.words import read_words

MAX_HEADER = Bound(
    name="mail.header",
    value=512 * 1024,
    unit="octets in one header",
    reason="the largest headers of real mail are some tens of kilobytes",
    answer="BoundExceededError; the gateway treats the message as one it cannot convert",
)
MAX_LINE = Bound(
    name="mail.line",
    value=998,
    unit="octets in a header line",
    reason="RFC 5322, 2.1.1",
    answer="FieldError when writing; longer lines are read",
)

# field-name = printable ASCII but ":"; white space before the colon is obsolete syntax that is still met (RFC
# 5322, 4.5).
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)")
_MAILBOX_LINE = re.compile(rb">?From [^\n]*(?:\n|\Z)")
_LINE_END = re.compile(rb"\r?\n")
_NAME = re.compile(r"[!-9;-~]+")


class FieldError(ConnegError):
    """A header field that cannot be written: a line end inside it, a bad name, a line that cannot be folded."""


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name as written, its octets with all line ends, and where they stand in the
    content.
    """

    name: str
    raw: bytes
    start: int
    end: int

    @property
    def value(self) -> str:
        """The value on one line, outer white space gone; UTF-8 if it is (RFC 6532), else ISO 8859-1.

        Encoded-words stay as they are, because a structured value must be parsed before they are decoded.
        """
        return (
            _LINE_END.sub(b"", self.raw.partition(b":")[2])
            .strip(b" \t\r\n")
            .decode("utf-8" if _is_utf8(self.raw) else "latin-1")
        )

    @property
    def text(self) -> str:
        """The value for people, encoded-words decoded (RFC 2047)."""
        return read_words(self.value)


@dataclass(frozen=True, slots=True)
class Fields(Sequence[Field]):
    """The fields of one header in order; names are looked up without regard to case.

    `start` is where the header begins, `body_start` where what follows the empty line begins.
    """

    items: tuple[Field, ...]
    start: int
    body_start: int

    def get(self, name: str) -> str | None:
        """Return the value of the first field of that name."""
        found = self.first(name)
        return None if found is None else found.value

    def get_all(self, name: str) -> list[str]:
        """Return the values of all fields of that name, in order."""
        return [field.value for field in self.named(name)]

    def first(self, name: str) -> Field | None:
        """Return the first field of that name."""
        return next(iter(self.named(name)), None)

    def named(self, name: str) -> list[Field]:
        """Return all fields of that name, in order."""
        wanted = name.lower()
        return [field for field in self.items if field.name.lower() == wanted]

    @overload
    def __getitem__(self, index: int) -> Field: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Field]: ...
    def __getitem__(self, index: int | slice) -> Field | Sequence[Field]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.items)


def read_fields(content: bytes, start: int = 0, end: int | None = None) -> Fields:
    """Read the header that begins at `start`: up to the empty line, `end`, or the first line that is no
    field.

    Such a line begins the body, as other mail software takes it. Raises `BoundExceededError` above
    `MAX_HEADER`.
    """
    end = len(content) if end is None else end
    limit = min(end, start + MAX_HEADER.value + 1)
    position = start
    if start == 0 and (line := _MAILBOX_LINE.match(content, 0, limit)):
        position = line.end()  # the separator of a mailbox file, kept by careless exports
    items: list[Field] = []
    while found := _FIELD.match(content, position, limit):
        items.append(Field(found[1].decode("ascii"), found[0], position, found.end()))
        position = found.end()
    if position - start > MAX_HEADER.value:
        raise MAX_HEADER.exceeded("a header")
    separator = _LINE_END.match(content, position, end)
    return Fields(tuple(items), start, separator.end() if separator else position)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def write_field(name: str, value: str, *, width: int = 76, eol: bytes = b"\r\n") -> bytes:
    """Write a field, folded at its spaces into lines of at most `width` characters where that is possible.

    `value` must be ASCII, or UTF-8 for a message that SMTPUTF8 carries; see `conneg.mail.words.write_words`.
    Raises `FieldError` for a line end in the value and for a line above `MAX_LINE` that has no space to fold
    at.
    """
    _check(name, value)
    lines, line = [], f"{name}:"
    for word in value.strip(" \t").split(" "):
        if len(line) + 1 + len(word) > width and line.strip() and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return _join(name, [*lines, line], eol)


def write_features_field(name: str, expression: str, *, width: int = 76, eol: bytes = b"\r\n") -> bytes:
    """Write a field whose value is a feature expression: folded between lexical elements only (RFC 2912; RFC
    2533).
    """
    _check(name, expression)
    return _join(name, features_field(name, expression, width=width).split("\r\n"), eol)


def write_content_features(expression: str, *, eol: bytes = b"\r\n") -> bytes:
    """Write the Content-Features field (RFC 2912)."""
    return write_features_field("Content-Features", expression, eol=eol)


def _check(name: str, value: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise FieldError(f"{name!r} is no field name")
    if any(char in value for char in "\r\n\0"):
        raise FieldError(f"a line end or NUL inside the value of {name}")


def _join(name: str, lines: list[str], eol: bytes) -> bytes:
    octets = [line.encode("utf-8", "surrogateescape") for line in lines]
    if max(map(len, octets)) > MAX_LINE.value:
        raise FieldError(f"{name} cannot be folded: {MAX_LINE.exceeded('one line')}")
    return eol.join(octets) + eol
