"""LibreOffice, where it is installed: makes office documents readable, as PDF, one at a time.

It decodes hostile octets with foreign code and starts threads, so it is no worker: a process of its own for each
document, behind the same fence (`conneg.content.fence`), with a profile of its own in which macros, Java, active
content and the updating of links are off. What it makes is a PDF like any other, which the workers then read.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

from conneg.content.errors import ContentRefusedError
from conneg.content.fence import LAYERS, Fence, WorkerLimits
from conneg.content.officeprocess import OfficeDesk, OfficeProcess
from conneg.content.officetypes import OFFICE_FORMATS
from conneg.content.source import Source
from conneg.errors import UnavailableError

PACKAGES = "libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"
"""What to install on Debian."""

_MEMORY_OCTETS = 3 << 30
"""Address space, most of it libraries and the stacks of threads."""

START_SECONDS = 60.0
"""How long its launcher may take to raise the fence."""

_RESTART = 81
"""LibreOffice's exit status when it has set up a new profile and wants to be started again (`exithelper.h`)."""

_MOST_STARTS = 3
_TRIES = 2


@functools.cache
def binary() -> Path | None:
    """Return LibreOffice's binary, beside the script that is in the path; found out once."""
    for name in ("soffice", "libreoffice"):
        script = shutil.which(name)
        if script is not None:
            found = Path(script).resolve().with_name("soffice.bin")
            if found.is_file():
                return found
    return None


class Office:
    """LibreOffice, behind a fence; nothing is started before it is needed.

    Of `limits` those on time, output and open files hold; its memory has a limit of its own. `scratch` is where each
    run has its folders. `layers` are those of the fence that are raised where the machine has them; with `closed_only`
    it is not used unless network, files and processes are all fenced off.
    """

    def __init__(
        self,
        limits: WorkerLimits | None = None,
        scratch: Path | None = None,
        *,
        layers: Sequence[str] = LAYERS,
        closed_only: bool = False,
    ) -> None:
        self._limits = replace(limits or WorkerLimits(), memory_octets=_MEMORY_OCTETS)
        self._scratch = scratch or Path(tempfile.gettempdir())
        self._layers = tuple(layers)
        self._closed_only = closed_only
        self._turn = asyncio.Lock()
        self._fence: Fence | None = None

    async def fence(self) -> Fence:
        """Return what keeps LibreOffice from network, files and processes, found out once.

        Raises UnavailableError where it is not installed, or cannot be fenced in as it must be.
        """
        async with self._turn:
            return await self._raised()

    async def as_pdf(self, source: Source, media_type: str, folder: Path) -> Path:
        """Return `source`, a document of one of `OFFICE_FORMATS`, as a PDF in a new folder below `folder`.

        Calls wait for each other. A run that crashes, hangs or grows is killed, and made once more. Raises
        ContentRefusedError if it ends the same way, and for what LibreOffice cannot read; UnavailableError as `fence`.
        """
        async with self._turn:
            await self._raised()
            lost = ""
            for _ in range(_TRIES):  # the first end may have been for the machine's want of memory
                try:
                    return await self._convert(source, media_type, folder)
                except _LostError as error:
                    lost = str(error)
            raise ContentRefusedError(f"{source.label}: LibreOffice {lost}")

    async def _raised(self) -> Fence:
        """Raise the fence once, around a launcher that starts nothing, to see what holds."""
        if self._fence is not None:
            return self._fence
        process = await self._process()
        with OfficeDesk(self._scratch) as desk:
            try:
                _, said = await process.run(desk, (), START_SECONDS)
                fence = Fence.from_json(json.loads(said))
            except (OSError, TimeoutError, ValueError, KeyError, TypeError) as error:
                raise UnavailableError(f"LibreOffice's launcher does not start: {error}") from error
        if process.bwrap is not None:
            fence = fence.and_bubblewrap()
        if self._closed_only and not fence.is_closed:
            raise UnavailableError(
                "LibreOffice cannot be fenced in here",
                hint="install bubblewrap, or use a kernel with Landlock and seccomp",
            )
        self._fence = fence
        return fence

    async def _process(self) -> OfficeProcess:
        found = await asyncio.to_thread(binary)
        if found is None:
            raise UnavailableError("LibreOffice is not installed", hint=f"Debian: apt-get install {PACKAGES}")
        return OfficeProcess(found, self._limits, self._layers)

    async def _convert(self, source: Source, media_type: str, folder: Path) -> Path:
        fence = await self._raised()
        with OfficeDesk(self._scratch) as desk:
            laid = await asyncio.to_thread(desk.lay, [source.path], by_link=bool(fence.files))
            document = laid[source.path]
            await asyncio.to_thread(_write_profile, desk.profile)
            status = await self._run(desk, _arguments(desk, media_type, document))
            if status != 0:
                raise _LostError(_end_in_words(status, self._limits))
            made = desk.results / f"{document.name}.pdf"
            if not made.is_file():
                raise ContentRefusedError(
                    f"{source.label}: LibreOffice cannot read it; it is damaged, or asks for a password"
                )
            place = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="office-", dir=folder))
            return await asyncio.to_thread(desk.take, made, place)

    async def _run(self, desk: OfficeDesk, arguments: Sequence[str]) -> int:
        """Run it, with a new profile more than once, and return the last exit status."""
        process, status = await self._process(), _RESTART
        for _ in range(_MOST_STARTS):
            try:
                status, _ = await process.run(desk, arguments, self._limits.wall_seconds)
            except TimeoutError:
                raise _LostError(f"exceeded its limit of {self._limits.wall_seconds:g} seconds") from None
            except OSError as error:
                raise _LostError(f"cannot be started ({error.strerror})") from None
            finally:
                remove_socket(desk.profile)
            if status != _RESTART:
                break
        return status


class _LostError(Exception):
    """A run did not end by itself as it should; the text says how."""


def _arguments(desk: OfficeDesk, media_type: str, document: Path) -> list[str]:
    """Return the words after the program's name: the import filter is named, so that nothing is guessed."""
    row = OFFICE_FORMATS[media_type]
    return [
        f"-env:UserInstallation={desk.profile.as_uri()}",
        "--headless",
        "--norestore",
        "--nolockcheck",
        f"--infilter={row.import_filter}",
        "--convert-to",
        f"pdf:{row.module}_pdf_Export:{_PDF_A_2B}",
        "--outdir",
        str(desk.results),
        str(document),
    ]


_PDF_A_2B = json.dumps({"SelectPdfVersion": {"type": "long", "value": "2"}})
"""What a PDF that may be sent to somebody has to be, as those of page images are."""


def _end_in_words(status: int, limits: WorkerLimits) -> str:
    if status == -signal.SIGKILL:
        return f"was killed: more than {limits.cpu_seconds} seconds of processor time, or out of memory"
    if status < 0:
        return f"crashed ({signal.Signals(-status).name}): the document is damaged or hostile"
    return f"ended without a result (status {status})"


_COMMON = "/org.openoffice.Office.Common"
_SETTINGS = (
    (f"{_COMMON}/Security/Scripting", "MacroSecurityLevel", "3"),
    (f"{_COMMON}/Security/Scripting", "DisableMacrosExecution", "true"),
    (f"{_COMMON}/Security/Scripting", "DisableActiveContent", "true"),
    (f"{_COMMON}/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("/org.openoffice.Office.Java/VirtualMachine", "Enable", "false"),
    ("/org.openoffice.Office.Writer/Content/Update", "Link", "2"),
    ("/org.openoffice.Office.Calc/Content/Update", "Link", "2"),
)
"""Where a setting is, its name and its value: nothing in a document runs, and links are never followed (2)."""


def _write_profile(profile: Path) -> None:
    """Write the settings where LibreOffice looks for a user's (`registrymodifications.xcu`)."""
    items = "".join(
        f'<item oor:path={quoteattr(path)}><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>\n'
        for path, name, value in _SETTINGS
    )
    folder = profile / "user"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        f"{items}</oor:items>\n",
        encoding="utf-8",
    )


def remove_socket(profile: Path) -> None:
    """Remove the socket that it cannot remove itself, where `/tmp` is not a folder of its own.

    It is named by the MD5 of the profile, and by the user, if that is found in the system's files.
    """
    digest = hashlib.md5(profile.as_uri().encode("utf-16-le"), usedforsecurity=False).digest()
    name = f"SingleOfficeIPC_{''.join(f'{octet:x}' for octet in digest)}"
    for path in (f"/tmp/OSL_PIPE_{os.getuid()}_{name}", f"/tmp/OSL_PIPE_{name}"):  # noqa: S108
        with contextlib.suppress(OSError):
            os.unlink(path)
