"""What stands in a message for content that is kept elsewhere: a text that people read, the same in the message's own
bodies, and message/external-body for programs (RFC 2046, 5.2.3; RFC 2017).

A link at the end of a message is overlooked, so the bodies say it where the content stood: in HTML at the place that
showed it, else at the top, as in plain text; in every alternative, since nobody knows which one is read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from html import escape
from urllib.parse import quote

from conneg.mail.body import decode_body
from conneg.mail.fields import write_field
from conneg.mail.parts import Part
from conneg.mail.splice import NewPart
from conneg.mail.words import write_parameter
from conneg.words import octets as size

_URL_WORD = 40  # RFC 2017, 3.1
_RULE = "-" * 72
_LONGEST_NAME = 200
_MOST_BLOCKS = 10
"""So often one picture is replaced: a message must not grow without end by naming it again and again."""

_KEPT_PARAMETERS = ("charset", "format", "delsp")
"""Of Content-Type, where a body is written anew: others may be anything."""

_BODY_TAG = re.compile(rb"<body\b[^<>]{0,4000}>", re.IGNORECASE)
_BEFORE_CONTENT = re.compile(
    rb"\s*(?:<\?[^>]*>|<!doctype[^>]*>|<html\b[^>]*>|<head\b.*?</head\s*>|\s)*", re.I | re.S
)
_PROBE = "AZaz09 /:.,-&#;<>\r\n"
_BLOCK_STYLE = (
    "display:block;margin:0 0 16px;padding:12px 16px;border:2px solid #8a5a00;background:#fff6dc;color:#1f1a10;"
    "font:16px/1.5 sans-serif"
)


@dataclass(frozen=True, slots=True)
class Citation:
    """One content that is not in the message, and where it is.

    `url` is a page for people, `content_url` the content itself for programs, None where they cannot have it (there
    is no message/external-body then). `why` is a sentence. `is_ascii`: the recipient takes no other characters.
    """

    name: str | None
    media_type: str
    octets: int
    expires_at: datetime
    why: str
    url: str
    content_id: str
    content_url: str | None = None
    is_ascii: bool = False

    @property
    def label(self) -> str:
        """How people call the content: its name on one line, or its type."""
        shown = "".join(char if char.isprintable() else " " for char in self.name or "")
        shown = " ".join(shown.split())[:_LONGEST_NAME]
        return (shown.encode("ascii", "replace").decode() if self.is_ascii else shown) or self.media_type

    @property
    def until(self) -> str:
        """The end of its life as people write it."""
        return f"{self.expires_at:%Y-%m-%d %H:%M} UTC"


def citation_parts(citation: Citation) -> list[NewPart]:
    """Return the parts that stand where the content stood: the readable one first."""
    text = "\r\n".join([*_lines(citation), ""])
    charset = "us-ascii" if text.isascii() else "utf-8"
    readable = NewPart(
        media_type="text/plain",
        parameters={"charset": charset},
        body=text.encode(charset, "replace"),
        disposition="inline",
        description=f"{citation.label}: not in this message",
        encoding="quoted-printable",
    )
    if citation.content_url is None:
        return [readable]
    return [readable, _external_body(citation, citation.content_url)]


def _lines(citation: Citation) -> list[str]:
    return [
        f"Not in this message, but kept for you: {citation.label}",
        "",
        citation.url,
        "",
        f"Type:  {citation.media_type}",
        f"Size:  {size(citation.octets)}",
        f"Until: {citation.until}",
        f"Why:   {citation.why}",
    ]


def _external_body(citation: Citation, url: str) -> NewPart:
    """The content as programs find it; its body is the header of what it stands for (RFC 2046, 5.2.3).

    The URL is in words of at most 40 characters, between which a field may be folded (RFC 2017, 3.1).
    """
    words = " ".join(url[start : start + _URL_WORD] for start in range(0, len(url), _URL_WORD))
    outer = [
        "message/external-body",
        "access-type=URL",
        f'URL="{words}"',
        f'expiration="{format_datetime(citation.expires_at)}"',
        f"size={citation.octets}",
    ]
    inner = [
        citation.media_type,
        *([] if citation.name is None else [write_parameter("name", citation.name)]),
    ]
    header = b"".join(
        [
            write_field("Content-Type", "; ".join(inner)),
            write_field("Content-ID", f"<{citation.content_id}>"),
            write_field("Content-Transfer-Encoding", "binary"),
        ]
    )
    return NewPart("; ".join(outer), header + b"\r\n", disposition=None, encoding="7bit")


def cite(
    content: bytes,
    root: Part,
    citations: Mapping[str, Citation],
    replacements: Mapping[str, Sequence[NewPart]],
) -> dict[str, Sequence[NewPart]]:
    """Return `replacements` (of other parts) with the citations in the place of the parts that they are for, and in the
    message's bodies; what `conneg.mail.splice` takes. A body whose charset has no place for ASCII is left alone.
    """
    found = {**replacements, **{part_id: citation_parts(one) for part_id, one in citations.items()}}
    content_ids = {part.content_id: part.id for part in root.leaves() if part.content_id}
    for body in _bodies(root):
        if any(body.id == other or body.id.startswith(f"{other}.") for other in citations):
            continue
        new = _as_it_goes(content, body, found)
        if new is not None and _extends_ascii(_charset(new)):
            found[body.id] = [_with_notice(new, citations, content_ids)]
    return found


def _bodies(part: Part) -> Iterator[Part]:
    """The texts that a reader sees first: in every alternative one; none that a signature covers."""
    if not part.children:
        if part.media_type in ("text/plain", "text/html") and part.disposition != "attachment":
            yield part
        return
    match part.media_type:
        case "multipart/alternative":
            for child in part.children:
                yield from _bodies(child)
        case "multipart/related":
            start = part.parameters.get("start", "").strip("<> ")
            yield from _bodies(
                next((c for c in part.children if start and c.content_id == start), part.children[0])
            )
        case "multipart/mixed" | "multipart/report":
            yield from _bodies(part.children[0])
        case _:
            return


def _as_it_goes(content: bytes, body: Part, replacements: Mapping[str, Sequence[NewPart]]) -> NewPart | None:
    """The body as the recipient will get it, converted or not; None where none of it, or no text, goes out."""
    for part_id, new in replacements.items():
        if part_id == body.id:
            is_text = len(new) == 1 and new[0].media_type in ("text/plain", "text/html")
            return replace(new[0], encoding="quoted-printable") if is_text else None
        if body.id.startswith(f"{part_id}."):
            return None
    return NewPart(
        media_type=body.media_type,
        body=decode_body(content, body),
        parameters={name: value for name, value in body.parameters.items() if name in _KEPT_PARAMETERS},
        filename=body.filename,
        disposition=body.disposition and "inline",
        encoding="quoted-printable",
    )


def _with_notice(body: NewPart, citations: Mapping[str, Citation], content_ids: Mapping[str, str]) -> NewPart:
    """Return the body with the citations in it."""
    charset = _charset(body)
    if body.media_type == "text/html":
        return replace(body, body=_in_html(body.body, citations, content_ids))
    text = "\r\n".join(line for citation in citations.values() for line in [_RULE, *_lines(citation)])
    text += f"\r\n{_RULE}\r\n\r\n"
    if not text.isascii() and charset in ("us-ascii", "ascii") and body.body.isascii():
        charset = "utf-8"
        body = replace(body, parameters={**body.parameters, "charset": charset})
    return replace(body, body=text.encode(charset, "replace") + body.body)


def _charset(body: NewPart) -> str:
    return body.parameters.get("charset", "us-ascii").lower()


def _extends_ascii(charset: str) -> bool:
    """Whether ASCII text can stand in a text of that charset, octet for octet, without regard to what comes before."""
    try:
        return _PROBE.encode(charset) == _PROBE.encode("ascii")
    except (LookupError, ValueError):
        return False


def _in_html(html: bytes, citations: Mapping[str, Citation], content_ids: Mapping[str, str]) -> bytes:
    """Put a block in the place of every picture that is cited, and one at the top for each of the others."""
    shown_in_place = set()
    for content_id, part_id in content_ids.items():
        if part_id in citations:
            block = _block(citations[part_id]).replace(b"\\", rb"\\")
            html, count = _picture(content_id).subn(block, html, _MOST_BLOCKS)
            if count:
                shown_in_place.add(part_id)
    rest = [citation for part_id, citation in citations.items() if part_id not in shown_in_place]
    place = _top(html)
    return b"".join([html[:place], *map(_block, rest), html[place:]])


def _picture(content_id: str) -> re.Pattern[bytes]:
    """The element that shows the part of that Content-ID (RFC 2392)."""
    names = b"|".join(
        re.escape(name.encode()) for name in {content_id, *(quote(content_id, safe) for safe in ("@", ""))}
    )
    source = rb"\bsrc\s{0,9}=\s{0,9}[\"']?cid:(?:" + names + rb")(?=[\"'\s>])"
    return re.compile(rb"<img\b[^<>]{0,2000}?" + source + rb"[^<>]{0,2000}>", re.IGNORECASE)


def _top(html: bytes) -> int:
    """Where what is shown begins."""
    body = _BODY_TAG.search(html)
    if body is not None:
        return body.end()
    before = _BEFORE_CONTENT.match(html)
    return before.end() if before is not None else 0


def _block(citation: Citation) -> bytes:
    """A box that cannot be overlooked; in ASCII, its styles in place, as mail programs want them."""

    def shown(text: str) -> str:
        return escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")

    url = shown(citation.url)
    return (
        f'<span role="note" style="{_BLOCK_STYLE}">'
        f"<b>Not in this message, but kept for you: {shown(citation.label)}</b><br>\r\n"
        f'<a href="{url}" style="color:#0b4a8f;word-break:break-all">{url}</a><br>\r\n'
        f"{shown(citation.media_type)}, {size(citation.octets)}, until {citation.until}<br>\r\n"
        f"{shown(citation.why)}</span>\r\n"
    ).encode("ascii")
