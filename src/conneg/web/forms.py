"""The forms of a staged content besides the original: PDF, text, pages and previews as PNG, made when asked for.

Everything is decoded and drawn in the fenced workers of `conneg.content`; what was made is kept in its cache. So many
at once and no more: who comes on top is told to come back.
"""

import asyncio
import contextlib
import hashlib
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio

from conneg.bounds import Bound
from conneg.content import (
    ContentRefusedError,
    ConversionError,
    ConversionJob,
    Inspection,
    Office,
    RenditionCache,
    Source,
    Workers,
    examine,
    offer,
)
from conneg.errors import TemporaryError
from conneg.features import FeatureSet, choose, default_preference
from conneg.negotiation import Provenance, common_forms, read_capability
from conneg.staging import Item, Store
from conneg.web.threads import in_thread, to_the_end

PAGES = Bound(
    name="web.pages",
    value=20,
    unit="pages that are shown and offered one by one",
    reason="each is a picture that is made when it is looked at; the whole document can be fetched",
    answer="the page says how many more there are",
)
WAITING = Bound(
    name="web.waiting",
    value=24,
    unit="requests that wait for a form to be made",
    reason="a page of previews asks for up to twenty at once; each may take the limit of [content] seconds",
    answer="503, with Retry-After",
)
KEPT_INSPECTIONS = Bound(
    name="web.inspections",
    value=200,
    unit="contents of which it is remembered what they are",
    reason="each takes a few kilobytes, a book of five hundred pages a hundred",
    answer="the one asked for least lately is forgotten",
)

PREVIEW_PIXELS = 720
PAGE_PIXELS = 1654
"""A page of A4 at 200 dpi."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form that can be fetched: `key` is its name in the address, `label` that for people."""

    key: str
    label: str
    media_type: str
    accepted: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A form that was made: its file, for as long as the context lasts."""

    path: Path
    media_type: str
    charset: str | None
    octets: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Offered:
    """What can be made of a content: whole documents, and pages one by one; `pages` counts all of them."""

    documents: tuple[Form, ...] = ()
    pages: int = 0
    shown: int = 0

    def find(self, key: str) -> Form | None:
        """Return the form of that name: a document's, `page-N`'s or `preview-N`'s."""
        kind, _, number = key.partition("-")
        if kind not in _PAGE_PIXELS:
            return next((form for form in self.documents if form.key == key), None)
        if not (number.isdecimal() and len(number) <= 4 and 1 <= int(number) <= self.shown):
            return None
        accepted = f'(& (type="image/png") (pix-x<={_PAGE_PIXELS[kind]}))'
        return Form(key, f"Page {int(number)}", "image/png", accepted, int(number))


_PAGE_PIXELS = {"page": PAGE_PIXELS, "preview": PREVIEW_PIXELS}
_DOCUMENTS = (
    Form("pdf", "PDF", "application/pdf", '(type="application/pdf")'),
    Form("text", "Text", "text/plain", '(type="text/plain")'),
)
_PNG = '(type="image/png")'


class BusyError(TemporaryError):
    """So many forms are being made already that no other one can wait."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a content is, and for an office document the PDF that it was made into."""

    inspection: Inspection
    readable: Source | None = None


class Forms:
    """Makes forms of what is in a store; `folder` holds what had to be made readable, without `office` nothing is."""

    def __init__(
        self,
        store: Store,
        workers: Workers,
        cache: RenditionCache,
        folder: Path,
        *,
        office: Office | None = None,
        at_once: int = 2,
    ) -> None:
        self._folder = folder
        self._office = office
        self._store = store
        self._workers = workers
        self._cache = cache
        self._places = anyio.Semaphore(at_once)
        self._waiting = 0
        self._looked: OrderedDict[str, _Looked | None] = OrderedDict()
        self._looking: dict[str, asyncio.Task[_Looked | None]] = {}

    async def close(self) -> None:
        """Give up what is being looked at."""
        tasks = list(self._looking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def offered(self, item: Item) -> Offered:
        """Return what can be made of the item. Raises `BusyError`, `NoSuchItemError`."""
        looked = await self._look_once(item)
        return Offered() if looked is None else _offered(looked.inspection, item)

    async def _look_once(self, item: Item) -> _Looked | None:
        """Look at an item, once; None for one that is beyond the workers' limits.

        Who does not wait for the end of it does not end it for others.
        """
        if item.id in self._looked:
            self._looked.move_to_end(item.id)
            return self._looked[item.id]
        if item.id not in self._looking:
            task = asyncio.create_task(self._look(item))
            self._looking[item.id] = task
            task.add_done_callback(partial(self._was_looked_at, item.id))
        return await asyncio.shield(self._looking[item.id])

    def _was_looked_at(self, item_id: str, task: asyncio.Task[_Looked | None]) -> None:
        del self._looking[item_id]
        if not task.cancelled():
            task.exception()  # who waited is told; perhaps nobody did

    async def _look(self, item: Item) -> _Looked | None:
        looked = None
        folder = self._folder / item.id
        async with self._place():
            await in_thread(folder.mkdir, parents=True, exist_ok=True)
            with self._store.local(item.id) as path, contextlib.suppress(ContentRefusedError):
                source = _source(item, path)
                found = await examine(source, self._workers, self._office, folder)
                looked = _Looked(found.inspection, None if found.source is source else found.source)
        self._looked[item.id] = looked
        if len(self._looked) > KEPT_INSPECTIONS.value:
            forgotten, _ = self._looked.popitem(last=False)
            await in_thread(shutil.rmtree, self._folder / forgotten, ignore_errors=True)
        return looked

    @asynccontextmanager
    async def make(self, item: Item, form: Form) -> AsyncIterator[Made]:
        """Make a form of the item; its file is removed behind the context.

        Raises `BusyError`, and `ContentRefusedError` or `ConversionError` for what cannot be made after all.
        """
        folder = Path(tempfile.mkdtemp(prefix="conneg-form-"))
        try:
            looked = await self._look_once(item)
            async with self._place():
                with self._store.local(item.id) as path:
                    job = _job(item, looked, form, path, folder)
                    rendition = await self._cache.rendition(job, self._workers.convert)
            file = rendition.files[0]
            sha256 = await in_thread(_sha256, file.path)
            yield Made(file.path, file.media_type, file.charset, file.octets, sha256)
        finally:
            await to_the_end(shutil.rmtree, folder, ignore_errors=True)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING.value:
            raise BusyError("too many forms are being made; come back in a moment")
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1


def _source(item: Item, path: Path) -> Source:
    return Source.of_part(path, item.media_type, item.name, item.parameters)


def _job(item: Item, looked: _Looked | None, form: Form, path: Path, folder: Path) -> ConversionJob:
    possible = FeatureSet.nothing() if looked is None else offer(looked.inspection)
    common = common_forms(possible, _accepted(form.accepted))
    choice = None if common.is_empty else choose(common, default_preference())
    if choice is None:
        raise ConversionError(f"no {form.label} can be made of {item.label}")
    return ConversionJob(
        sources=((looked and looked.readable) or _source(item, path),),
        target=choice.collection,
        out_dir=folder,
        stem=form.key,
        span=None if form.page is None else (form.page - 1, form.page),
    )


def _accepted(expression: str) -> FeatureSet:
    return read_capability(expression, Provenance.DIRECTORY, "retrieval server").features


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _offered(inspection: Inspection, item: Item) -> Offered:
    possible = offer(inspection)

    def can_be(accepted: str) -> bool:
        return not common_forms(possible, _accepted(accepted)).is_empty

    documents = [form for form in _DOCUMENTS if form.media_type != item.media_type and can_be(form.accepted)]
    pages = len(inspection.pages) if can_be(_PNG) else 0
    return Offered(tuple(documents), pages, min(pages, PAGES.value))
