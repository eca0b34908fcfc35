"""Items as folders: `items/ID/` holds `content`, `item.json` and `usage.json`.

A new item is written under `incoming/`, synced, and renamed to its place, so that a crash leaves all of it or nothing;
what goes is renamed away first. Whatever lies in `incoming/` for long is what a crash left, and is swept.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from conneg.durable import sync_directory, write_durably
from conneg.staging.errors import NoSuchItemError, StagingError, StagingFullError
from conneg.staging.item import Item, Usage
from conneg.words import octets as size

CHUNK_OCTETS = 256 * 1024
UNCITED_SECONDS = 86_400.0
"""How long an item waits for its citation: no attempt at a delivery lasts as long as that."""

RECOUNT_SECONDS = 10.0
"""How long what is in use is known: others may put and remove meanwhile, so the quota is kept to that nearly."""

_ITEM_ID = re.compile(r"[a-z2-7]{16}")
T = TypeVar("T")


class FileStore:
    """The `conneg.staging.Store` in one folder, made if it is not there; any number of processes may share it."""

    def __init__(self, folder: Path, max_octets: int) -> None:
        """`max_octets`: the quota for all contents. Raises `StagingError`."""
        self._items = folder / "items"
        self._incoming = folder / "incoming"
        self._max_octets = max_octets
        self._counted, self._counted_at = 0, float("-inf")
        with _as_staging_error(f"the folder {folder}"):
            for each in (folder, self._items, self._incoming):
                each.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, item: Item, source: Path) -> Item:
        """Keep a file as an item; see `Store.put`."""
        with _as_staging_error(f"{item.label} cannot be staged"):
            if self._known(item.id) is not None:
                return self._prolong(item)
            self._make_room(item)
            scratch = self._new_name()
            scratch.mkdir(mode=0o700)
            try:
                write_durably(scratch / "content", read_file(source, 0, source.stat().st_size))
                write_durably(scratch / "item.json", [item.to_json().encode("ascii")])
                return self._into_place(item, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _into_place(self, item: Item, scratch: Path) -> Item:
        try:
            os.rename(scratch, self._items / item.id)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return self._prolong(item)  # another process was faster
        sync_directory(self._items)
        self._counted += item.octets
        return item

    def _prolong(self, item: Item) -> Item:
        with self._locked(item.id):
            known = self.stat(item.id)
            kept = replace(known, expires_at=max(known.expires_at, item.expires_at))
            if kept != known:
                self._write_item(kept)
        sync_directory(self._items)  # who put it there may have died before
        return kept

    def _make_room(self, item: Item) -> None:
        """Sweep where the quota would be exceeded; raises `StagingFullError` if that is not enough."""
        if time.monotonic() - self._counted_at > RECOUNT_SECONDS:
            self.octets()
        if self._counted + item.octets <= self._max_octets:
            return
        self.sweep(time.time())
        used = self.octets()
        if used + item.octets > self._max_octets:
            raise StagingFullError(
                f"no room for {size(item.octets)}: {size(used)} of {size(self._max_octets)} are in use",
                hint="raise [staging] max_mib, or remove items: conneg staging list",
            )

    def octets(self) -> int:
        """Return how many octets all contents have."""
        total = 0
        for folder in self._folders():
            with contextlib.suppress(FileNotFoundError):
                total += (folder / "content").stat().st_size
        self._counted, self._counted_at = total, time.monotonic()
        return total

    def cite(self, item_id: str, now: float) -> None:
        """Note that a citation is about to name the item; see `Store.cite`."""
        with _as_staging_error(f"item {item_id} cannot be cited"), self._locked(item_id):
            self._write_item(replace(self.stat(item_id), cited_at=now))

    def _write_item(self, item: Item) -> None:
        self._write(item.id, "item.json", item.to_json())

    def _write(self, item_id: str, name: str, text: str) -> None:
        """Replace a file of an item, all or nothing; what a crash leaves of it is swept."""
        try:
            path = self._items / item_id / name
            write_durably(path, [text.encode("ascii")], temporary=self._new_name())
        except FileNotFoundError as error:
            raise _gone(item_id) from error

    def _new_name(self) -> Path:
        return self._incoming / uuid.uuid4().hex

    def stat(self, item_id: str) -> Item:
        """Return what is known of an item; see `Store.stat`."""
        found = self._known(item_id)
        if found is None:
            raise _gone(item_id)
        return found

    def _known(self, item_id: str) -> Item | None:
        path = self._folder(item_id) / "item.json"
        try:
            return Item.from_json(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StagingError(f"{path} cannot be read: {error}") from error

    def read(self, item_id: str, start: int, end: int) -> Iterator[bytes]:
        """Return some octets of a content; see `Store.read`."""
        try:
            return read_file(self._folder(item_id) / "content", start, end)
        except FileNotFoundError as error:
            raise _gone(item_id) from error
        except OSError as error:
            raise StagingError(f"item {item_id} cannot be read: {error.strerror}") from error

    @contextmanager
    def local(self, item_id: str) -> Iterator[Path]:
        """Return the content as a file; see `Store.local`."""
        self.stat(item_id)
        yield self._folder(item_id) / "content"

    def usage(self, item_id: str) -> Usage:
        """Return what has been used; see `Store.usage`."""
        self.stat(item_id)
        return self._usage(item_id)

    def _usage(self, item_id: str) -> Usage:
        path = self._folder(item_id) / "usage.json"
        try:
            return Usage.from_json(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return Usage()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StagingError(f"{path} cannot be read: {error}") from error

    def amend(self, item_id: str, change: Callable[[Usage], tuple[Usage, T]]) -> T:
        """Change what is known of an item's use, under a lock; see `Store.amend`."""
        with _as_staging_error(f"item {item_id} cannot be changed"), self._locked(item_id):
            before = self._usage(item_id)
            after, result = change(before)
            if after != before:
                self._write(item_id, "usage.json", after.to_json())
            return result

    @contextmanager
    def _locked(self, item_id: str) -> Iterator[None]:
        folder = self._folder(item_id)
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise _gone(item_id) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def remove(self, item_id: str) -> None:
        """Remove an item; see `Store.remove`."""
        gone = self._new_name()
        with _as_staging_error(f"item {item_id} cannot be removed"):
            try:
                os.rename(self._folder(item_id), gone)
            except FileNotFoundError as error:
                raise _gone(item_id) from error
            sync_directory(self._items)
        shutil.rmtree(gone, ignore_errors=True)

    def items(self) -> Iterator[Item]:
        """Return every item; see `Store.items`. One that cannot be read is left out."""
        for folder in self._folders():
            with contextlib.suppress(StagingError):
                item = self._known(folder.name)
                if item is not None:
                    yield item

    def _folders(self) -> list[Path]:
        with _as_staging_error(f"{self._items} cannot be read"), os.scandir(self._items) as entries:
            return [Path(entry.path) for entry in entries if _ITEM_ID.fullmatch(entry.name)]

    def sweep(self, now: float) -> list[Item]:
        """Remove what nobody can fetch any more; see `Store.sweep`."""
        removed = []
        for item in self.items():
            if not _is_over(item, now):
                continue
            with contextlib.suppress(NoSuchItemError), self._locked(item.id):
                if _is_over(self.stat(item.id), now):  # it may have been cited a moment ago
                    self.remove(item.id)
                    removed.append(item)
        with _as_staging_error(f"{self._incoming} cannot be swept"), os.scandir(self._incoming) as entries:
            for entry in list(entries):
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime <= now - UNCITED_SECONDS:
                        _remove(Path(entry.path).rename(self._new_name()))
        return removed

    def _folder(self, item_id: str) -> Path:
        """Return where the item is; an id of another form is no item's, and no path is made of it."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise _gone(item_id)
        return self._items / item_id


def read_file(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Return the octets of a file from `start` up to, not including, `end`, in chunks.

    It is opened at once, and can then be read even when it has been removed. Raises OSError.
    """
    file = path.open("rb")

    def chunks() -> Iterator[bytes]:
        with file:
            file.seek(start)
            left = end - start
            while left > 0 and (chunk := file.read(min(left, CHUNK_OCTETS))):
                left -= len(chunk)
                yield chunk

    return chunks()


def _is_over(item: Item, now: float) -> bool:
    """Say whether nobody can fetch the item any more."""
    return item.expires_at <= now or (item.cited_at is None and item.staged_at <= now - UNCITED_SECONDS)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _gone(item_id: str) -> NoSuchItemError:
    shown = item_id if _ITEM_ID.fullmatch(item_id) else ascii(item_id[:40])
    return NoSuchItemError(f"there is no item {shown}", hint="conneg staging list shows those that are there")


@contextmanager
def _as_staging_error(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StagingError(
            f"{doing}: {error.strerror or error}", hint="make room, or check who may write there"
        ) from error
