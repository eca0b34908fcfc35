"""One message's renditions: its documents are looked at once, and each distinct rendition is made once.

The planner never sees octets: `MessageRenditions.offer` tells it what the message holds and what could be made of it,
`MessageRenditions.content_for` turns its plan into the content that goes out.
"""

import asyncio
import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import TracebackType

from conneg.content import (
    ConversionError,
    ConversionJob,
    Office,
    Rendition,
    RenditionCache,
    Source,
    Workers,
    described,
)
from conneg.features import FeatureCollection
from conneg.features.private import OCTETS_TAG
from conneg.gateway.citing import Citing, StagedPart
from conneg.gateway.documents import MessageDocuments
from conneg.gateway.events import Converting, Watcher
from conneg.gateway.signatures import Seal, Signatures, dkim_notes, may_have_dkim, read_header, seal_with
from conneg.mail import (
    Fields,
    NewPart,
    Previous,
    cite,
    has_utf8_header,
    octets_in_base64,
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
    OneDocument,
    Plan,
    Undeliverable,
    describe_made,
)
from conneg.signing import DkimSigner
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
        scratch: Path | None = None,
    ) -> None:
        """`cache` keeps renditions for other messages, too; without `office` its documents are left as they are.

        `signatures`: whose signatures can be made; `is_ours`: the message came from a client of ours; `citing` stages
        what plans put on the retrieval server; `scratch` is where files lie while the message is worked on.
        """
        self._signatures = signatures or Signatures()
        self._is_ours = is_ours
        self._cache = cache
        self._citing = citing
        self._staged: dict[str, list[Item]] = {}
        self._id = message_id
        self._hostname = hostname
        self._content = content
        self._workers = workers
        self._watch = watch
        self._documents = MessageDocuments(
            message_id, content, workers, signatures=self._signatures, office=office, scratch=scratch
        )
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
        if not self._signatures.dkim:
            return ()
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
            for part_id, inspection in self._documents.inspections.items()
            for note in inspection.notes
        )
        if isinstance(plan, Undeliverable) or not (self._signatures.dkim or may_have_dkim(self._content)):
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
        await self._documents.close()

    async def offer(self) -> MessageOffer:
        """Return what the message holds and what can be made of it; the work is done once however often asked."""
        if self._offer is None:
            self._offer = asyncio.create_task(self._documents.examine())
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

    async def _make_content(self, plan: Plan, *, has_cover: bool, recipients: Sequence[str]) -> bytes:
        """Make the content, and sign it again where what it is made of was signed.

        A signed message gets no cover page: the signer has never seen it.
        """
        if self._documents.opened is None:
            return await self._make_unsigned(plan, recipients, has_cover=has_cover)
        unsigned = await self._make_unsigned(plan, recipients, has_cover=False)
        return await asyncio.to_thread(self._documents.opened.sign, unsigned)

    async def _make_unsigned(self, plan: Plan, recipients: Sequence[str], *, has_cover: bool) -> bytes:
        findings = self._findings[_key(plan, has_cover=has_cover)] = {}
        match plan:
            case OneDocument(target=target, part_ids=part_ids):
                part_ids = self._without_shown(part_ids)
                sources = [self._documents.sources[part_id] for part_id in part_ids]
                if has_cover:
                    sources.insert(0, await asyncio.to_thread(self._write_cover, part_ids, target))
                pages = (
                    sum(len(self._documents.inspections[part_id].pages) for part_id in part_ids) + has_cover
                )
                rendition = await self._convert(sources, target, "document", pages)
                _note(findings, rendition, target, "")
                parts = _new_parts(rendition, name="document")
                return await asyncio.to_thread(
                    replace_body,
                    self._documents.unsigned,
                    self._documents.root,
                    parts,
                    previous=self._previous(),
                )
            case ByPart(actions=actions):
                replacements: dict[str, Sequence[NewPart]] = {}
                for action in actions:
                    match action:
                        case Convert(part_id=part_id, target=target):
                            source = self._documents.sources[part_id]
                            stem = Path(source.name or f"part-{part_id}").stem
                            pages = len(self._documents.inspections[part_id].pages)
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
                    self._documents.unsigned,
                    self._documents.root,
                    replacements,
                    previous=self._previous(replacements.keys() - converted),
                )
            case _:
                raise TypeError(f"no content is made for {type(plan).__name__}")

    def _without_shown(self, part_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Leave out the pictures that an HTML body among these parts shows in place: they would come twice."""
        shown = {
            content_id for part_id in part_ids for content_id in self._documents.inspections[part_id].shows
        }
        content_ids = {part.id: part.content_id for part in self._documents.root.leaves()}
        return tuple(part_id for part_id in part_ids if content_ids[part_id] not in shown)

    async def _cite(
        self, plan: ByPart, recipients: Sequence[str], replacements: dict[str, Sequence[NewPart]]
    ) -> dict[str, Sequence[NewPart]]:
        """Stage what the plan says, and put the citations into the message."""
        assert self._citing is not None, "nothing is staged where nothing is configured"
        parts = {part.id: part for part in self._documents.root.leaves()}
        found = await self._citing.stage(
            self._id,
            [
                StagedPart(
                    parts[action.part_id],
                    self._documents.as_it_came(action.part_id),
                    self._documents.inspections[action.part_id].media_type,
                    action,
                )
                for action in plan.staged
            ],
            recipients,
        )
        self._staged[_staging_key(plan, recipients)] = [item for item, _ in found.values()]
        citations = {part_id: citation for part_id, (_, citation) in found.items()}
        return await asyncio.to_thread(
            cite, self._documents.unsigned, self._documents.root, citations, replacements
        )

    def _previous(self, unconverted: Collection[str] = ()) -> Previous:
        """What Content-Previous records of each converted part (RFC 4141, 8)."""
        forms = {
            part_id: described(inspection.features)
            for part_id, inspection in self._documents.inspections.items()
        }
        return Previous(
            by=self._hostname, date=datetime.now(UTC), forms=forms, unconverted=frozenset(unconverted)
        )

    def _write_cover(self, part_ids: Sequence[str], target: FeatureCollection) -> Source:
        """Write the cover page; how many pages there are can be said where none of them is divided."""
        tags: Mapping[str, object] = target
        pages = sum(len(self._documents.inspections[part_id].pages) for part_id in part_ids) + 1
        text = write_cover(self._documents.root.fields, None if "size-y" in tags else pages)
        path = self._documents.folder / "cover"
        path.write_text(text, encoding="utf-8")
        return Source(path, "text/plain", name="cover page", charset="utf-8")

    async def _convert(
        self, sources: Sequence[Source], target: FeatureCollection, stem: str, pages: int
    ) -> Rendition:
        label = f"{stem} to {_describe(target)}"
        out_dir = Path(tempfile.mkdtemp(dir=self._documents.folder))
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
        octets = octets_in_base64(file.octets)
        if isinstance(limit, Fraction) and octets > limit:
            raise TooLargeError(
                f"{file.filename} has {octets} octets, and the recipient takes {int(limit)}", LENGTH_EXCEEDED
            )
    return rendition


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
