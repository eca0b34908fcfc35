"""What one message holds: its documents taken out, looked at, and offered to the planner.

Of a message that was signed, and can be signed again, it is what was signed.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from conneg.content import (
    OFFICE_FORMATS,
    ContentRefusedError,
    Inspection,
    Office,
    Source,
    Workers,
    document_offer,
    examine,
    offer,
    paper_of,
)
from conneg.features import FeatureSet, feature_set
from conneg.gateway.signatures import Signatures
from conneg.mail import Part, decode_body, outline, read_parts
from conneg.negotiation import MessageOffer, OfferedPart, SmallType
from conneg.signing import LeftAlone, Opened, open_signed


class MessageDocuments:
    """The documents of one message; empty until `examine` was called. `close` removes the scratch files."""

    def __init__(
        self,
        message_id: str,
        content: bytes,
        workers: Workers,
        *,
        signatures: Signatures,
        office: Office | None,
        scratch: Path | None = None,
    ) -> None:
        """`signatures`: whose signatures can be made; without `office` its documents are left as they are.

        `scratch` is where the files of the message have a folder; left out: among the system's temporary files.
        """
        self._id = message_id
        self._content = content
        self._workers = workers
        self._signatures = signatures
        self._office = office
        self._scratch = scratch
        self._folder: Path | None = None
        self._root: Part | None = None
        self.unsigned = content
        """What is looked at and converted: the content, or what was signed where that can be signed again."""
        self.opened: Opened | None = None
        """What was signed and can be signed again, if anything was."""
        self.sources: dict[str, Source] = {}
        """Each body part as a document in a file, by the part's id."""
        self.inspections: dict[str, Inspection] = {}
        """What each body part is."""

    @property
    def root(self) -> Part:
        """The tree of parts."""
        assert self._root is not None, "the message was examined"
        return self._root

    @property
    def folder(self) -> Path:
        """Where scratch files may lie."""
        assert self._folder is not None, "the message was examined"
        return self._folder

    def as_it_came(self, part_id: str) -> Path:
        """Return the file of a body part as the message has it; its source may be what it was made readable as."""
        return self.folder / f"part-{part_id}"

    async def close(self) -> None:
        """Remove the scratch files."""
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def examine(self) -> MessageOffer:
        """Look at everything, and return what the message holds and what can be made of it."""
        root = await asyncio.to_thread(read_parts, self._content)
        signed = await asyncio.to_thread(open_signed, self._content, root, self._signatures.smime)
        if isinstance(signed, Opened):
            self.opened, self.unsigned = signed, signed.entity
            root = await asyncio.to_thread(read_parts, self.unsigned)
        self._root = root
        contents = await asyncio.to_thread(outline, root, self.unsigned)
        await asyncio.to_thread(self._write_sources, contents.leaves)
        inspections = await asyncio.gather(*(self._inspect(part) for part in contents.leaves))
        self.inspections = dict(zip((part.id for part in contents.leaves), inspections, strict=True))
        pages = [
            self.inspections[part.id] for part in contents.reading_order if not contents.is_protected(part.id)
        ]
        protections: Mapping[str, str] = contents.protections
        if isinstance(signed, LeftAlone):
            protections = dict.fromkeys(protections, signed.words)
        return MessageOffer(
            parts=tuple(
                self._offered(part, self.inspections[part.id], protections.get(part.id))
                for part in contents.leaves
                if part.id not in contents.signatures
            ),
            document=document_offer(pages),
            document_colour=_richest_colour(pages),
            document_dpi=None,
            document_paper=_most_used_paper(pages),
            alternatives=contents.alternatives,
            signed_again=None if self.opened is None else self.opened.words,
        )

    def _write_sources(self, leaves: tuple[Part, ...]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"conneg-{self._id}-", dir=self._scratch))
        for part in leaves:
            path = self.as_it_came(part.id)
            path.write_bytes(decode_body(self.unsigned, part))
            self.sources[part.id] = Source.of_part(
                path, part.media_type, part.filename, part.parameters, _inline(part, leaves, self._folder)
            )

    async def _inspect(self, part: Part) -> Inspection:
        """Look at one part; what cannot be read is offered as it is and as nothing else."""
        try:
            examined = await examine(self.sources[part.id], self._workers, self._office, self.folder)
            self.sources[part.id] = examined.source
            return examined.inspection
        except ContentRefusedError as error:
            return Inspection(
                media_type=part.media_type,
                declared_type=part.media_type,
                pages=(),
                features=f'(type="{part.media_type}")',
                lossless=True,
                problem=str(error),
            )

    def _offered(self, part: Part, inspection: Inspection, protection: str | None) -> OfferedPart:
        readable = inspection.problem is None and protection is None
        return OfferedPart(
            id=part.id,
            media_type=inspection.media_type,
            label=part.filename or inspection.media_type,
            octets=part.body_end - part.body_start,
            features=feature_set(inspection.features),
            offer=offer(inspection) if readable else FeatureSet.nothing(),
            protection=protection,
            colour=_richest_colour([inspection]),
            dpi=_finest_dpi(inspection),
            lossless=inspection.lossless,
            small_type=tuple(SmallType(*known) for known in inspection.small_type),
        )


def _inline(part: Part, leaves: tuple[Part, ...], folder: Path) -> tuple[tuple[str, Path], ...]:
    """Return the parts that an HTML body may show in place, by their Content-ID (RFC 2392)."""
    if part.media_type != "text/html":
        return ()
    return tuple(
        (leaf.content_id, folder / f"part-{leaf.id}")
        for leaf in leaves
        if leaf.content_id and leaf is not part
    )


_COLOURS = ("binary", "limited", "mapped", "grey", "full")


def _richest_colour(inspections: list[Inspection]) -> str | None:
    found = [page.colour.lower() for inspection in inspections for page in inspection.pages]
    return max(found, key=_COLOURS.index, default=None)


_PAPERED = {"application/pdf", *OFFICE_FORMATS}


def _most_used_paper(inspections: list[Inspection]) -> str | None:
    """Return the paper of the documents that have one: not texts, which have any, nor pictures, which have none."""
    pages = [
        page
        for inspection in inspections
        for page in inspection.pages
        if inspection.media_type in _PAPERED or page.kind == "scan"
    ]
    counted = Counter(paper_of(page.width_inches, page.height_inches) for page in pages)
    del counted[None]
    return counted.most_common(1)[0][0] if counted else None


def _finest_dpi(inspection: Inspection) -> Fraction | None:
    """Return the finest resolution among the pages; None as soon as one page has no resolution of its own."""
    found = [page.dpi for page in inspection.pages]
    return None if not found or None in found else max(dpi for dpi in found if dpi is not None)
