"""Kill -9 while contents are staged, and while renditions are kept and given out again: nothing is lost or damaged."""

import contextlib
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from conneg.gateway.citing import open_store, open_tokens
from conneg.gateway.config import parse_config
from conneg.gateway.staging_section import StagingSection
from conneg.staging import NoSuchItemError, Purpose
from tests.gateway.lives import PAGES, Letter, Trial, trial

KILLS = 10
DAY = 86_400
STAGED = """baseline = '(type=["text/plain","text/html"])'
on_no_common_form = "stage"
[staging]
base_url = "https://files.test"
folder = "staging"
code = {code}
"""
CACHED = f"""{PAGES}[content]
cache_mib = 1
"""


def kill_at_random(found: Trial, longest: float, record: Callable[[str, object], None]) -> None:
    seed = int(os.environ.get("CONNEG_KILL_SEED", random.randrange(2**32)))
    moments = random.Random(seed)
    record("seed", seed)
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.05, longest))
        found.gateway.kill()
        found.gateway.start()


def nothing_is_left_over(found: Trial) -> None:
    """When all is delivered and the gateway has stopped there are no files but those that stay by design."""
    spool = found.gateway.config.parent / found.gateway.spool
    for folder in ("incoming", "blobs", "renditions"):
        assert not (spool / folder).is_dir() or os.listdir(spool / folder) == []
    assert found.gateway.temporary is not None
    assert os.listdir(found.gateway.temporary) == []


def message(number: str, text: str, *attached: tuple[str, str, bytes]) -> bytes:
    """A letter of that number; attachments are given by name, type and octets."""
    letter = EmailMessage()
    letter["From"], letter["Subject"], letter["X-Number"] = "a@client.test", "test", number
    letter.set_content(text)
    for name, media_type, octets in attached:
        main, _, sub = media_type.partition("/")
        letter.add_attachment(octets, maintype=main, subtype=sub, filename=name)
    return letter.as_bytes(policy=letter.policy.clone(linesep="\r\n"))


def drawing(number: str) -> bytes:
    """What is attached to the message of that number."""
    numbered = random.Random(number)
    return numbered.randbytes(numbered.choice((700, 90_000, 600_000)))


def with_drawing(number: str) -> Letter:
    return Letter(message(number, "As promised.\n", ("plan.step", "model/step", drawing(number))))


@contextmanager
def sweeping(section: StagingSection) -> Iterator[None]:
    """Sweep again and again, as if a day had gone by: what no citation has named goes, also while it is stored."""
    over = threading.Event()

    def sweep() -> None:
        store = open_store(section)
        while not over.wait(0.2):
            store.sweep(time.time() + DAY + 1)

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("code", ["false", "true"])
def test_every_link_that_is_delivered_leads_to_all_of_its_content(
    tmp_path: Path, code: str, record_property: Callable[[str, object], None]
) -> None:
    settings = STAGED.format(code=code)
    with trial(tmp_path, settings=settings, compose=with_drawing, pause=0.2, keeps=True) as found:
        staging = parse_config(found.gateway.config.read_text(), folder=tmp_path).staging
        assert staging is not None
        with sweeping(staging):
            found.load()
            kill_at_random(found, 1.5, record_property)
            found.end_load()
            with contextlib.suppress(TimeoutError):
                found.wait_for_all()
        record_property("told", found.judge())
    store, tokens = open_store(staging), open_tokens(staging)
    cited = set()
    for number, contents in found.hop.contents.items():
        for content in contents:
            text = message_from_bytes(content).as_string().replace("=\n", "")
            tokens_found = set(re.findall(r"https://files\.test/s/([a-z2-7]{48})", text))
            assert len(tokens_found) == 1, content
            item_id, _ = tokens.read(Purpose.LINK, tokens_found.pop(), time.time())
            item = store.stat(item_id)
            assert item.cited_at is not None
            assert item.wants_code is (code == "true")
            assert b"".join(store.read(item_id, 0, item.octets)) == drawing(number)
            cited.add(item_id)
    assert len(cited) >= 10, "hardly anything was staged: it is no test"
    # a message may have been staged once more than it was delivered, and that goes when its time has come
    store.sweep(time.time() + DAY + 1)
    assert {item.id for item in store.items() if item.cited_at is None} == set()
    assert os.listdir(staging.folder / "incoming") == []
    for item in store.sweep(time.time() + 15 * DAY):
        with pytest.raises(NoSuchItemError):
            store.stat(item.id)
    assert os.listdir(staging.folder / "items") == []
    nothing_is_left_over(found)


def documents() -> list[tuple[str, str, bytes]]:
    """A few documents: letters, and pictures whose pages are so large that the cache cannot keep all of them."""
    letters = [(f"letter {n}.txt", "text/plain", f"Line of letter {n}.\n".encode() * 40) for n in range(4)]
    return letters + [(f"noise {n}.png", "image/png", _noise(n)) for n in range(6)]


def _noise(number: int) -> bytes:
    octets = random.Random(number).randbytes(640 * 640)
    file = BytesIO()
    Image.frombytes("L", (640, 640), octets).save(file, "PNG")
    return file.getvalue()


DOCUMENTS = documents()


def with_document(number: str) -> Letter:
    return Letter(message(number, "As promised.\n", document_of(number)))


def document_of(number: str) -> tuple[str, str, bytes]:
    return random.Random(number).choice(DOCUMENTS)


def pages_in(content: bytes) -> bytes:
    """The facsimile that a delivered message is."""
    (tiff,) = [part for part in message_from_bytes(content).walk() if part.get_content_type() == "image/tiff"]
    payload = tiff.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


def undisturbed(folder: Path) -> dict[str, bytes]:
    """What a gateway that nobody kills makes of each document."""
    numbers: dict[str, str] = {}
    while len(numbers) < len(DOCUMENTS):
        number = f"u-{len(numbers)}-{random.randrange(2**32)}"
        numbers.setdefault(document_of(number)[0], number)
    with trial(folder, settings=CACHED, compose=with_document, keeps=True) as found:
        for number in numbers.values():
            found.submit_one(number)
        found.judge()
    return {name: pages_in(found.hop.contents[number][0]) for name, number in numbers.items()}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_rendition_out_of_the_cache_is_damaged(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    wanted = undisturbed(tmp_path / "undisturbed")
    assert sum(map(len, wanted.values())) > 1 << 20, "the cache keeps all of it: nothing is forgotten"
    with trial(tmp_path / "killed", settings=CACHED, compose=with_document, pause=0.4, keeps=True) as found:
        found.load()
        kill_at_random(found, 1.2, record_property)
        record_property("told", found.judge())
    seen = set()
    for number, contents in found.hop.contents.items():
        name = document_of(number)[0]
        for content in contents:
            assert pages_in(content) == wanted[name]
        seen.add(name)
    assert len(seen) > 3, "hardly anything was delivered: it is no test"
    nothing_is_left_over(found)
