"""Renditions kept for whoever asks for the same again: identical work is done once.

The key is what a rendition is made of: the octets of its sources, what their sender says of them, the target, and this
version of conneg. It is a cache and no store: it begins empty, forgets what was used least lately when it is full, and
losing all of it costs time only.
"""

import asyncio
import hashlib
import json
import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from conneg import __version__
from conneg.bounds import Bound
from conneg.content.conversion import ConversionJob
from conneg.content.rendition import Rendition, RenditionFile

MAX_ENTRIES = Bound(
    name="content.cached-renditions",
    value=10_000,
    unit="renditions kept",
    reason="each has a folder of its own, however small it is",
    answer="the one used least lately is forgotten",
)

Make = Callable[[ConversionJob], Awaitable[Rendition]]


class RenditionCache:
    """Keeps renditions in `folder`, which is its own, up to so many octets in all."""

    def __init__(self, folder: Path, max_octets: int) -> None:
        """Anything in `folder` is removed. Raises OSError."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        self._folder = folder
        self._max_octets = max_octets
        self._octets = 0
        self._kept: OrderedDict[str, tuple[Rendition, int]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Rendition]] = {}

    @property
    def octets(self) -> int:
        """How many octets are kept."""
        return self._octets

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._octets = 0
        shutil.rmtree(self._folder, ignore_errors=True)

    async def rendition(self, job: ConversionJob, make: Make) -> Rendition:
        """Return the rendition that `job` asks for, its files in the job's folder; `make` makes what is not known.

        Whoever asks while it is being made waits for it. Raises what `make` raises, and OSError.
        """
        key = await asyncio.to_thread(key_of, job)
        while True:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                try:
                    return await asyncio.to_thread(_given_out, known[0], job.out_dir)
                except FileNotFoundError:  # somebody tidied up
                    if self._kept.pop(key, None) is not None:
                        self._octets -= known[1]
                    await asyncio.to_thread(_remove, [self._folder / key])
                    continue
            task = self._under_way.get(key)
            if task is None:
                return await self._make(key, job, make)
            await asyncio.wait([task])
            if task.cancelled() or task.exception() is not None:
                return await make(job)  # what went wrong there may be no fault of the document

    async def _make(self, key: str, job: ConversionJob, make: Make) -> Rendition:
        task = asyncio.create_task(self._make_and_keep(key, job, make))
        self._under_way[key] = task
        try:
            return await task
        finally:
            del self._under_way[key]

    async def _make_and_keep(self, key: str, job: ConversionJob, make: Make) -> Rendition:
        rendition = await make(job)
        octets = sum(file.octets for file in rendition.files)
        if octets <= self._max_octets:
            kept = await asyncio.to_thread(self._keep, key, rendition)
            self._kept[key] = kept, octets
            self._octets += octets
            await asyncio.to_thread(_remove, self._forget())
        return rendition

    def _keep(self, key: str, rendition: Rendition) -> Rendition:
        """Copy the files in; the folder has its name only when all of them are there."""
        scratch = Path(tempfile.mkdtemp(dir=self._folder))
        for file in rendition.files:
            _copy(file.path, scratch / file.path.name)
        folder = self._folder / key
        os.rename(scratch, folder)
        files = tuple(replace(file, path=folder / file.path.name) for file in rendition.files)
        return replace(rendition, files=files)

    def _forget(self) -> list[Path]:
        """Take out what was used least lately until there is room; return the folders to remove."""
        folders = []
        while self._octets > self._max_octets or len(self._kept) > MAX_ENTRIES.value:
            key, (_, octets) = self._kept.popitem(last=False)
            self._octets -= octets
            folders.append(self._folder / key)
        return folders


def key_of(job: ConversionJob) -> str:
    """Return what a rendition is made of, as a name. Raises OSError for a source that cannot be read."""
    digest = hashlib.sha256()
    described: list[object] = [__version__, str(job.target), job.stem]
    for source in job.sources:
        values = source.as_json()
        values["path"] = _hash(source.path)
        values["inline"] = [[content_id, _hash(path)] for content_id, path in source.inline]
        described.append(values)
    digest.update(json.dumps(described, sort_keys=True).encode())
    return digest.hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _given_out(rendition: Rendition, folder: Path) -> Rendition:
    """Put the files into `folder`, as second names of the same octets where that can be."""
    files: list[RenditionFile] = []
    for file in rendition.files:
        target = folder / file.path.name
        _copy(file.path, target)
        files.append(replace(file, path=target))
    return replace(rendition, files=tuple(files))


def _copy(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(path, target)


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
