"""One message's documents: taken out of it once, looked at once, and each distinct rendition made once.

The planner never sees octets: `MessageRenditions.offer` tells it what the message holds and what could be made of it,
`MessageRenditions.content_for` turns its plan into the content that goes out.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType

from conneg.content import (
    OFFICE_FORMATS,
    ContentRefusedError,
    ConversionError,
    ConversionJob,
    Inspection,
    Office,
    Rendition,
    RenditionCache,
    Source,
    Workers,
    described,
    document_offer,
    examine,
    offer,
    paper_of,
)
from conneg.features import FeatureCollection, FeatureSet, feature_set
from conneg.features.private import OCTETS_TAG
from conneg.gateway.citing import Citing, StagedPart
from conneg.gateway.events import Converting, Watcher
from conneg.gateway.signatures import Seal, Signatures, dkim_notes, read_header, seal_with
from conneg.mail import (
    Fields,
    NewPart,
    Part,
    Previous,
    cite,
    decode_body,
    has_utf8_header,
    outline,
    read_parts,
    replace_body,
    splice,
    write_cover,
)
from conneg.negotiation import (
    AsItIs,
    ByPart,
    Convert,
    Drop,
    MessageOffer,
    OfferedPart,
    OneDocument,
    Plan,
    SmallType,
    Undeliverable,
    describe_made,
)
from conneg.signing import DkimSigner, LeftAlone, Opened, open_signed
from conneg.staging import Item


class TooLargeError(ConversionError):
    """What was made is larger than may be sent; `status` is the enhanced status code for that."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class MessageRenditions:
    """The documents of one message; use as an async context manager, which removes the scratch files at the end."""

    def __init__(
        self,
        message_id: str,
        content: bytes,
        workers: Workers,
        *,
        hostname: str,
        watch: Watcher,
        cache: RenditionCache | None = None,
        signatures: Signatures | None = None,
        is_ours: bool = False,
        office: Office | None = None,
        citing: Citing | None = None,
    ) -> None:
        """`cache` keeps renditions for other messages, too; without `office` its documents are left as they are.

        `signatures`: whose signatures can be made; `is_ours`: the message came from a client of ours; `citing` stages
        what plans put on the retrieval server.
        """
        self._signatures = signatures or Signatures()
        self._is_ours = is_ours
        self._cache = cache
        self._citing = citing
        self._staged: dict[str, list[Item]] = {}
        self._office = office
        self._id = message_id
        self._hostname = hostname
        self._content = content
        self._workers = workers
        self._watch = watch
        self._folder: Path | None = None
        self._root: Part | None = None
        self._unsigned = content
        """What is looked at and converted: the content, or what was signed where that can be signed again."""
        self._opened: Opened | None = None
        self._sources: dict[str, Source] = {}
        self._inspections: dict[str, Inspection] = {}
        self._offer: asyncio.Task[MessageOffer] | None = None
        self._contents: dict[str, asyncio.Task[bytes]] = {}
        self._findings: dict[str, dict[str, None]] = {}

    @property
    def octets(self) -> int:
        """How large the message is as it came."""
        return len(self._content)

    @cached_property
    def has_utf8_header(self) -> bool:
        """Whether a header in the message has octets outside ASCII."""
        return has_utf8_header(self._content)

    @cached_property
    def _header(self) -> Fields:
        return read_header(self._content)

    @cached_property
    def _dkim_signers(self) -> tuple[DkimSigner, ...]:
        return self._signatures.dkim_for(self._header, is_ours=self._is_ours)

    @cached_property
    def seal(self) -> Seal | None:
        """What signs the content as it goes out, None if nobody does."""
        return seal_with(self._dkim_signers)

    def notes_on(self, plan: Plan, *, is_sealed: bool) -> tuple[str, ...]:
        """Return what is to be recorded beside `plan`, one line each; `is_sealed`: what is sent is signed by DKIM.

        What was found strange in the parts that were looked at, in their order; whose DKIM signatures the content had,
        and gets.
        """
        strange = (
            f"part {part_id}: {note}"
            for part_id, inspection in self._inspections.items()
            for note in inspection.notes
        )
        if isinstance(plan, Undeliverable):
            return tuple(strange)
        signers = self._dkim_signers if is_sealed else ()
        return (*strange, *dkim_notes(self._header, signers, is_changed=not isinstance(plan, AsItIs)))

    async def __aenter__(self) -> "MessageRenditions":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._offer, *self._contents.values()) if task is not None]
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def offer(self) -> MessageOffer:
        """Return what the message holds and what can be made of it; the work is done once however often asked."""
        if self._offer is None:
            self._offer = asyncio.create_task(self._make_offer())
        return await asyncio.shield(self._offer)

    def has_made(self, plan: Plan) -> bool:
        """Say whether the content that `plan` asks for is there already, or is the message as it came."""
        if isinstance(plan, AsItIs):
            return True
        made = self._contents.get(_key(plan, has_cover=False)) or self._contents.get(
            _key(plan, has_cover=True)
        )
        return made is not None and made.done() and not made.cancelled() and made.exception() is None

    async def content_for(
        self, plan: Plan, *, has_cover: bool = False, recipients: Sequence[str] = ()
    ) -> bytes:
        """Return the content that `plan` asks for, made once for all plans with the same key.

        `has_cover`: where the message becomes one document, a cover page comes first. `recipients`: for whom a part is
        staged; others get other links. Raises `ContentRefusedError` or `conneg.content.ConversionError` when a document
        cannot be converted, `TooLargeError` when what comes out is larger than the plan says, and
        `conneg.staging.StagingError` when one cannot be staged now.
        """
        if isinstance(plan, AsItIs):
            return self._content
        key = _staging_key(plan, recipients, has_cover=has_cover)
        if key not in self._contents:
            self._contents[key] = asyncio.create_task(
                self._make_content(plan, has_cover=has_cover, recipients=recipients)
            )
        return await asyncio.shield(self._contents[key])

    async def announce(self, plan: Plan, recipients: Sequence[str]) -> None:
        """Note that the content for this plan, with the citations in it, is about to be sent. Raises `StagingError`."""
        items = self._staged.get(_staging_key(plan, recipients), ())
        if items and self._citing is not None:
            await self._citing.announce(items)

    def findings(self, plan: Plan, *, has_cover: bool = False) -> tuple[str, ...]:
        """Return what was found of the renditions made for `plan`, a line for each that differs."""
        return tuple(self._findings.get(_key(plan, has_cover=has_cover), ()))

    async def _make_offer(self) -> MessageOffer:
        root = await asyncio.to_thread(read_parts, self._content)
        signed = await asyncio.to_thread(open_signed, self._content, root, self._signatures.smime)
        if isinstance(signed, Opened):
            self._opened, self._unsigned = signed, signed.entity
            root = await asyncio.to_thread(read_parts, self._unsigned)
        self._root = root
        contents = await asyncio.to_thread(outline, root, self._unsigned)
        await asyncio.to_thread(self._write_sources, contents.leaves)
        inspections = await asyncio.gather(*(self._inspect(part) for part in contents.leaves))
        self._inspections = dict(zip((part.id for part in contents.leaves), inspections, strict=True))
        pages = [
            self._inspections[part.id]
            for part in contents.reading_order
            if not contents.is_protected(part.id)
        ]
        protections: Mapping[str, str] = contents.protections
        if isinstance(signed, LeftAlone):
            protections = dict.fromkeys(protections, signed.words)
        return MessageOffer(
            parts=tuple(
                self._offered(part, self._inspections[part.id], protections.get(part.id))
                for part in contents.leaves
                if part.id not in contents.signatures
            ),
            document=document_offer(pages),
            document_colour=_richest_colour(pages),
            document_dpi=None,
            document_paper=_most_used_paper(pages),
            alternatives=contents.alternatives,
            signed_again=None if self._opened is None else self._opened.words,
        )

    def _write_sources(self, leaves: tuple[Part, ...]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"conneg-{self._id}-"))
        for part in leaves:
            path = self._folder / f"part-{part.id}"
            path.write_bytes(decode_body(self._unsigned, part))
            self._sources[part.id] = Source.of_part(
                path, part.media_type, part.filename, part.parameters, _inline(part, leaves, self._folder)
            )

    async def _inspect(self, part: Part) -> Inspection:
        """Look at one part; what cannot be read is offered as it is and as nothing else."""
        assert self._folder is not None
        try:
            examined = await examine(self._sources[part.id], self._workers, self._office, self._folder)
            self._sources[part.id] = examined.source
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

    async def _make_content(self, plan: Plan, *, has_cover: bool, recipients: Sequence[str]) -> bytes:
        """Make the content, and sign it again where what it is made of was signed.

        A signed message gets no cover page: the signer has never seen it.
        """
        if self._opened is None:
            return await self._make_unsigned(plan, recipients, has_cover=has_cover)
        unsigned = await self._make_unsigned(plan, recipients, has_cover=False)
        return await asyncio.to_thread(self._opened.sign, unsigned)

    async def _make_unsigned(self, plan: Plan, recipients: Sequence[str], *, has_cover: bool) -> bytes:
        assert self._root is not None, "the plan was made from this message's offer"
        findings = self._findings[_key(plan, has_cover=has_cover)] = {}
        match plan:
            case OneDocument(target=target, part_ids=part_ids):
                part_ids = self._without_shown(part_ids)
                sources = [self._sources[part_id] for part_id in part_ids]
                if has_cover:
                    sources.insert(0, await asyncio.to_thread(self._write_cover, part_ids, target))
                pages = sum(len(self._inspections[part_id].pages) for part_id in part_ids) + has_cover
                rendition = await self._convert(sources, target, "document", pages)
                _note(findings, rendition, target, "")
                parts = _new_parts(rendition, name="document")
                return await asyncio.to_thread(
                    replace_body, self._unsigned, self._root, parts, previous=self._previous()
                )
            case ByPart(actions=actions):
                replacements: dict[str, Sequence[NewPart]] = {}
                for action in actions:
                    match action:
                        case Convert(part_id=part_id, target=target):
                            source = self._sources[part_id]
                            stem = Path(source.name or f"part-{part_id}").stem
                            pages = len(self._inspections[part_id].pages)
                            rendition = await self._convert([source], target, stem, pages)
                            _note(findings, rendition, target, f"{stem}: ")
                            replacements[part_id] = _new_parts(rendition, name=stem)
                        case Drop(part_id=part_id):
                            replacements[part_id] = []
                        case _:
                            pass
                converted = frozenset(replacements)
                if plan.staged:
                    replacements = await self._cite(plan, recipients, replacements)
                return await asyncio.to_thread(
                    splice,
                    self._unsigned,
                    self._root,
                    replacements,
                    previous=self._previous(replacements.keys() - converted),
                )
            case _:
                raise TypeError(f"no content is made for {type(plan).__name__}")

    def _without_shown(self, part_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Leave out the pictures that an HTML body among these parts shows in place: they would come twice."""
        assert self._root is not None
        shown = {content_id for part_id in part_ids for content_id in self._inspections[part_id].shows}
        content_ids = {part.id: part.content_id for part in self._root.leaves()}
        return tuple(part_id for part_id in part_ids if content_ids[part_id] not in shown)

    async def _cite(
        self, plan: ByPart, recipients: Sequence[str], replacements: dict[str, Sequence[NewPart]]
    ) -> dict[str, Sequence[NewPart]]:
        """Stage what the plan says, and put the citations into the message."""
        assert self._root is not None
        assert self._folder is not None
        assert self._citing is not None, "nothing is staged where nothing is configured"
        parts = {part.id: part for part in self._root.leaves()}
        found = await self._citing.stage(
            self._id,
            [
                StagedPart(
                    parts[action.part_id],
                    self._folder / f"part-{action.part_id}",
                    self._inspections[action.part_id].media_type,
                    action,
                )
                for action in plan.staged
            ],
            recipients,
        )
        self._staged[_staging_key(plan, recipients)] = [item for item, _ in found.values()]
        citations = {part_id: citation for part_id, (_, citation) in found.items()}
        return await asyncio.to_thread(cite, self._unsigned, self._root, citations, replacements)

    def _previous(self, unconverted: Collection[str] = ()) -> Previous:
        """What Content-Previous records of each converted part (RFC 4141, 8)."""
        forms = {part_id: described(inspection.features) for part_id, inspection in self._inspections.items()}
        return Previous(
            by=self._hostname, date=datetime.now(UTC), forms=forms, unconverted=frozenset(unconverted)
        )

    def _write_cover(self, part_ids: Sequence[str], target: FeatureCollection) -> Source:
        """Write the cover page; how many pages there are can be said where none of them is divided."""
        assert self._root is not None
        assert self._folder is not None
        tags: Mapping[str, object] = target
        pages = sum(len(self._inspections[part_id].pages) for part_id in part_ids) + 1
        text = write_cover(self._root.fields, None if "size-y" in tags else pages)
        path = self._folder / "cover"
        path.write_text(text, encoding="utf-8")
        return Source(path, "text/plain", name="cover page", charset="utf-8")

    async def _convert(
        self, sources: Sequence[Source], target: FeatureCollection, stem: str, pages: int
    ) -> Rendition:
        label = f"{stem} to {_describe(target)}"
        out_dir = Path(tempfile.mkdtemp(dir=self._folder))
        job = ConversionJob(
            sources=tuple(sources),
            target=target,
            out_dir=out_dir,
            stem=stem,
            pages=pages,
        )
        self._watch(Converting(self._id, label, 0, 0))

        async def make(job: ConversionJob) -> Rendition:
            return await self._workers.convert(
                job, progress=lambda done, total: self._watch(Converting(self._id, label, done, total))
            )

        if self._cache is None:
            return _within_limit(await make(job), target)
        try:
            rendition = await self._cache.rendition(job, make)
        except OSError:  # a cache that fails, on a full disk, costs time and no mail
            rendition = await make(job)
        return _within_limit(rendition, target)


def _inline(part: Part, leaves: tuple[Part, ...], folder: Path) -> tuple[tuple[str, Path], ...]:
    """Return the parts that an HTML body may show in place, by their Content-ID (RFC 2392)."""
    if part.media_type != "text/html":
        return ()
    return tuple(
        (leaf.content_id, folder / f"part-{leaf.id}")
        for leaf in leaves
        if leaf.content_id and leaf is not part
    )


def _key(plan: Plan, *, has_cover: bool) -> str:
    """Return what is the same for all plans that lead to the same content."""
    return f"{plan.key} with a cover" if has_cover else plan.key


def _staging_key(plan: Plan, recipients: Sequence[str], *, has_cover: bool = False) -> str:
    """The plan's key, and the recipients' where they get links of their own."""
    key = _key(plan, has_cover=has_cover)
    if isinstance(plan, ByPart) and plan.staged:
        return " ".join([key, "for", *sorted(recipients)])
    return key


def _note(findings: dict[str, None], rendition: Rendition, target: FeatureCollection, name: str) -> None:
    """Add what is known of a rendition's pages to `findings`."""
    found = rendition.fidelity
    words = describe_made(target, found.em_pixels, found.em_lines, found.unlike)
    if words is not None:
        findings[f"{name}{words}"] = None


LENGTH_EXCEEDED = "5.2.3"
"""The message is longer than the recipient's mailbox takes (RFC 3463, 3.3)."""


def _within_limit(rendition: Rendition, target: FeatureCollection) -> Rendition:
    """Return the rendition if no file of it is larger than the device takes. Raises TooLargeError."""
    limit = target.get(OCTETS_TAG)
    for file in rendition.files:
        octets = _octets_as_part(file.octets)
        if isinstance(limit, Fraction) and octets > limit:
            raise TooLargeError(
                f"{file.filename} has {octets} octets, and the recipient takes {int(limit)}", LENGTH_EXCEEDED
            )
    return rendition


def _octets_as_part(octets: int) -> int:
    """Return how many octets so many have as a body part: in base64, in lines of 76 characters (RFC 2045, 6.8)."""
    characters = -(-octets // 3) * 4
    return characters + 2 * -(-characters // 76)


def _describe(target: FeatureCollection) -> str:
    """Name the form in a few words for a progress bar."""
    tags: Mapping[str, object] = target
    words = [str(tags[tag]) for tag in ("image-coding", "color") if tag in tags]
    if "dpi" in tags:
        words.append(f"{tags['dpi']} dpi")
    return ", ".join([str(tags.get("type", "")).strip('"').removeprefix("image/"), *words])


def _new_parts(rendition: Rendition, *, name: str) -> list[NewPart]:
    return [
        NewPart(
            media_type=file.media_type,
            parameters={} if file.charset is None else {"charset": file.charset},
            body=file.path.read_bytes(),
            filename=file.filename,
            features=described(file.features),
        )
        for file in rendition.files
    ]


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
