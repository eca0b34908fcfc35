"""Other parts put in the place of a message's parts, every other octet as it was.

What is replaced is a part's whole range, header and body. Its own fields stay, except those of MIME that
described the old body; Content-ID, Content-Description and Content-Convert (RFC 4141, 7: carried unmodified)
stay too.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Literal

from conneg.errors import ConnegError
from conneg.mail.body import write_base64, write_quoted_printable
from conneg.mail.fields import FieldError, write_content_features, write_features_field, write_field
from conneg.mail.parts import Part
from conneg.mail.words import write_parameter, write_words

_DESCRIBE_THE_BODY = frozenset(
    {
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "content-features",
        "content-md5",
        "content-length",
        "content-duration",
    }
)


class SpliceError(ConnegError):
    """A replacement that cannot be done: an id that is not there, one inside another, or no part left at all."""


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part to put in: `body` is not encoded yet; `features` is the expression for Content-Features (RFC
    2912).

    `media_type` may carry parameters as they are to be written. `encoding`: "base64"; "quoted-printable" for lines of
    text, if it gives them back octet for octet; "7bit" for lines of ASCII ended by CRLF that must not be encoded.
    """

    media_type: str
    body: bytes
    filename: str | None = None
    disposition: str | None = "attachment"
    features: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    content_id: str | None = None
    description: str | None = None
    encoding: Literal["base64", "quoted-printable", "7bit"] = "base64"


@dataclass(frozen=True, slots=True)
class Previous:
    """What Content-Previous records (RFC 4141, 8): who converted and when, and the form before, by part id.

    Where `forms` names none, the Content-Features that the part had are its previous form; without either,
    nothing is recorded, nor of parts that are replaced and not converted (`unconverted`).
    """

    by: str
    date: datetime
    forms: Mapping[str, str] = field(default_factory=dict)
    unconverted: frozenset[str] = frozenset()


def splice(
    content: bytes,
    root: Part,
    replacements: Mapping[str, Sequence[NewPart]],
    *,
    previous: Previous | None = None,
) -> bytes:
    """Return `content` with the parts named in `replacements` replaced; without replacements it is `content`
    itself.

    One new part takes the old one's place. Several become siblings in a multipart/mixed parent, else a
    multipart/mixed in its place. None at all removes the part, and a parent that is left empty with it.
    Raises `SpliceError` and `conneg.mail.FieldError`.
    """
    _check(root, replacements)
    if not replacements:
        return content
    return _Splicer(content, root, replacements, previous).run()


def replace_body(
    content: bytes, root: Part, parts: Sequence[NewPart], *, previous: Previous | None = None
) -> bytes:
    """Return `content` with its whole body replaced: one part, or several in a multipart/mixed; its own
    fields stay.
    """
    return splice(content, root, {root.id: parts}, previous=previous)


def prepend_fields(content: bytes, *fields: bytes) -> bytes:
    """Return `content` with whole fields (line ends included) on top, the first one first."""
    return b"".join(fields) + content


def _check(root: Part, replacements: Mapping[str, Sequence[NewPart]]) -> None:
    known = {part.id for part in root.walk()}
    for part_id in replacements:
        if part_id not in known:
            raise SpliceError(f"the message has no part {part_id!r}; it has {', '.join(sorted(known)[:20])}")
        above = next((other for other in replacements if part_id.startswith(f"{other}.")), None)
        if above is not None:
            raise SpliceError(f"part {part_id} is inside part {above}, which is replaced too")


@dataclass(slots=True)
class _Splicer:
    content: bytes
    root: Part
    replacements: Mapping[str, Sequence[NewPart]]
    previous: Previous | None
    eol: bytes = b"\r\n"
    edits: list[tuple[int, int, bytes]] = field(default_factory=list)

    def run(self) -> bytes:
        first_line_end = self.content.find(b"\n")
        if first_line_end >= 0 and self.content[max(0, first_line_end - 1) : first_line_end] != b"\r":
            self.eol = b"\n"
        if self._is_removed(self.root):
            raise SpliceError("no part of the message would be left")
        self._visit(self.root, parent=None)
        pieces, position = [], 0
        for start, end, octets in self.edits:
            pieces += [self.content[position:start], octets]
            position = end
        return b"".join([*pieces, self.content[position:]])

    def _is_removed(self, part: Part) -> bool:
        """Whether nothing is left of `part`: removed itself, or all its children are."""
        if part.id in self.replacements:
            return not self.replacements[part.id]
        return bool(part.children) and all(map(self._is_removed, part.children))

    def _visit(self, part: Part, parent: Part | None) -> None:
        if part.id in self.replacements:
            new = self.replacements[part.id]
            self.edits.append((part.header_start, part.body_end, self._replacement(part, parent, new)))
            return
        for number, child in enumerate(part.children):
            if self._is_removed(child):
                self._remove(part, number)
            else:
                self._visit(child, part)

    def _remove(self, parent: Part, number: int) -> None:
        """Remove a child with the delimiter line before it; the delimiter after it stays, or is written if
        missing.
        """
        child = parent.children[number]
        start = child.header_start - len(self._delimiter_line(parent, child))
        if child.body_end >= parent.body_end:
            closing = self._delimiter_line(parent, child).rstrip() + b"--" + self.eol
            self.edits.append((start, parent.body_end, closing))
        else:
            self.edits.append((start, self.content.find(b"--", child.body_end), b""))

    def _delimiter_line(self, parent: Part, child: Part) -> bytes:
        """The delimiter line before `child`, with its line end if it has one."""
        start = self.content.rfind(b"\n", 0, child.header_start - 1) + 1
        return self.content[max(start, parent.body_start) : child.header_start]

    def _replacement(self, part: Part, parent: Part | None, new: Sequence[NewPart]) -> bytes:
        """What stands in the place of `part`, set off by line ends where bad mail has none."""
        starts_line = part.header_start == 0 or self.content[part.header_start - 1] == 0x0A
        if parent is not None and parent.is_message:
            starts_line = parent.body_start > (parent.fields[-1].end if len(parent.fields) else 0)
        ends_line = self.content[part.body_end : part.body_end + 1] in {b"\r", b"\n"}
        return b"".join(
            [
                b"" if starts_line else self.eol,
                self._octets_for(part, parent, new),
                b"" if ends_line else self.eol,
            ]
        )

    def _octets_for(self, part: Part, parent: Part | None, new: Sequence[NewPart]) -> bytes:
        if len(new) == 1:
            return self._in_place_of(part, parent, new[0])
        if parent is not None and parent.is_multipart and parent.media_type == "multipart/mixed":
            delimiter = self.eol + self._delimiter_line(parent, part).rstrip() + self.eol
            first = self._in_place_of(part, parent, new[0])
            return delimiter.join([first, *(self._alone(one) for one in new[1:])])
        return self._mixed(part, parent, new)

    def _in_place_of(self, part: Part, parent: Part | None, new: NewPart) -> bytes:
        """The new part in the old one's place: what the old header said of other things than the body stays."""
        kept = kept_fields(self.content, part, self.eol)
        has_id = part.content_id is not None
        has_description = part.fields.first("Content-Description") is not None
        encoding, body = _encode(new, self.eol)
        described = self._mime_fields(new, encoding, with_id=not has_id, with_description=not has_description)
        return (
            self._content_previous(part)
            + kept
            + self._mime_version(part, parent)
            + described
            + self.eol
            + body
        )

    def _mixed(self, part: Part, parent: Part | None, new: Sequence[NewPart]) -> bytes:
        boundary = new_boundary(self.content, part.id)
        content_type = write_field(
            "Content-Type", f"multipart/mixed; {write_parameter('boundary', boundary)}", eol=self.eol
        )
        delimiter = b"--" + boundary.encode() + self.eol
        bodies = (self.eol + delimiter).join(self._alone(one) for one in new)
        return b"".join(
            [
                self._content_previous(part),
                kept_fields(self.content, part, self.eol),
                self._mime_version(part, parent),
                content_type,
                self.eol,
                delimiter,
                bodies,
                self.eol + b"--" + boundary.encode() + b"--",
            ]
        )

    def _alone(self, new: NewPart) -> bytes:
        encoding, body = _encode(new, self.eol)
        return self._mime_fields(new, encoding, with_id=True, with_description=True) + self.eol + body

    def _mime_version(self, part: Part, parent: Part | None) -> bytes:
        """Only a message says MIME-Version (RFC 2045, 4); one that had no MIME before gets it now."""
        is_message = parent is None or parent.is_message
        if not is_message or part.fields.first("MIME-Version") is not None:
            return b""
        return b"MIME-Version: 1.0" + self.eol

    def _mime_fields(self, new: NewPart, encoding: str, *, with_id: bool, with_description: bool) -> bytes:
        parameters = dict(new.parameters)
        if new.filename is not None:
            parameters.setdefault("name", new.filename)
        fields = [write_field("Content-Type", _structured(new.media_type, parameters), eol=self.eol)]
        if encoding != "7bit":
            fields.append(write_field("Content-Transfer-Encoding", encoding, eol=self.eol))
        if new.disposition is not None:
            named = {} if new.filename is None else {"filename": new.filename}
            fields.append(
                write_field("Content-Disposition", _structured(new.disposition, named), eol=self.eol)
            )
        if with_id and new.content_id is not None:
            fields.append(write_field("Content-ID", f"<{new.content_id}>", eol=self.eol))
        if with_description and new.description is not None:
            fields.append(write_field("Content-Description", write_words(new.description), eol=self.eol))
        if new.features is not None:
            fields.append(write_content_features(new.features, eol=self.eol))
        return b"".join(fields)

    def _content_previous(self, part: Part) -> bytes:
        """previous = "Content-Previous:" "Date " date-time ";" "By " domain ";" filter        ; RFC 4141, 8."""
        if self.previous is None or part.id in self.previous.unconverted:
            return b""
        form = self.previous.forms.get(part.id) or part.fields.get("Content-Features")
        if form is None:
            return b""
        when = format_datetime(self.previous.date)
        head = f"Content-Previous: Date {when}; By {self.previous.by};".encode()
        features = write_features_field("Content-Previous", form, eol=self.eol).partition(b":")[2]
        if b"\n" in head or b"\r" in head:
            raise FieldError("a line end inside the value of Content-Previous")
        return head + self.eol + features


def kept_fields(content: bytes, part: Part, eol: bytes) -> bytes:
    """Return the header of `part`, octet for octet, without the fields about its body and without the empty line."""
    kept, position = [], part.header_start
    end = part.fields[-1].end if len(part.fields) else part.header_start
    for old in part.fields:
        if old.name.lower() in _DESCRIBE_THE_BODY:
            kept.append(content[position : old.start])
            position = old.end
    header = b"".join([*kept, content[position:end]])
    return header + eol if header and not header.endswith(b"\n") else header


def _encode(new: NewPart, eol: bytes) -> tuple[str, bytes]:
    """Return the transfer encoding that is written, and the body in it."""
    if new.encoding == "7bit":
        return "7bit", new.body.replace(b"\r\n", eol)
    coded = write_quoted_printable(new.body, eol) if new.encoding == "quoted-printable" else None
    return ("base64", write_base64(new.body, eol)) if coded is None else ("quoted-printable", coded)


def _structured(value: str, parameters: Mapping[str, str]) -> str:
    return "; ".join([value, *(write_parameter(name, text) for name, text in parameters.items())])


def new_boundary(content: bytes, part_id: str) -> str:
    """Return a boundary that occurs nowhere in the content; "=_" cannot occur in base64 or quoted-printable (RFC
    2045, 6.7).
    """
    digest = hashlib.sha256(part_id.encode() + b"\n" + content).hexdigest()
    size = 16
    while (boundary := f"=_conneg_{digest[:size]}").encode() in content:
        size += 1
        if size > len(digest):
            digest, size = hashlib.sha256(digest.encode()).hexdigest(), 16
    return boundary
