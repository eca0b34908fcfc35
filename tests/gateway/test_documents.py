"""What documents of a message are, told to the reader and kept in the record."""

import asyncio
import base64
import email
import email.policy
import io
import json
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conneg.content.formats import html_is_laid_out
from conneg.demo.message import sample
from conneg.gateway.events import DialogueLine, Planned, Settled
from conneg.spool import RecipientState
from tests.content import programs
from tests.content.officefiles import docx, paragraph, red_paragraph
from tests.content.samples import TEXT_PAGE, pdf
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
from tests.system import require

TEXT_ONLY = '(type="text/plain")'


async def delivered(
    tmp_path: Path, message: EmailMessage, capability: str
) -> tuple[list[EmailMessage], list[str]]:
    """Return the parts that arrived, and the notes in the record of the decision."""
    async with running(receiver(tmp_path / "mx", {"june@devices.test": capability})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, message, ["june@devices.test"])
            await until(lambda: len(events.of(Settled)) == 1)
            (stored,) = await gateway.spool.list(state=RecipientState.DELIVERED)
            records = await gateway.spool.records(stored.id)
        await until(lambda: bool(messages_in(tmp_path / "mx/mail/devices.test/june")))
    plan = next(json.loads(record.text) for record in records if record.kind == "plan")
    (content,) = messages_in(tmp_path / "mx/mail/devices.test/june")
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    return list(parsed.walk()), plan["notes"]  # type: ignore[arg-type]


async def test_a_type_that_the_content_is_not_is_recorded(tmp_path: Path) -> None:
    message = text_message()
    message.add_attachment(sample("photo.jpg"), maintype="image", subtype="png", filename="holiday.gif")
    _, notes = await delivered(tmp_path, message, '(| (type="image/jpeg") (type="text/plain"))')
    assert notes == [
        "part 1.2: declared as image/png, but its content is image/jpeg",
        "part 1.2: named holiday.gif, but its content is image/jpeg",
    ]


async def test_a_device_that_takes_only_text_gets_the_text_of_a_pdf(tmp_path: Path) -> None:
    message = text_message()
    message.add_attachment(pdf([TEXT_PAGE]), maintype="application", subtype="pdf", filename="letter.pdf")
    parts, notes = await delivered(tmp_path, message, TEXT_ONLY)
    assert notes == []
    text = parts[-1]
    assert (text.get_content_type(), text.get_content_charset(), text.get_filename()) == (
        "text/plain",
        "us-ascii",
        "letter.txt",
    )
    assert text.get_payload(decode=True).count(b"The quick brown fox jumps over the lazy dog\r\n") == 40  # type: ignore[union-attr]


@pytest.mark.parametrize(("flowed", "lines"), [("; format=flowed", 1), ("", 3)])
async def test_the_parameters_of_a_text_reach_its_reader(tmp_path: Path, flowed: str, lines: int) -> None:
    """Three flowed lines are one line of the page."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "x", "ann@example.com", "june@devices.test"
    message.set_payload("HHHH \r\nHHHH \r\nHHHH\r\n")
    message["Content-Type"] = f"text/plain; charset=us-ascii{flowed}"
    message["MIME-Version"] = "1.0"
    parts, _ = await delivered(tmp_path, message, PROFILE_S)
    (fax,) = (part for part in parts if part.get_content_type() == "image/tiff")
    with Image.open(io.BytesIO(fax.get_payload(decode=True))) as image:  # type: ignore[arg-type]
        inked = (np.asarray(image.convert("L")) < 128).any(axis=1)
    assert np.count_nonzero(inked[1:] & ~inked[:-1]) == lines


@pytest.mark.skipif(not html_is_laid_out(), reason="needs WeasyPrint and Pango: pip install conneg[html]")
async def test_a_picture_that_the_body_shows_is_no_page_of_its_own(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "x", "ann@example.com", "june@devices.test"
    message.set_content('<p>HHHH</p><img src="cid:photo@example" width=300>', subtype="html")
    message.add_related(sample("photo.jpg"), "image", "jpeg", cid="<photo@example>")
    message.add_attachment(sample("photo.jpg"), maintype="image", subtype="jpeg", filename="other.jpg")
    parts, _ = await delivered(tmp_path, message, PROFILE_S)
    (fax,) = (part for part in parts if part.get_content_type() == "image/tiff")
    with Image.open(io.BytesIO(fax.get_payload(decode=True))) as image:  # type: ignore[arg-type]
        assert image.n_frames == 2  # type: ignore[attr-defined]


async def test_the_same_document_in_another_message_is_converted_once(tmp_path: Path) -> None:
    """Two messages to one kind of device: the second gets the rendition that the first was given."""
    directory = directory_file(
        tmp_path / "directory.toml", {"june@fax.test": PROFILE_S, "may@fax.test": PROFILE_S}
    )
    settings = config(
        tmp_path / "gw",
        f'[directory]\nfile = "{directory}"\n'
        '[[destination]]\ndomains = ["fax.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n',
    )
    async with running(settings) as (gateway, events):
        for name in ("june", "may"):
            await submit(gateway, text_message(Subject2=name), [f"{name}@fax.test"])
            await until(lambda: bool(messages_in(tmp_path / "gw" / "mail" / name)))  # noqa: B023 - awaited here
        made = list((tmp_path / "gw" / "spool" / "renditions").iterdir())
    assert len(made) == 1
    assert {event.state for event in events.of(Settled)} == {"delivered"}
    first, second = (messages_in(tmp_path / "gw" / "mail" / name)[0] for name in ("june", "may"))
    assert b"II*" in base64.b64decode(first.rpartition(b"\r\n\r\n")[2])[:3]
    assert first.rpartition(b"\r\n\r\n")[2] == second.rpartition(b"\r\n\r\n")[2]
    assert not (tmp_path / "gw" / "spool" / "renditions").exists()


@pytest.mark.parametrize("has_cover", [False, True])
async def test_a_cover_page_comes_first(tmp_path: Path, has_cover: bool) -> None:
    directory = directory_file(tmp_path / "directory.toml", {"june@fax.test": PROFILE_S})
    settings = config(
        tmp_path / "gw",
        f'[directory]\nfile = "{directory}"\n[[destination]]\ndomains = ["fax.test"]\ndeliver = "maildir"\n'
        f'path = "mail/{{local_part}}"\ncover_page = {str(has_cover).lower()}\n',
    )
    async with running(settings) as (gateway, _):
        await submit(gateway, text_message(), ["june@fax.test"])
        await until(lambda: bool(messages_in(tmp_path / "gw" / "mail" / "june")))
    (content,) = messages_in(tmp_path / "gw" / "mail" / "june")
    with Image.open(io.BytesIO(base64.b64decode(content.rpartition(b"\r\n\r\n")[2]))) as pages:
        assert getattr(pages, "n_frames", 1) == 1 + has_cover
        assert np.asarray(pages).min() == 0, "there is something on the first page"


FIVE_POINTS = TEXT_PAGE.replace(b"/F1 12 Tf 14 TL", b"/F1 5 Tf 7 TL")
COARSE_LINES = (
    "(& (image-file-structure=TIFF-minimal) (MRC-mode=0) (color=Binary) (image-coding=MH) (dpi=204)"
    " (dpi-xyratio=204/98) (size-x=2150/254) (paper-size=A4))"
)


def small_print() -> EmailMessage:
    message = text_message()
    message.add_attachment(pdf([FIVE_POINTS]), maintype="application", subtype="pdf", filename="terms.pdf")
    return message


def explained(spool: Path, message_id: str) -> str:
    command = [sys.executable, "-m", "conneg.cli", "queue", "--spool", spool, "explain", message_id]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


async def test_type_too_small_for_the_device_is_told_before_and_after_rendering(tmp_path: Path) -> None:
    devices = {"june@devices.test": COARSE_LINES, "may@devices.test": COARSE_LINES.replace("/98", "/196")}
    async with running(receiver(tmp_path / "mx", devices)) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, small_print(), list(devices))
            await until(lambda: len(events.of(Settled)) == 2)
            (stored,) = await gateway.spool.list(state=RecipientState.DELIVERED)
    told = await asyncio.to_thread(explained, tmp_path / "gw/spool", stored.id)
    june, may = (
        told.split(name)[-1].split("@devices.test")[0] for name in ("june@devices.test", "may@devices.test")
    )
    assert "small type of 5 points will hardly be readable at 204 x 98" in june
    assert "checked: the smallest type is 6.8 lines high, hardly legible\n" in june
    assert "readable" not in may
    assert "checked: the smallest type is 13.6 lines high, legible\n" in may


async def test_policy_may_return_type_too_small_for_the_device(tmp_path: Path) -> None:
    async with running(receiver(tmp_path / "mx", {"june@devices.test": COARSE_LINES})) as (mx, _):
        returning = sender(tmp_path / "gw", mx, more='on_illegible = "return"')
        async with running(returning) as (gateway, _):
            await submit(gateway, small_print(), ["june@devices.test"])
            await until(lambda: bool(messages_in(tmp_path / "gw/mail/sender.test/may")))
    (report,) = messages_in(tmp_path / "gw/mail/sender.test/may")
    assert b"5.6.1" in report
    assert b"small type of 5 points" in b" ".join(report.split())
    assert messages_in(tmp_path / "mx/mail/devices.test/june") == []


LETTER_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def message_with_a_letter() -> EmailMessage:
    message = text_message()
    maintype, subtype = LETTER_TYPE.split("/")
    letter = docx(paragraph("Heron, otter and kingfisher"))
    message.add_attachment(letter, maintype=maintype, subtype=subtype, filename="letter.docx")
    return message


@pytest.mark.system
async def test_an_office_document_becomes_pages_of_a_fax(tmp_path: Path) -> None:
    require("soffice", "libreoffice-writer-nogui")
    parts, notes = await delivered(tmp_path, message_with_a_letter(), PROFILE_S)
    assert notes == ["part 1.2: laid out by LibreOffice"]
    (fax,) = (part for part in parts if part.get_content_type() == "image/tiff")
    with Image.open(io.BytesIO(fax.get_payload(decode=True))) as image:  # type: ignore[arg-type]
        assert image.n_frames == 2  # type: ignore[attr-defined]


@pytest.mark.system
@pytest.mark.parametrize(
    ("colour", "images"), [("", 0), ("(color=Binary)", 2)], ids=["any", "black and white"]
)
async def test_who_takes_pdf_gets_an_office_document_with_its_text(
    tmp_path: Path, colour: str, images: int
) -> None:
    """As PDF/A-2b of LibreOffice; as page images only where the device takes less than the document has."""
    message = text_message()
    message.add_attachment(
        docx(paragraph("Heron and otter") + red_paragraph("red words")),
        maintype="application",
        subtype="octet-stream",
        filename="letter.docx",
    )
    capability = f'(| (type="text/plain") (& (type="application/pdf") {colour}))'
    parts, _ = await delivered(tmp_path, message, capability)
    (sent,) = (part for part in parts if part.get_content_type() == "application/pdf")
    assert sent.get_filename() == "letter.pdf"
    path = tmp_path / "letter.pdf"
    path.write_bytes(sent.get_payload(decode=True))  # type: ignore[arg-type]
    assert ("Heron" in programs.words_of_pdf(path)) == (not images)
    listed = programs.run("poppler-utils", "pdfimages", "-list", path).splitlines()
    assert bool(listed[2:]) == bool(images)
    conformance = programs.run("libimage-exiftool-perl", "exiftool", "-s3", "-XMP-pdfaid:all", path).split()
    assert conformance == [b"2", b"B"]


@pytest.mark.system
async def test_no_next_hop_is_kept_waiting_while_a_document_is_made_readable(tmp_path: Path) -> None:
    """The transaction is taken back, and begun again when it is known what the message holds."""
    require("soffice", "libreoffice-writer-nogui")
    async with running(receiver(tmp_path / "mx", {"june@devices.test": PROFILE_S})) as (mx, _):
        settings = sender(tmp_path / "gw", mx)
        delivery = settings.delivery.model_copy(update={"open_transaction_seconds": 0.05})
        async with running(settings.model_copy(update={"delivery": delivery})) as (gateway, events):
            await submit(gateway, message_with_a_letter(), ["june@devices.test"])
            await until(lambda: bool(events.of(Settled)))
    said = [line.line for line in events.of(DialogueLine)]
    planned = events.all.index(events.of(Planned)[0])
    resets = [number for number, event in enumerate(events.all) if getattr(event, "line", "") == "RSET"]
    assert resets, said
    assert resets[0] < planned, "before anything was planned"
    assert [event.state for event in events.of(Settled)] == ["delivered"]


async def test_who_takes_office_documents_gets_them_as_they_are(tmp_path: Path) -> None:
    message = message_with_a_letter()
    parts, _ = await delivered(tmp_path, message, f'(| (type="text/plain") (type="{LETTER_TYPE}"))')
    (sent,) = (part for part in message.walk() if part.get_filename() == "letter.docx")
    (came,) = (part for part in parts if part.get_filename() == "letter.docx")
    assert came.get_payload(decode=True) == sent.get_payload(decode=True)


async def test_office_documents_are_left_alone_where_that_is_wanted(tmp_path: Path) -> None:
    """Then they cannot be pages, and the sender is told why."""
    async with running(receiver(tmp_path / "mx", {"june@devices.test": PROFILE_S})) as (mx, _):
        settings = sender(tmp_path / "gw", mx)
        content = settings.content.model_copy(update={"office": "off"})
        async with running(settings.model_copy(update={"content": content})) as (gateway, events):
            await submit(gateway, message_with_a_letter(), ["june@devices.test"])
            await until(lambda: any(event.state == "failed" for event in events.of(Settled)))
