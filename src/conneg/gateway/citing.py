"""Parts of a message put on the retrieval server, and the citations that take their place.

A part is durable in the store before a citation of it can be sent, and noted as cited before it is. What is staged is
named after message, part, content and recipients, so an attempt that is made again stages nothing twice.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from conneg.gateway.config import Config
from conneg.gateway.staging_section import StagingSection
from conneg.mail import Citation, Part
from conneg.negotiation import Stage, StageCause
from conneg.staging import FileStore, Item, NoSuchItemError, Purpose, StagingError, Store, Tokens, read_key

_WHY = {
    StageCause.NOT_ACCEPTED: "Your mail system does not take this kind of file.",
    StageCause.TOO_LARGE: "It is too large to be sent by mail.",
}
_DAY = 86_400
_SWEEP_SECONDS = 3600

log = structlog.get_logger("conneg")


@dataclass(frozen=True, slots=True)
class StagedPart:
    """A part that is to be staged: decoded, in the file `path`."""

    part: Part
    path: Path
    media_type: str
    action: Stage


class Citing:
    """Stages what plans say, for one gateway."""

    def __init__(
        self,
        store: Store,
        tokens: Tokens,
        section: StagingSection,
        *,
        hostname: str,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._section = section
        self._hostname = hostname
        self._clock = clock
        self._sweep_at = 0.0

    async def stage(
        self, message_id: str, parts: Sequence[StagedPart], recipients: Sequence[str]
    ) -> dict[str, tuple[Item, Citation]]:
        """Put the parts on the retrieval server; returns for each, by its id, what is kept and how it is cited.

        Raises `StagingError`, which the operator is told, too.
        """
        try:
            return {
                staged.part.id: await asyncio.to_thread(self._stage, message_id, staged, recipients)
                for staged in parts
            }
        except (StagingError, OSError) as error:
            log.error("content cannot be staged; the message waits", message=message_id, error=str(error))
            raise error if isinstance(error, StagingError) else StagingError(str(error)) from error

    async def announce(self, items: Sequence[Item]) -> None:
        """Note that citations of these are about to be sent. Raises `StagingError`."""
        for item in items:
            try:
                await asyncio.to_thread(self._store.cite, item.id, self._clock())
            except NoSuchItemError as error:
                raise StagingError(f"{error}: it was removed before it was cited") from error

    def _stage(self, message_id: str, staged: StagedPart, recipients: Sequence[str]) -> tuple[Item, Citation]:
        now = self._clock()
        part, section = staged.part, self._section
        with staged.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        item = Item(
            id=self._tokens.item_id(message_id, part.id, sha256, recipients),
            media_type=staged.media_type,
            octets=staged.path.stat().st_size,
            sha256=sha256,
            staged_at=now,
            expires_at=now + section.keep_days * _DAY,
            recipients=tuple(sorted(recipients)),
            name=part.filename,
            parameters=dict(part.parameters),
            most_downloads=section.max_downloads,
            wants_code=section.code,
            message_id=message_id,
            part_id=part.id,
        )
        kept = self._store.put(item, staged.path)
        self._sweep(now)
        return kept, self._citation(kept, staged.action)

    def _sweep(self, now: float) -> None:
        """Remove what has expired, now and then, in case that no retrieval server does."""
        if now < self._sweep_at:
            return
        self._sweep_at = now + _SWEEP_SECONDS
        try:
            self._store.sweep(now)
        except StagingError as error:
            log.error("what has expired cannot be swept away", error=str(error))

    def _citation(self, item: Item, action: Stage) -> Citation:
        url = f"{self._section.base_url}/s/{self._tokens.write(Purpose.LINK, item.id, item.expires_at)}"
        for_programs = action.has_external_body and not item.wants_code
        return Citation(
            name=item.name,
            media_type=item.media_type,
            octets=item.octets,
            expires_at=datetime.fromtimestamp(int(item.expires_at), UTC),
            why=_WHY[action.cause],
            url=url,
            content_id=f"{item.id}.staged@{self._hostname}",
            content_url=f"{url}/original" if for_programs else None,
            is_ascii=action.is_ascii,
        )


def open_citing(config: Config, clock: Callable[[], float]) -> Citing | None:
    """Return what stages content as `config` says; None where it says nothing of it. Raises `StagingError`."""
    section = config.staging
    if section is None:
        return None
    return Citing(
        open_store(section), open_tokens(section), section, hostname=config.server.hostname, clock=clock
    )


def open_store(section: StagingSection) -> FileStore:
    """Return the store that the gateway, the retrieval server and the operator share. Raises `StagingError`."""
    return FileStore(section.folder, section.max_octets)


def open_tokens(section: StagingSection) -> Tokens:
    """Return what signs links, with the key that all of them share. Raises `StagingError`."""
    return Tokens(read_key(section.folder / "key"))
