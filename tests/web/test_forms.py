"""Forms made by real workers: looked at once whoever waits, and no more at a time than there is room for."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conneg.content import Office, RenditionCache, WorkerLimits, Workers
from conneg.demo.message import sample
from conneg.gateway.config import parse_config
from conneg.gateway.endpoint import Endpoint
from conneg.staging import FileStore, Item
from conneg.web import connections
from conneg.web.forms import PAGES, WAITING, BusyError, Form, Forms, Offered
from conneg.web.server import serve_staged
from tests.content.officefiles import docx, paragraph
from tests.staging.samples import put
from tests.system import require

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture
async def forms(tmp_path: Path) -> AsyncIterator[Forms]:
    cache = RenditionCache(tmp_path / "kept", 1 << 26)
    async with Workers(1, WorkerLimits(pages=40)) as workers:
        store = FileStore(tmp_path / "staging", 1 << 26)
        made = Forms(store, workers, cache, tmp_path / "readable", office=Office(), at_once=1)
        yield made
        await made.close()


def staged(folder: Path, octets: bytes, media_type: str, name: str) -> Item:
    return put(FileStore(folder / "staging", 1 << 26), folder, octets, media_type=media_type, name=name)


async def test_who_does_not_wait_does_not_end_it_for_others(forms: Forms, tmp_path: Path) -> None:
    item = staged(tmp_path, sample("survey.pdf"), "application/pdf", "survey.pdf")
    impatient = asyncio.create_task(forms.offered(item))
    await asyncio.sleep(0.05)
    patient = asyncio.create_task(forms.offered(item))
    impatient.cancel()
    offered = await patient
    assert (offered.pages, offered.shown) == (2, 2)
    assert [form.key for form in offered.documents] == ["text"]
    assert await forms.offered(item) == offered


async def test_a_text_of_many_pages_is_shown_in_part(forms: Forms, tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(60 * 30)).encode()
    offered = await forms.offered(staged(tmp_path, text, "text/plain", "long.txt"))
    assert offered.pages > offered.shown == PAGES.value
    assert offered.find("page-20") is not None
    assert offered.find("page-21") is None
    assert [form.key for form in offered.documents] == ["pdf"]


async def test_an_office_document_can_be_read_without_an_office(forms: Forms, tmp_path: Path) -> None:
    require("soffice", "libreoffice-writer-nogui")
    item = staged(tmp_path, docx(paragraph("Hello June.")), DOCX, "letter.docx")
    offered = await forms.offered(item)
    assert (offered.pages, [form.key for form in offered.documents]) == (1, ["pdf", "text"])
    for key, begins in (("pdf", b"%PDF-"), ("text", b"Hello June."), ("preview-1", b"\x89PNG")):
        form = offered.find(key)
        assert form is not None
        async with forms.make(item, form) as made:
            assert made.path.read_bytes().lstrip().startswith(begins)


async def test_who_comes_on_top_is_told_to_come_back(forms: Forms, tmp_path: Path) -> None:
    item = staged(tmp_path, sample("letter.txt"), "text/plain", "letter.txt")
    form = (await forms.offered(item)).find("preview-1")
    assert form is not None

    async def make(wanted: Form) -> int:
        async with forms.make(item, wanted) as made:
            assert made.path.read_bytes().startswith(b"\x89PNG")
            return made.octets

    results = await asyncio.gather(*(make(form) for _ in range(WAITING.value + 6)), return_exceptions=True)
    busy = [one for one in results if isinstance(one, BusyError)]
    assert len(busy) == 6
    assert len({one for one in results if isinstance(one, int)}) == 1


async def test_beyond_the_limits_there_is_the_original_only(forms: Forms, tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(60 * 80)).encode()
    assert await forms.offered(staged(tmp_path, text, "text/plain", "book.txt")) == Offered()


async def test_a_client_that_says_nothing_whole_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    config = parse_config(
        '[staging]\nbase_url = "http://127.0.0.1"\nlisten = "127.0.0.1:0"\nforms = false\n', folder=tmp_path
    )
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_staged(config, stop, ready=ready.set_result))
    endpoint: Endpoint = await ready

    def received(*pieces: bytes) -> list[bytes]:
        answers = []
        with socket.create_connection((endpoint.host, endpoint.port), timeout=20) as client:
            for piece in pieces:
                client.sendall(piece)
                answers.append(b"")
                while piece.endswith(b"\r\n\r\n") and not answers[-1].endswith(b"ok\n"):
                    answers[-1] += client.recv(4096)
            assert client.recv(4096) == b"", "the connection is closed"
        return answers

    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert await asyncio.to_thread(received) == []
    assert await asyncio.to_thread(received, b"GET / HT") == [b""]
    first, second = await asyncio.to_thread(received, whole, b"GET /heal")
    assert first.startswith(b"HTTP/1.1 200")
    assert second == b""
    stop.set()
    await serving
