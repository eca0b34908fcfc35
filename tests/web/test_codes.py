"""One-time codes, through a gateway to the recipient's mailbox, and what happens to who guesses."""

import asyncio
import email
import email.policy
import re
import time
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

from conneg.staging import FileStore, Item
from conneg.web.codes import CODES_AN_HOUR, TRIES, OneTimeCodes, TooManyCodesError
from tests.gateway.servers import config, messages_in, running
from tests.staging.samples import TOKENS, put
from tests.web.servers import RetrievalServer, curl, serving

MAILBOX = """
[[destination]]
domains = ["devices.test"]
deliver = "maildir"
path = "mail/{local_part}"
"""


class Recipient:
    """A browser without a window, a script or a picture: it keeps cookies and sends forms."""

    def __init__(self, link: str) -> None:
        self.link = link
        self.jar = CookieJar()
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(self.jar))

    def get(self, path: str = "") -> tuple[int, bytes]:
        return self._open(self.link + path, None)

    def post(self, path: str, **fields: str) -> tuple[int, bytes]:
        return self._open(self.link + path, urlencode(fields).encode())

    def _open(self, url: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            with self._opener.open(url, body, timeout=30) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()


def code_in(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Return-Path"] == "<>"
    found = re.search(r"\d{4} \d{4}", message["Subject"])
    assert found is not None
    assert found[0] in message.get_content()  # type: ignore[attr-defined]
    return found[0]


def open_with_code(server: RetrievalServer, staged: Item, mailbox: Path) -> None:
    recipient = Recipient(server.link(staged))
    status, page = recipient.get()
    assert status == 200
    assert b"A code is needed" in page
    assert b"plan.step" not in page
    assert recipient.get("/original")[0] == 403
    assert recipient.get("/preview-1")[0] == 403
    status, page = recipient.post("/code", address="stranger@devices.test")
    assert b"if the mail went to that address" in page, "a stranger is told what everybody is"
    status, page = recipient.post("/code", address=" July@devices.test ")
    assert (status, b'role="status"' in page) == (200, True)
    deadline = time.monotonic() + 20
    while not messages_in(mailbox):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    code = code_in(messages_in(mailbox)[0])
    status, page = recipient.post("/unlock", code="0000 0000" if code != "0000 0000" else "1111 1111")
    assert (status, b'aria-invalid="true"' in page) == (200, True)
    assert recipient.get("/original")[0] == 403
    status, page = recipient.post("/unlock", code=code)
    assert (status, b"plan.step" in page) == (200, True)
    assert recipient.get("/original") == (200, b"abc")
    (cookie,) = recipient.jar
    assert cookie.path == recipient.link.removeprefix(server.url)
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"
    second = Recipient(server.link(staged))
    assert b'role="alert"' in second.post("/unlock", code=code)[1], "a code is good once"
    assert second.get("/original")[0] == 403


async def test_a_code_opens_the_content_once(tmp_path: Path) -> None:
    async with running(config(tmp_path / "gw", MAILBOX)) as (gateway, _):

        def go() -> None:
            with serving(tmp_path / "web", f'forms = false\ncode_via = "{gateway.endpoints[0]}"\n') as server:
                recipients = ("june@devices.test", "july@devices.test")
                staged = server.stage(b"abc", wants_code=True, recipients=recipients)
                open_with_code(server, staged, tmp_path / "gw/mail/july")

        await asyncio.to_thread(go)
    assert messages_in(tmp_path / "gw/mail/june") == []
    assert messages_in(tmp_path / "gw/mail/stranger") == []


def test_without_a_gateway_the_page_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, 'forms = false\ncode_via = "127.0.0.1:1"\n') as server:
        staged = server.stage(b"abc", wants_code=True)
        answer = curl(f"{server.link(staged)}/code", "-d", "x=y")
        assert answer.status == 503
        assert b"Try again later" in answer.body
        line = server.told(lambda line: line.get("level") == "error")
        assert "does not take a code" in line["error"]
        large = curl(f"{server.link(staged)}/unlock", "-d", "code=" + "1" * 10_000)
        assert large.status == 413


class Mailed:
    """The codes that were mailed, and a clock."""

    def __init__(self, store: FileStore) -> None:
        self.now = 1_800_000_000.0
        self.codes: list[tuple[str, str]] = []
        self.of = OneTimeCodes(store, TOKENS, self.mail, lambda: self.now)

    async def mail(self, address: str, code: str, item: Item) -> None:
        self.codes.append((address, code))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "staging", 1 << 20)


async def test_a_code_is_worth_nothing_after_its_tries(store: FileStore, tmp_path: Path) -> None:
    item, mailed = put(store, tmp_path, b"abc"), Mailed(store)
    await mailed.of.send(item, None)
    ((address, code),) = mailed.codes
    assert address == "june@devices.test"
    assert len(code) == 8
    for _ in range(TRIES.value):
        assert not await mailed.of.accept(item, "no code")
    assert not await mailed.of.accept(item, code)


async def test_a_code_is_worth_nothing_after_its_time(store: FileStore, tmp_path: Path) -> None:
    item, mailed = put(store, tmp_path, b"abc"), Mailed(store)
    await mailed.of.send(item, None)
    mailed.now += 15 * 60
    assert not await mailed.of.accept(item, mailed.codes[0][1])


async def test_a_code_is_for_one_item(store: FileStore, tmp_path: Path) -> None:
    one, other = put(store, tmp_path, b"abc"), put(store, tmp_path, b"def", part_id="2")
    mailed = Mailed(store)
    await mailed.of.send(one, None)
    await mailed.of.send(other, None)
    assert not await mailed.of.accept(other, mailed.codes[0][1])
    assert await mailed.of.accept(one, mailed.codes[0][1])
    assert await mailed.of.accept(other, mailed.codes[1][1])


async def test_an_hour_has_so_many_codes_and_no_more(store: FileStore, tmp_path: Path) -> None:
    item, mailed = put(store, tmp_path, b"abc"), Mailed(store)
    for _ in range(CODES_AN_HOUR.value):
        await mailed.of.send(item, "june@DEVICES.test")
    with pytest.raises(TooManyCodesError):
        await mailed.of.send(item, None)
    assert len(mailed.codes) == CODES_AN_HOUR.value
    mailed.now += 3601
    await mailed.of.send(item, None)
    assert await mailed.of.accept(item, mailed.codes[-1][1])


async def test_of_two_at_once_with_one_code_one_gets_in(store: FileStore, tmp_path: Path) -> None:
    item, mailed = put(store, tmp_path, b"abc"), Mailed(store)
    await mailed.of.send(item, None)
    code = mailed.codes[0][1]
    assert sorted(await asyncio.gather(*(mailed.of.accept(item, code) for _ in range(6)))) == [False] * 5 + [
        True
    ]


async def test_no_code_is_kept(store: FileStore, tmp_path: Path) -> None:
    item, mailed = put(store, tmp_path, b"abc"), Mailed(store)
    await mailed.of.send(item, None)
    assert mailed.codes[0][1] not in (tmp_path / f"staging/items/{item.id}/usage.json").read_text()


async def test_who_is_no_recipient_is_mailed_nothing(store: FileStore, tmp_path: Path) -> None:
    recipients = ("june@devices.test", "july@devices.test")
    item, mailed = put(store, tmp_path, b"abc", recipients=recipients), Mailed(store)
    for address in (None, "", "stranger@devices.test", "june@devices.test, x@y"):
        await mailed.of.send(item, address)
    assert mailed.codes == []
