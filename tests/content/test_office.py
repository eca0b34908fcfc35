"""Office documents: recognised by what they hold, and made readable by LibreOffice behind its fence."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conneg.content import Examined, Office, Source, WorkerLimits, Workers, document_offer, examine, offer
from conneg.content.errors import ContentRefusedError
from conneg.content.fence import LAYERS
from conneg.content.officetypes import MAX_MEMBERS, MAX_UNPACKED, OFFICE_FORMATS, recognise_source
from conneg.errors import UnavailableError
from conneg.features import feature_set
from tests.content.officefiles import (
    MADE,
    WORDS,
    compound_file,
    docx,
    docx_of_spaces,
    included_text,
    linked_picture,
    made_by_libreoffice,
    odt,
    odt_with_a_macro,
    open_with_macros,
    package,
    paragraph,
    soffice,
)
from tests.content.programs import run, words_of_pdf
from tests.content.samples import photo
from tests.peers.ports import wait_until
from tests.system import require

pytestmark = pytest.mark.xdist_group("office")
"""One process for all of them: what LibreOffice writes is written once."""

TYPES = {row.suffix: row.media_type for row in OFFICE_FORMATS.values()}
DOCX = TYPES["docx"]


def placed(folder: Path, name: str, octets: bytes) -> Source:
    path = folder / name
    path.write_bytes(octets)
    return Source(path, "application/octet-stream", name=name)


def examined(source: Source, folder: Path, office: Office | None) -> Examined:
    async def main() -> Examined:
        async with Workers(count=1) as workers:
            return await examine(source, workers, office, folder)

    return asyncio.run(main())


def as_pdf(source: Source, folder: Path, office: Office) -> Path:
    return asyncio.run(office.as_pdf(source, recognise_source(source, ""), folder))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Examined]:
    """A document of each kind, written by LibreOffice, and what it is found to be; by suffix."""
    folder, office = tmp_path_factory.mktemp("office"), Office()
    paths = {suffix: made_by_libreoffice(folder, suffix) for suffix in MADE}

    async def main() -> dict[str, Examined]:
        async with Workers(count=1) as workers:
            return {
                suffix: await examine(
                    Source(path, "application/octet-stream", "letter"), workers, office, folder
                )
                for suffix, path in paths.items()
            }

    return asyncio.run(main())


@pytest.mark.system
@pytest.mark.judged("office documents, read", "LibreOffice")
@pytest.mark.judged("office documents, read", "poppler")
@pytest.mark.parametrize("suffix", MADE)
def test_what_libreoffice_wrote_is_recognised_and_read(suffix: str, written: dict[str, Examined]) -> None:
    found = written[suffix]
    assert found.inspection.problem is None
    assert found.inspection.media_type == TYPES[suffix]
    assert len(found.inspection.pages) == (2 if suffix in ("pptx", "odp", "ppt") else 1)
    assert set(WORDS.split()) <= set(words_of_pdf(found.source.path))
    fax = feature_set("(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MH))")
    assert not (document_offer([found.inspection]) & fax).is_empty
    assert not (offer(found.inspection) & feature_set('(type="image/png")')).is_empty
    assert (feature_set(found.inspection.features) & fax).is_empty, (
        "as it is, it is nothing for a fax machine"
    )


@pytest.mark.parametrize(
    ("name", "octets", "media_type"),
    [
        ("letter.pdf", docx(paragraph("x")), DOCX),
        ("letter.docx", odt("<text:p>x</text:p>"), TYPES["odt"]),
        ("letter", rb"{\rtf1 x}", TYPES["rtf"]),
        ("a.doc", compound_file("WordDocument"), TYPES["doc"]),
        ("a.xls", compound_file("Workbook"), TYPES["xls"]),
        ("old.xls", compound_file("Book"), TYPES["xls"]),
        ("a.ppt", compound_file("PowerPoint Document"), TYPES["ppt"]),
        ("drawing.doc", compound_file("VisioDocument"), "application/octet-stream"),
        ("letter.docx", package({"letter.txt": b"x"}), "application/octet-stream"),
        ("letter.docx", package({"[Content_Types].xml": b"<Types/>"}), "application/octet-stream"),
        ("letter.docx", b"PK is how this text begins", "text/plain"),
        ("notes.docx", b"plain words", "text/plain"),
    ],
)
def test_the_content_decides_and_not_the_name(
    name: str, octets: bytes, media_type: str, tmp_path: Path
) -> None:
    assert recognise_source(placed(tmp_path, name, octets), "application/octet-stream") == media_type


def manifest_of_a_password() -> str:
    return '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry>'


def many_members() -> bytes:
    return package(
        {"mimetype": b"application/vnd.oasis.opendocument.text"} | {f"{n}": b"" for n in range(10_001)}
    )


def with_a_false_size(octets: bytes, name: bytes, size: int) -> bytes:
    """Let the directory of a ZIP file say another size of a member."""
    place = octets.rindex(name) - 46
    assert octets[place : place + 4] == b"PK\1\2"
    return octets[: place + 24] + struct.pack("<I", size) + octets[place + 28 :]


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (docx(paragraph("x"))[:-40], "damaged package"),
        (compound_file("EncryptedPackage"), "asks for a password"),
        (compound_file("WordDocument")[:200], "damaged compound file"),
        (odt("<text:p>x</text:p>", manifest=manifest_of_a_password()), "asks for a password"),
        (many_members(), MAX_MEMBERS.name),
        (with_a_false_size(docx(paragraph("x")), b"word/document.xml", 1 << 30), MAX_UNPACKED.name),
    ],
    ids=["cut off", "encrypted OOXML", "cut off OLE2", "encrypted ODF", "many members", "bomb"],
)
def test_what_is_damaged_encrypted_or_a_bomb_is_refused_before_libreoffice(
    octets: bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ContentRefusedError, match=words) as caught:
        recognise_source(placed(tmp_path, "letter.docx", octets), "application/octet-stream")
    assert str(caught.value).startswith("letter.docx: ")


@pytest.mark.parametrize("next_sector", [0, 1, 0xFFFFFFFD, 0x7FFFFFFF])
def test_a_directory_that_leads_in_a_circle_or_nowhere_ends(next_sector: int, tmp_path: Path) -> None:
    octets = bytearray(compound_file("VisioDocument"))
    struct.pack_into("<I", octets, 512 + 4, next_sector)
    assert recognise_source(placed(tmp_path, "x", bytes(octets)), "x/y") == "application/octet-stream"


def test_without_libreoffice_it_is_said_that_it_would_be_needed(tmp_path: Path) -> None:
    source = placed(tmp_path, "letter.docx", docx(paragraph("x")))
    found = examined(source, tmp_path, None)
    assert found.source == source
    assert found.inspection.media_type == DOCX
    assert "LibreOffice" in (found.inspection.problem or "")
    assert offer(found.inspection).is_empty


@pytest.mark.system
def test_damage_that_only_libreoffice_sees_is_named(tmp_path: Path) -> None:
    source = placed(tmp_path, "letter.docx", docx("", document=b"<w:document"))
    found = examined(source, tmp_path, libreoffice())
    assert found.inspection.problem == (
        "letter.docx: LibreOffice cannot read it; it is damaged, or asks for a password"
    )
    assert found.inspection.media_type == DOCX


def libreoffice(**limits: float) -> Office:
    require("soffice", "libreoffice-writer-nogui")
    return Office(WorkerLimits(**limits))  # type: ignore[arg-type]


class Web:
    """A server that remembers who came."""

    def __init__(self) -> None:
        self.visits = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.visits += 1
                connection.close()

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.mark.system
def test_links_lead_nowhere(tmp_path: Path, web: Web) -> None:
    """What lies outside of a document is neither fetched nor read; LibreOffice by itself would do both."""
    photo().save(tmp_path / "secret.png")
    source = placed(
        tmp_path,
        "links.docx",
        docx(
            paragraph(WORDS)
            + linked_picture("rId8")
            + linked_picture("rId9")
            + included_text(Path("/etc/passwd")),
            {
                "rId8": ("image", f"http://127.0.0.1:{web.port}/picture.png"),
                "rId9": ("image", (tmp_path / "secret.png").as_uri()),
            },
        ),
    )
    require("soffice", "libreoffice-writer-nogui")
    for layers in (LAYERS, ("landlock",), ("bubblewrap",)):
        made = as_pdf(source, tmp_path, Office(layers=layers))
        assert set(WORDS.split()) <= set(words_of_pdf(made))
        assert b"root:" not in run("poppler-utils", "pdftotext", made, "-")
        assert pictures_in(made) == 0, layers
        assert web.visits == 0, layers

    soffice(tmp_path, "--infilter=MS Word 2007 XML", "--convert-to", "pdf", source.path)
    assert pictures_in(tmp_path / "links.pdf") > 0
    assert web.visits > 0


def pictures_in(pdf: Path) -> int:
    return len(run("poppler-utils", "pdfimages", "-list", pdf).splitlines()) - 2


@pytest.mark.system
def test_a_macro_does_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    source = placed(tmp_path, "macro.odt", odt_with_a_macro(ran))
    made = as_pdf(source, tmp_path, Office(layers=()))
    assert set(WORDS.split()) <= set(words_of_pdf(made))
    assert not ran.exists()

    open_with_macros(tmp_path, source.path)
    assert ran.exists()


LONG = docx("".join(paragraph(f"line {number}") for number in range(60_000)))


@pytest.mark.system
def test_a_document_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    source = placed(tmp_path, "long.docx", LONG)
    with pytest.raises(
        ContentRefusedError, match=r"long.docx: LibreOffice .* more than 1 seconds of processor time"
    ):
        as_pdf(source, tmp_path, libreoffice(cpu_seconds=1))
    with pytest.raises(ContentRefusedError, match=r"exceeded its limit of 1 seconds"):
        as_pdf(source, tmp_path, libreoffice(wall_seconds=1))


@pytest.mark.system
def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path) -> None:
    """Its directory says a kilobyte; 600 MiB of white space would come out."""
    document = docx_of_spaces(600 << 20)
    source = placed(tmp_path, "bomb.docx", with_a_false_size(document, b"word/document.xml", 1000))
    found = examined(source, tmp_path, libreoffice(cpu_seconds=5))
    assert found.inspection.problem is not None


@pytest.mark.system
@pytest.mark.timeout(60)
async def test_who_waits_no_longer_leaves_nothing_behind(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = placed(tmp_path, "long.docx", LONG)
    require("soffice", "libreoffice-writer-nogui")
    office = Office(scratch=scratch)
    await office.fence()
    task = asyncio.create_task(office.as_pdf(source, DOCX, tmp_path))
    while not list(scratch.glob("*/out/profile/user")):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(scratch.iterdir()) == []
    # all are killed at once, and the kernel takes a moment to bury those that were no child of ours
    while [line for line in Path("/proc").glob("[0-9]*/cmdline") if str(scratch) in _read(line)]:
        await asyncio.sleep(0.05)


@pytest.mark.system
@pytest.mark.timeout(60)
async def test_who_gives_up_while_it_starts_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine it runs before asyncio has its pipes; then killing the first process is not enough."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    require("soffice", "libreoffice-writer-nogui")
    office = Office(scratch=scratch)
    await office.fence()
    start, runs = asyncio.create_subprocess_exec, asyncio.Event()

    async def start_slowly(*command: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*command, **options)
        runs.set()
        await asyncio.sleep(0.2)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_slowly)
    source = placed(tmp_path, "long.docx", LONG)
    for milliseconds in range(0, 40, 2):
        runs.clear()
        task = asyncio.create_task(office.as_pdf(source, DOCX, tmp_path))
        await runs.wait()
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert list(scratch.iterdir()) == []
    while [line for line in Path("/proc").glob("[0-9]*/cmdline") if str(scratch) in _read(line)]:
        await asyncio.sleep(0.05)


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")
    return ""


@pytest.mark.system
@pytest.mark.parametrize("layers", [LAYERS, ("namespace", "landlock", "seccomp"), ("bubblewrap",), ()])
def test_it_works_behind_every_fence(layers: tuple[str, ...], tmp_path: Path) -> None:
    """With bubblewrap and without; in the system's `/tmp` nothing is left."""
    require("soffice", "libreoffice-writer-nogui")
    before = set(Path("/tmp").glob("OSL_PIPE_*"))
    made = as_pdf(placed(tmp_path, "a.docx", docx(paragraph(WORDS))), tmp_path, Office(layers=layers))
    assert set(WORDS.split()) <= set(words_of_pdf(made))
    # that of another LibreOffice, which a test beside this one has started, goes in a moment
    wait_until(
        lambda: set(Path("/tmp").glob("OSL_PIPE_*")) <= before, seconds=60, what="sockets to be removed"
    )


@pytest.mark.system
async def test_where_it_has_to_be_fenced_in_and_cannot_be_it_is_not_used(tmp_path: Path) -> None:
    require("soffice", "libreoffice-writer-nogui")
    office = Office(layers=("namespace",), closed_only=True)
    with pytest.raises(UnavailableError, match="cannot be fenced in"):
        await office.fence()
    with pytest.raises(UnavailableError, match="cannot be fenced in"):
        await office.as_pdf(placed(tmp_path, "a.docx", docx(paragraph("x"))), DOCX, tmp_path)
    assert (await Office().fence()).is_closed
