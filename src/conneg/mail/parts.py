"""The MIME tree of a message as offsets into its octets (RFC 2045, RFC 2046): nothing is copied, nothing is
lost.

Reading is lenient, as real mail needs: LF line ends, a missing final boundary, a boundary that never appears,
fields that cannot be parsed. Where a part stands is decided from the outside in: a delimiter of an outer
multipart ends every part inside it (RFC 2046, 5.1.2).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from conneg.bounds import Bound
from conneg.mail.fields import Fields, read_fields
from conneg.mail.words import read_parameters, read_words

MAX_DEPTH = Bound(
    name="mail.depth",
    value=50,
    unit="levels of parts",
    reason="real mail has under ten; deeper nesting is an attack on whoever walks the tree",
    answer="BoundExceededError; the gateway treats the message as one it cannot convert",
)
MAX_PARTS = Bound(
    name="mail.parts",
    value=1000,
    unit="parts",
    reason="a digest of a busy list has some hundreds",
    answer="BoundExceededError; the gateway treats the message as one it cannot convert",
)
MAX_SCANNED = Bound(
    name="mail.scanned",
    value=16,
    unit="searches of the whole content for boundaries (64 MiB are always granted)",
    reason="each level of nesting searches its content once; this keeps reading linear for large content",
    answer="BoundExceededError; the gateway treats the message as one it cannot convert",
)
MAX_NEAR_BOUNDARIES = Bound(
    name="mail.near-boundaries",
    value=100_000,
    unit="lines that begin like a boundary and are none",
    reason="each costs a look; real mail has a handful",
    answer="BoundExceededError; the gateway treats the message as one it cannot convert",
)

_SCAN_GRANTED = 64 * 1024 * 1024
_MEDIA_TYPE = re.compile(r"[!#$%&'*+\-.^_`{|}~A-Za-z0-9]+/[!#$%&'*+\-.^_`{|}~A-Za-z0-9]+")
_REST_OF_DELIMITER = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_MESSAGE_TYPES = frozenset({"message/rfc822", "message/global"})
_IDENTITY_ENCODINGS = frozenset({"7bit", "8bit", "binary", ""})


@dataclass(frozen=True, slots=True)
class Part:
    """One part. Its header is `content[header_start:body_start]`, its body `content[body_start:body_end]`.

    `id` is "1" for the root, "1.2" for its second child; the message inside a message/rfc822 part is its only
    child. `media_type` and `encoding` are in lower case; a Content-Type that cannot be read counts as
    text/plain (RFC 2045, 5.2). `filename` is what the sender wrote, decoded: never a path to use as it is.
    """

    id: str
    header_start: int
    body_start: int
    body_end: int
    fields: Fields = field(repr=False)
    media_type: str
    parameters: Mapping[str, str]
    encoding: str
    disposition: str | None
    filename: str | None
    content_id: str | None
    boundary: str | None = None
    children: tuple["Part", ...] = ()

    @property
    def is_multipart(self) -> bool:
        """Whether it is a multipart in which parts were found."""
        return bool(self.children) and self.boundary is not None

    @property
    def is_message(self) -> bool:
        """Whether it holds a message (message/rfc822) that is its only child."""
        return bool(self.children) and self.boundary is None

    @property
    def charset(self) -> str | None:
        """The charset parameter in lower case."""
        charset = self.parameters.get("charset")
        return charset.lower() if charset else None

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def leaves(self) -> tuple["Part", ...]:
        """The parts below (or this one) that contain no parts, in order."""
        return tuple(part for part in self.walk() if not part.children)

    def find(self, part_id: str) -> "Part | None":
        """Return the part with that id."""
        return next((part for part in self.walk() if part.id == part_id), None)


@dataclass(slots=True)
class _Reader:
    """The content with what was spent on it so far."""

    content: bytes
    parts: int = 0
    scanned: int = 0
    near: int = 0

    def read(self, part_id: str, start: int, end: int, depth: int, default_type: str) -> Part:
        """Read the part whose header begins at `start`; `end` is where its body ends."""
        MAX_DEPTH.check(depth)
        self.parts += 1
        MAX_PARTS.check(self.parts)
        fields = read_fields(self.content, start, end)
        media_type, parameters = _read_media_type(fields.get("Content-Type"), default_type)
        disposition, disposition_parameters = read_parameters(fields.get("Content-Disposition") or "")
        encoding = (fields.get("Content-Transfer-Encoding") or "7bit").partition(";")[0].strip().lower()
        boundary, children = None, ()  # type: str | None, tuple[Part, ...]
        if media_type.startswith("multipart/") and (boundary := parameters.get("boundary", "").rstrip()):
            octets = _boundary_octets(boundary, fields)
            children = self._read_children(part_id, fields.body_start, end, depth, octets, media_type)
        elif media_type in _MESSAGE_TYPES and encoding in _IDENTITY_ENCODINGS and fields.body_start < end:
            children = (self.read(f"{part_id}.1", fields.body_start, end, depth + 1, "text/plain"),)
        return Part(
            id=part_id,
            header_start=start,
            body_start=fields.body_start,
            body_end=end,
            fields=fields,
            media_type=media_type,
            parameters=parameters,
            encoding=encoding,
            disposition=disposition or None,
            filename=read_words(disposition_parameters.get("filename") or parameters.get("name") or "")
            or None,
            content_id=(fields.get("Content-ID") or "").strip("<> \t") or None,
            boundary=boundary if children and media_type.startswith("multipart/") else None,
            children=children,
        )

    def _read_children(
        self, part_id: str, start: int, end: int, depth: int, boundary: bytes, media_type: str
    ) -> tuple[Part, ...]:
        default_type = "message/rfc822" if media_type == "multipart/digest" else "text/plain"
        return tuple(
            self.read(f"{part_id}.{number}", child_start, child_end, depth + 1, default_type)
            for number, (child_start, child_end) in enumerate(self._ranges(boundary, start, end), 1)
        )

    def _ranges(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
        """Return where the parts between the delimiters begin and end; the line end before a delimiter is its
        own.
        """
        ranges: list[tuple[int, int]] = []
        opened: int | None = None
        for line_start, line_end, is_close in self._delimiters(boundary, start, end):
            if opened is not None:
                ranges.append((opened, max(opened, self._before_line_end(line_start))))
                MAX_PARTS.check(self.parts + len(ranges))
            opened = line_end
            if is_close:
                return ranges
        if opened is not None:
            ranges.append((opened, end))  # the final boundary is missing
        return ranges

    def _delimiters(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """delimiter := CRLF "--" boundary transport-padding        ; RFC 2046, 5.1.1."""
        self.scanned += end - start
        if self.scanned > max(_SCAN_GRANTED, MAX_SCANNED.value * len(self.content)):
            raise MAX_SCANNED.exceeded("a message")
        dash_boundary = b"--" + boundary
        at = (
            start
            if self.content.startswith(dash_boundary, start, end)
            else self._next(dash_boundary, start, end)
        )
        while at >= 0:
            rest = _REST_OF_DELIMITER.match(self.content, at + len(dash_boundary), end)
            if rest is None:
                self.near += 1
                MAX_NEAR_BOUNDARIES.check(self.near)
                at = self._next(dash_boundary, at, end)
            else:
                yield at, rest.end(), rest[1] is not None
                # The line end of this delimiter is also the one before a delimiter that follows at once.
                at = self._next(dash_boundary, rest.end() - 1, end)

    def _next(self, dash_boundary: bytes, start: int, end: int) -> int:
        found = self.content.find(b"\n" + dash_boundary, start, end)
        return found + 1 if found >= 0 else -1

    def _before_line_end(self, line_start: int) -> int:
        """Step back over the line end before `line_start`."""
        before = line_start - 1
        return before - 1 if before > 0 and self.content[before - 1] == 0x0D else before


def read_parts(content: bytes) -> Part:
    """Return the tree of parts of `content`. Any octets are a message; raises only `BoundExceededError`."""
    return _Reader(content).read("1", 0, len(content), 1, "text/plain")


def has_utf8_header(content: bytes) -> bool:
    """Say whether a header of the message, or of a part of it, has octets outside ASCII (RFC 6532)."""
    if content.isascii():
        return False
    return any(not content[p.header_start : p.body_start].isascii() for p in read_parts(content).walk())


def _read_media_type(value: str | None, default_type: str) -> tuple[str, Mapping[str, str]]:
    if value is None:
        return default_type, {}
    media_type, parameters = read_parameters(value)
    if _MEDIA_TYPE.fullmatch(media_type) is None:
        return "text/plain", {}
    return media_type, parameters


def _boundary_octets(boundary: str, fields: Fields) -> bytes:
    """Return the boundary in the octets it has in the field: bad mail has some that are not ASCII."""
    octets = boundary.encode("utf-8", "replace")
    field = fields.first("Content-Type")
    return octets if field is None or octets in field.raw else boundary.encode("latin-1", "replace")
