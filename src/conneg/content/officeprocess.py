"""One process of LibreOffice, seen from the parent: started behind its fence, waited for, and gone afterwards."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import conneg
from conneg.content import bubblewrap
from conneg.content.desk import Desk
from conneg.content.fence import Orders, WorkerLimits, environment, readable_paths

_KEPT_OCTETS = 4096
"""How much is kept of what it writes to standard output."""


class OfficeDesk(Desk):
    """The folders of one run; a context manager. Under bubblewrap `temporary` is what the process has as `/tmp`."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.profile = self.results / "profile"
        self.temporary = self.results / "tmp"
        self.temporary.mkdir(mode=0o700)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


@dataclass(frozen=True, slots=True)
class OfficeProcess:
    """How LibreOffice is run: its `binary`, the limits on it, and the layers of the fence that are raised."""

    binary: Path
    limits: WorkerLimits
    layers: tuple[str, ...]

    @property
    def bwrap(self) -> str | None:
        """The path of bubblewrap, if that is one of the layers and works here."""
        return bubblewrap.program() if "bubblewrap" in self.layers else None

    async def run(self, desk: OfficeDesk, arguments: Sequence[str], seconds: float) -> tuple[int, bytes]:
        """Run it once; returns the exit status, negative for a signal, and the beginning of what it wrote.

        Raises TimeoutError after so many `seconds`, and OSError when it cannot be started. However this ends, the
        process is gone then.
        """
        process = await self._start(desk, await asyncio.to_thread(self._command, desk, arguments))
        assert process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                said = await _beginning(process.stdout)
                status = await process.wait()
        finally:
            await _end(process)
        # bubblewrap ends as a shell does when what it runs is ended by a signal
        return 128 - status if status > 128 else status, said

    async def _start(self, desk: OfficeDesk, command: Sequence[str]) -> asyncio.subprocess.Process:
        """Start it. Whoever gives up meanwhile waits until it can be ended with all that it has started.

        Left to asyncio, only the first process would be killed, and LibreOffice behind it would run on.
        """
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=desk.results,
                env=self._environment(desk),
                start_new_session=True,
            )
        )
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])
            if not starting.cancelled() and starting.exception() is None:
                await _end(starting.result())
            raise

    def _command(self, desk: OfficeDesk, arguments: Sequence[str]) -> list[str]:
        package_root = Path(conneg.__file__).parents[1]
        orders = Orders(self.limits, desk.documents, desk.results, self.layers, desk.temporary).as_json()
        launcher = [sys.executable, "-P", "-m", "conneg.content.office_main", json.dumps(orders)]
        command = [*launcher, str(self.binary), *arguments]
        if self.bwrap is None:
            return command
        return bubblewrap.command(
            self.bwrap,
            command,
            readable=[*readable_paths(), package_root, self.binary.parents[1]],
            documents=desk.documents,
            results=desk.results,
            temporary=desk.temporary,
        )

    def _environment(self, desk: OfficeDesk) -> dict[str, str]:
        home = str(desk.results)
        package_root = str(Path(conneg.__file__).parents[1])
        return {**environment(package_root, home), "HOME": home, "SAL_USE_VCLPLUGIN": "svp"}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of it, with all that it has started, and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())


async def _beginning(stream: asyncio.StreamReader) -> bytes:
    """Read a stream to its end and keep its beginning."""
    kept = b""
    while chunk := await stream.read(_KEPT_OCTETS):
        kept = (kept + chunk)[:_KEPT_OCTETS]
    return kept
