"""What a message is to its reader: its leaves, which of them are alternatives, in which order they are read,
which are protected by a signature or by encryption.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from conneg.mail.dkim import DkimSignature, dkim_signatures
from conneg.mail.parts import Part
from conneg.mail.protection import PGP_SIGNATURE, PKCS7_SIGNATURES, Protection, find_protected

_SIGNATURES = PKCS7_SIGNATURES | {PGP_SIGNATURE}
_PAGES = ("image/", "text/plain", "application/pdf")


@dataclass(frozen=True, slots=True)
class Outline:
    """The readable shape of one message.

    `leaves` are all parts without parts, in order. `reading_order` are the leaves a reader turns into pages:
    of alternatives one, no signatures, nothing of the message that a report returns. `alternatives` holds,
    for each multipart/alternative, the ids of its members in the sender's order, the plainest first; a member
    that is itself a multipart stands under its own id ("1.2"), and the leaves inside it have ids that begin
    with it ("1.2.1"). `protections` says of each leaf that cannot be changed without breaking a signature or
    encryption which it is, the outermost of several. `signatures` are the ids of the leaves that are a
    multipart/signed's signature. `dkim` is a note only: a DKIM signature covers the whole body and breaks with
    any change.
    """

    leaves: tuple[Part, ...]
    reading_order: tuple[Part, ...]
    alternatives: tuple[tuple[str, ...], ...]
    protections: Mapping[str, Protection] = field(default_factory=dict)
    signatures: frozenset[str] = frozenset()
    dkim: tuple[DkimSignature, ...] = ()

    @property
    def protected(self) -> frozenset[str]:
        """The ids of the leaves that are signed or encrypted."""
        return frozenset(self.protections)

    def is_protected(self, part_id: str) -> bool:
        """Whether that leaf is signed or encrypted."""
        return part_id in self.protections

    def members(self, part_id: str) -> tuple[str, ...]:
        """Return the ids of the leaves at or below that part."""
        return tuple(
            leaf.id for leaf in self.leaves if leaf.id == part_id or leaf.id.startswith(f"{part_id}.")
        )


def outline(root: Part, content: bytes | None = None) -> Outline:
    """Return the outline of the message whose tree is `root`.

    `content` is what `root` was read from; without it, OpenPGP armour inside texts is not seen.
    """
    return Outline(
        leaves=root.leaves(),
        reading_order=tuple(_read(root)),
        alternatives=tuple(
            tuple(child.id for child in part.children)
            for part in root.walk()
            if part.media_type == "multipart/alternative" and len(part.children) > 1
        ),
        protections={
            leaf.id: found.protection
            for found in find_protected(root, content)
            for leaf in found.part.leaves()
        },
        signatures=frozenset(
            part.children[1].id
            for part in root.walk()
            if part.media_type == "multipart/signed" and len(part.children) > 1
        ),
        dkim=dkim_signatures(root.fields),
    )


def _read(part: Part) -> Iterator[Part]:
    """The leaves of `part` in reading order."""
    if not part.children:
        if part.media_type not in _SIGNATURES:
            yield part
        return
    match part.media_type:
        case "multipart/alternative":
            yield from _read_alternatives(part)
        case "multipart/related":
            yield from _read_related(part)
        case "multipart/report":
            yield from _read(part.children[0])  # the second and third are for machines (RFC 6522, 3)
        case _:
            for child in part.children:
                yield from _read(child)


def _read_related(part: Part) -> Iterator[Part]:
    """The start first (RFC 2387, 3.2), then those of the others that are pages themselves."""
    start_id = part.parameters.get("start", "").strip("<> ")
    start = next(
        (child for child in part.children if start_id and child.content_id == start_id), part.children[0]
    )
    yield from _read(start)
    for child in part.children:
        if child is not start:
            yield from (leaf for leaf in _read(child) if leaf.media_type.startswith("image/"))


def _read_alternatives(part: Part) -> Iterator[Part]:
    """The last, as the richest (RFC 2046, 5.1.4), of those that can be pages; then what only another one
    attaches.

    Some clients put attachments inside the HTML alternative, in a multipart/mixed: they belong to every
    reading.
    """
    candidates = [child for child in part.children if _is_page(child)] or list(part.children)
    chosen = candidates[-1]
    yield from _read(chosen)
    for child in part.children:
        if child is not chosen and child.media_type == "multipart/mixed":
            yield from (leaf for leaf in _read(child) if not leaf.media_type.startswith("text/"))


def _is_page(part: Part) -> bool:
    """Whether what `part` begins with can be drawn as a page."""
    first = next(_read(part), part)
    return first.media_type.startswith(_PAGES)
