"""Content that the recipient cannot take waits on the retrieval server, and a citation says where."""

import asyncio
import email
import email.policy
import json
import os
import re
import subprocess
from email.message import EmailMessage
from pathlib import Path

import pytest

from conneg.gateway.config import Config, ConfigError, parse_config
from conneg.gateway.events import Planned, Settled
from conneg.spool import RecipientState
from conneg.staging import FileStore, Purpose, Tokens, read_key
from tests.content.officefiles import docx, paragraph
from tests.gateway.servers import (
    PROFILE_S,
    config,
    directory_file,
    messages_in,
    running,
    submit,
    text_message,
    until,
)
from tests.gateway.test_delivery import receiver, sender
from tests.gateway.test_octets import SIZE, with_size
from tests.staging.samples import small_disk
from tests.system import require

ONLY_TEXT = '(type=["text/plain","text/html"])'
ONLY_TEXT_AND_DRAWINGS = '(type=["text/plain","application/step"])'
DRAWING = bytes(range(256)) * 40


def settings(folder: Path, entries: dict[str, str], *, more: str = "", staging: str = "") -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    directory_file(folder / "directory.toml", entries)
    return config(
        folder,
        f"""
[retry]
first_seconds = 0.3
[directory]
file = "directory.toml"
[staging]
base_url = "https://files.test"
{staging}
[[destination]]
domains = ["devices.test"]
deliver = "maildir"
path = "mail/{{local_part}}"
{more or 'on_no_common_form = "stage"'}
[[destination]]
domains = ["sender.test"]
deliver = "maildir"
path = "mail/{{local_part}}"
convert = false
""",
    )


def with_drawing(name: str = "plan.step") -> EmailMessage:
    message = text_message()
    message.add_alternative("<html><body><p>Hello June.</p></body></html>", subtype="html")
    message.add_attachment(DRAWING, maintype="application", subtype="step", filename=name)
    return message


async def delivered(folder: Path, message: EmailMessage, to: str, **options: str) -> EmailMessage:
    entries = {"june@devices.test": ONLY_TEXT}
    async with running(settings(folder, entries, **options)) as (gateway, events):
        await submit(gateway, message, [to])
        await until(lambda: bool(events.of(Settled)))
        assert [event.state for event in events.of(Settled)] == ["delivered"], events.of(Settled)
    (content,) = messages_in(folder / "mail" / to.split("@")[0])
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def store_in(folder: Path) -> tuple[FileStore, Tokens]:
    return FileStore(folder / "staging", 1 << 30), Tokens(read_key(folder / "staging" / "key"))


@pytest.mark.shows("C-11")
async def test_a_citation_takes_the_place_of_what_the_recipient_cannot_take(tmp_path: Path) -> None:
    message = await delivered(tmp_path, with_drawing(), "june@devices.test")
    assert message.get_content_type() == "multipart/mixed"
    bodies, citation = message.iter_parts()
    assert citation.get_content_type() == "text/plain"
    assert citation.get_content_disposition() == "inline"
    lines = citation.get_content().splitlines()
    assert "plan.step" in lines[0]
    (link,) = [line for line in lines if line.startswith("https:")]
    assert lines.index(link) == 2
    store, tokens = store_in(tmp_path)
    item_id, _ = tokens.read(Purpose.LINK, link.rpartition("/")[2], 0)
    item = store.stat(item_id)
    assert b"".join(store.read(item_id, 0, item.octets)) == DRAWING
    assert item.cited_at is not None
    assert (item.name, item.media_type) == ("plan.step", "application/step")
    for body in bodies.iter_parts():
        text = body.get_content()
        assert text.index(link) < text.index("Hello June."), "what stands at the end is overlooked"
    assert "Content-Previous" not in message.as_string()


async def test_a_body_that_is_converted_says_it_too(tmp_path: Path) -> None:
    message = text_message()
    message.set_content("<p>Hello <b>June</b>.</p>", subtype="html")
    message.add_attachment(DRAWING, maintype="application", subtype="step", filename="plan.step")
    entries = {"june@devices.test": '(type="text/plain")'}
    async with running(settings(tmp_path, entries)) as (gateway, events):
        await submit(gateway, message, ["june@devices.test"])
        await until(lambda: bool(events.of(Settled)))
    (content,) = messages_in(tmp_path / "mail/june")
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    body, citation = parsed.iter_parts()
    assert body.get_content_type() == "text/plain"
    lines = body.get_content().splitlines()
    (link,) = [line for line in citation.get_content().splitlines() if line.startswith("https:")]
    assert lines.index(link) < lines.index("Hello June.")
    assert 'type="text/html"' in body["Content-Previous"]
    assert citation["Content-Previous"] is None, "it was not converted"


async def test_a_recipient_of_whom_nothing_is_known_gets_a_link_for_what_is_too_large(tmp_path: Path) -> None:
    message = await delivered(
        tmp_path, with_drawing(), "anna@devices.test", more="stage_above_octets = 10000"
    )
    _, citation, external = message.iter_parts()
    assert "too large" in citation.get_content()
    assert external.get_content_type() == "message/external-body"
    assert external.get_param("access-type") == "URL"
    url = str(external.get_param("url")).replace(" ", "")
    (link,) = [one for one in citation.get_content().split() if one.startswith("https:")]
    assert url == f"{link}/original"
    assert external.get_param("size") == str(len(DRAWING))
    (inner,) = external.iter_parts()
    assert inner.get_content_type() == "application/step"
    assert inner["Content-ID"]


async def test_an_office_document_is_staged_as_it_came(tmp_path: Path) -> None:
    require("soffice", "libreoffice-writer-nogui")
    document = docx(paragraph(os.urandom(20_000).hex()))
    message = text_message()
    kind = "vnd.openxmlformats-officedocument.wordprocessingml.document"
    message.add_attachment(document, maintype="application", subtype=kind, filename="letter.docx")
    await delivered(tmp_path, message, "anna@devices.test", more="stage_above_octets = 5000")
    store, _ = store_in(tmp_path)
    (item,) = store.items()
    assert item.media_type == f"application/{kind}"
    assert b"".join(store.read(item.id, 0, item.octets)) == document


@pytest.mark.parametrize("takes", [None, ONLY_TEXT_AND_DRAWINGS])
async def test_what_the_next_hop_takes_no_message_of_is_staged_the_largest_first(
    tmp_path: Path, takes: str | None
) -> None:
    message = text_message()
    for name, octets in (("small.step", 30_000), ("large.step", 400_000), ("larger.step", 500_000)):
        message.add_attachment(os.urandom(octets), maintype="application", subtype="step", filename=name)
    stages = 'on_no_common_form = "stage"'
    hop = with_size(receiver(tmp_path / "mx", {} if takes is None else {"june@devices.test": takes}))
    async with running(hop) as (mx, _):
        settings_ = sender(
            tmp_path / "gw", mx, more=stages, tail='[staging]\nbase_url = "https://files.test"'
        )
        async with running(settings_) as (gateway, events):
            await submit(gateway, message, ["june@devices.test"])
            await until(lambda: bool(events.of(Settled)))
            assert [event.state for event in events.of(Settled)] == ["delivered"], events.of(Settled)
    (content,) = messages_in(tmp_path / "mx/mail/devices.test/june")
    assert len(content) < SIZE
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    names = [part.get_filename() for part in parsed.walk() if part.get_content_disposition() == "attachment"]
    assert names == ["small.step"]
    staged = {item.name for item in store_in(tmp_path / "gw")[0].items() if item.cited_at}
    assert staged == {"large.step", "larger.step"}


async def test_what_is_not_too_large_stays_octet_for_octet(tmp_path: Path) -> None:
    sent = with_drawing()
    await delivered(tmp_path, sent, "anna@devices.test", more="stage_above_octets = 100000")
    (content,) = messages_in(tmp_path / "mail/anna")
    assert content.endswith(sent.as_bytes(policy=sent.policy.clone(linesep="\r\n")))
    assert list(store_in(tmp_path)[0].items()) == []


async def test_what_cannot_be_taken_apart_goes_as_it_came(tmp_path: Path) -> None:
    parts = b"".join(b"--b\r\n\r\n%d\r\n" % number for number in range(1100))
    content = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"
    async with running(settings(tmp_path, {}, more="stage_above_octets = 5000")) as (gateway, events):
        await submit(gateway, content, ["anna@devices.test"])
        await until(lambda: bool(events.of(Settled)))
    (arrived,) = messages_in(tmp_path / "mail/anna")
    assert arrived.endswith(content)


async def test_a_page_device_gets_no_link(tmp_path: Path) -> None:
    async with running(settings(tmp_path, {"fax@devices.test": PROFILE_S})) as (gateway, events):
        await submit(gateway, with_drawing(), ["fax@devices.test"])
        await until(lambda: any(e.state == "failed" for e in events.of(Settled)))
    assert [event.action for event in events.of(Planned)][:1] == ["Undeliverable"]


async def test_who_takes_no_text_gets_no_citation(tmp_path: Path) -> None:
    async with running(settings(tmp_path, {"frame@devices.test": '(type="image/jpeg")'})) as (
        gateway,
        events,
    ):
        await submit(gateway, with_drawing(), ["frame@devices.test"])
        await until(lambda: any(e.state == "failed" for e in events.of(Settled)))


async def test_each_transaction_gets_links_of_its_own(tmp_path: Path) -> None:
    entries = {"june@devices.test": ONLY_TEXT, "july@devices.test": '(type="text/plain")'}
    async with running(settings(tmp_path, entries)) as (gateway, events):
        await submit(gateway, with_drawing(), list(entries))
        await until(lambda: len(events.of(Settled)) == 2)
    store, _ = store_in(tmp_path)
    assert sorted(item.recipients for item in store.items()) == [(name,) for name in sorted(entries)]


async def test_without_room_the_message_waits_and_the_operator_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = text_message()
    message.add_attachment(os.urandom(1 << 21), maintype="application", subtype="step", filename="big.step")
    entries = {"june@devices.test": ONLY_TEXT}
    async with running(settings(tmp_path, entries, staging="max_mib = 1")) as (gateway, events):
        await submit(gateway, message, ["june@devices.test"])
        await until(lambda: bool(events.of(Settled)))
        (first, *_) = events.of(Settled)
        assert first.state == "deferred"
        assert "no room" in first.reply
        (waiting,) = await gateway.spool.list()
        assert waiting.recipients[0].state is RecipientState.DEFERRED
        result = [json.loads(r.text) for r in await gateway.spool.records(waiting.id) if r.kind == "result"]
        assert result[0]["status"] == "4.3.1"
    assert "content cannot be staged" in capsys.readouterr().out
    async with running(settings(tmp_path, entries, staging="max_mib = 10")) as (gateway, events):
        await until(lambda: any(event.state == "delivered" for event in events.of(Settled)))


async def test_on_a_full_disk_the_message_waits_and_goes_when_there_is_room(tmp_path: Path) -> None:
    message = text_message()
    message.add_attachment(os.urandom(1 << 21), maintype="application", subtype="step", filename="big.step")
    entries = {"june@devices.test": ONLY_TEXT}
    with small_disk(tmp_path / "gw/staging") as disk:
        async with running(settings(tmp_path / "gw", entries)) as (gateway, events):
            await submit(gateway, message, ["june@devices.test"])
            await until(lambda: bool(events.of(Settled)))
            first = events.of(Settled)[0]
            assert (first.state, "No space left" in first.reply) == ("deferred", True)
            await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=8m", disk], check=True)
            await until(lambda: any(event.state == "delivered" for event in events.of(Settled)))
    assert len(messages_in(tmp_path / "gw/mail/june")) == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            '[[destination]]\ndomains=["*"]\non_no_common_form="stage"',
            "staging needs [staging] with base_url",
        ),
        ('[[destination]]\ndomains=["*"]\nstage_above_octets=5000', "staging needs [staging] with base_url"),
        ("[staging]", "line 1: staging.base_url: missing"),
        ('[staging]\nbase_url = "files.test"', "is not the address of a server"),
        ('[staging]\nbase_url = "https://files.test/?x"', "is not the address of a server"),
        ('[staging]\nbase_url = "https://files.test/a b"', "characters that an address cannot have"),
        ('[staging]\nbase_url = "http://files.test"\ncode = true', "needs a base_url with https"),
        (
            '[staging]\nbase_url = "https://x.test"\n[[destination]]\ndomains=["*"]\nconvert = false\n'
            'on_no_common_form="stage"',
            "nothing can be staged",
        ),
    ],
)
def test_mistakes_in_the_configuration(text: str, wanted: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(wanted)):
        parse_config(text)
