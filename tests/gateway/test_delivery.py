"""One message to one next hop and to several: who gets what, what is asked, what is refused, what is reported."""

import asyncio
import email
import email.policy
import json
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest

from conneg.demo.message import sample
from conneg.directory import SqliteDirectory
from conneg.features import collection, unfold
from conneg.gateway.events import CapabilityFound, Converting, DialogueLine, Planned, Settled
from conneg.gateway.service import Gateway
from conneg.spool import RecipientState
from tests.content.samples import TEXT_PAGE, pdf
from tests.gateway.servers import (
    ANY_OFFICE,
    PROFILE_S,
    Events,
    config,
    directory_file,
    messages_in,
    running,
    submit,
    text_message,
    until,
)

RECEIVER = """
[directory]
file = "directory.toml"
[[destination]]
domains = ["devices.test"]
deliver = "maildir"
path = "mail/{domain}/{local_part}"
convert = false
"""


def receiver(folder: Path, entries: dict[str, str]) -> object:
    folder.mkdir(parents=True, exist_ok=True)
    directory_file(folder / "directory.toml", entries)
    return config(folder, RECEIVER)


def sender(folder: Path, hop: Gateway, *, more: str = "", tail: str = "") -> object:
    """A gateway in front of `hop`; the sender's own mail goes into a Maildir."""
    return config(
        folder,
        f"""
[retry]
first_seconds = 0.3
{tail}
[[destination]]
domains = ["devices.test"]
deliver = "smtp"
host = "{hop.endpoints[0]}"
{more}
[[destination]]
domains = ["sender.test"]
deliver = "maildir"
path = "mail/{{domain}}/{{local_part}}"
convert = false
""",
    )


def settled(events: Events) -> dict[str, str]:
    return {event.forward_path: event.state for event in events.of(Settled)}


def report(maildir: Path) -> EmailMessage:
    (content,) = messages_in(maildir)
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    return message


@pytest.mark.shows("A7-2")
async def test_a_message_that_needs_no_change_arrives_octet_for_octet(tmp_path: Path) -> None:
    message = text_message("A line.\n.a line with a dot\n..two dots\ntabs\tand  spaces  \n")
    content = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    async with running(receiver(tmp_path / "mx", {"desk@devices.test": ANY_OFFICE})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, content, ["desk@devices.test", "unknown@devices.test"])
            await until(lambda: len(settled(events)) == 2)
        for name in ("desk", "unknown"):
            await until(lambda name=name: bool(messages_in(tmp_path / f"mx/mail/devices.test/{name}")))
    for name in ("desk", "unknown"):
        (arrived,) = messages_in(tmp_path / f"mx/mail/devices.test/{name}")
        assert arrived.endswith(content)
        trace = arrived[: -len(content)].decode()
        assert [line.split(":")[0] for line in trace.splitlines() if line[:1] not in " \t"] == [
            "Return-Path",
            "Received",
            "Received",
        ]


@pytest.mark.parametrize("blank", [" ", "\t"])
async def test_a_first_line_with_a_blank_does_not_go_on_in_our_received_field(
    tmp_path: Path, blank: str
) -> None:
    content = f"{blank}(forged)\r\nSubject: hello\r\n\r\nbody\r\n".encode()
    async with running(receiver(tmp_path / "mx", {})) as (mx, _):
        await submit(mx, content, ["desk@devices.test"])
        await until(lambda: bool(messages_in(tmp_path / "mx/mail/devices.test/desk")))
    (arrived,) = messages_in(tmp_path / "mx/mail/devices.test/desk")
    message = email.message_from_bytes(arrived)
    assert arrived.endswith(b"\r\n\r\n" + content)
    assert "forged" not in message["Received"]
    assert message["Subject"] is None


@pytest.mark.shows("G-5", "C-4", "R-1", "R-3", "A7-3", "4D-1")
async def test_each_class_gets_its_form_and_each_rendition_is_made_once(tmp_path: Path) -> None:
    message = text_message()
    message.add_attachment(sample("survey.pdf"), maintype="application", subtype="pdf", filename="survey.pdf")
    entries = {
        "fax1@devices.test": PROFILE_S,
        "fax2@devices.test": PROFILE_S,
        "desk@devices.test": ANY_OFFICE,
    }
    async with running(receiver(tmp_path / "mx", entries)) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, message, list(entries))
            await until(lambda: len(settled(events)) == 3)
        for address in entries:
            box = tmp_path / "mx/mail/devices.test" / address.split("@")[0]
            await until(lambda box=box: bool(messages_in(box)))
    assert set(settled(events).values()) == {"delivered"}
    started = [event for event in events.of(Converting) if event.total == 0]
    assert len(started) == 1, "two recipients of one class share one rendition"
    fax = email.message_from_bytes(
        messages_in(tmp_path / "mx/mail/devices.test/fax1")[0], policy=email.policy.default
    )
    assert fax.get_content_type() == "image/tiff"
    assert fax["Content-Features"] is not None
    assert fax["Subject"] == "hello"
    desk = messages_in(tmp_path / "mx/mail/devices.test/desk")[0]
    assert desk.endswith(message.as_bytes(policy=message.policy.clone(linesep="\r\n")))
    asked = [event.line for event in events.of(DialogueLine) if event.sent and event.line.startswith("RCPT")]
    assert all("CONNEG=OPTIONAL" in line for line in asked)
    assert {event.provenance for event in events.of(CapabilityFound)} == {"reply"}


@pytest.mark.shows("C-4", "A7-4")
async def test_no_common_form_ends_in_a_readable_report(tmp_path: Path) -> None:
    message = text_message()
    message.add_attachment(
        b"MZ\x90\0" + bytes(200), maintype="application", subtype="x-msdownload", filename="a.exe"
    )
    async with running(receiver(tmp_path / "mx", {"fax@devices.test": PROFILE_S})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, message, ["fax@devices.test"])
            await until(lambda: bool(messages_in(tmp_path / "gw/mail/sender.test/may")))
    assert settled(events)["fax@devices.test"] == "failed"
    assert messages_in(tmp_path / "mx/mail/devices.test/fax") == []
    parts = list(report(tmp_path / "gw/mail/sender.test/may").iter_parts())
    text = parts[0].get_content()
    assert "fax@devices.test" in text
    status = parts[1].as_string()
    assert "Action: failed" in status
    assert "Status: 5.6." in status
    assert "Final-Recipient: rfc822; fax@devices.test" in status


@pytest.mark.shows("C-2", "A7-1")
async def test_required_is_refused_where_the_next_hop_does_not_offer_conneg(tmp_path: Path) -> None:
    settings = receiver(tmp_path / "mx", {})
    deaf = settings.model_copy(
        update={"conneg": settings.conneg.model_copy(update={"advertise": False, "understands": False})}
    )
    async with (
        running(deaf) as (mx, _),
        running(sender(tmp_path / "gw", mx, more='conneg = "required"')) as (gw, events),
    ):
        await submit(gw, text_message(), ["fax@devices.test"])
        await until(lambda: bool(messages_in(tmp_path / "gw/mail/sender.test/may")))
    assert settled(events)["fax@devices.test"] == "failed"
    assert "Status: 5.3.3" in report(tmp_path / "gw/mail/sender.test/may").as_string()
    assert not any("CONNEG" in event.line for event in events.of(DialogueLine) if event.sent), (
        "C-2: never unannounced"
    )


@pytest.mark.shows("C-6", "A5-22", "A7-6")
async def test_404_is_tried_again_in_another_session(tmp_path: Path) -> None:
    """Draft 4.2: the client may later reissue the RCPT in a different SMTP session."""
    database, away = tmp_path / "directory.sqlite", tmp_path / "away.sqlite"
    await SqliteDirectory(database).set("fax@devices.test", PROFILE_S)
    settings = config(tmp_path / "mx", RECEIVER.replace('file = "directory.toml"', f'sqlite = "{database}"'))
    database.rename(away)
    async with (
        running(settings) as (mx, _),
        running(sender(tmp_path / "gw", mx, more='conneg = "required"')) as (gw, events),
    ):
        await submit(gw, text_message(), ["fax@devices.test"])
        await until(lambda: settled(events).get("fax@devices.test") == "deferred")
        away.rename(database)
        await until(lambda: settled(events).get("fax@devices.test") == "delivered")
    dialogue = [event.line for event in events.of(DialogueLine)]
    refused = next(i for i, line in enumerate(dialogue) if line.startswith("404"))
    again = next(i for i, line in enumerate(dialogue) if i > refused and line.startswith("RCPT"))
    assert any(line.startswith("EHLO") for line in dialogue[refused:again]), "a session of its own"


@pytest.mark.shows("A7-5")
async def test_baseline_holds_where_nothing_is_known(tmp_path: Path) -> None:
    async with running(receiver(tmp_path / "mx", {})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx, more='baseline = "profile S"')) as (gateway, events):
            await submit(gateway, text_message(), ["legacy@devices.test"])
            await until(lambda: len(settled(events)) == 1)
        await until(lambda: bool(messages_in(tmp_path / "mx/mail/devices.test/legacy")))
    assert [event.provenance for event in events.of(CapabilityFound)] == ["baseline"]
    (content,) = messages_in(tmp_path / "mx/mail/devices.test/legacy")
    assert email.message_from_bytes(content).get_content_type() == "image/tiff"


async def test_a_hostile_document_is_refused_and_the_gateway_goes_on(tmp_path: Path) -> None:
    hostile = text_message()
    hostile.add_attachment(
        b"%PDF-1.7\n" + b"\xff" * 5000, maintype="application", subtype="pdf", filename="bad.pdf"
    )
    async with running(receiver(tmp_path / "mx", {"fax@devices.test": PROFILE_S})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, hostile, ["fax@devices.test"])
            await until(lambda: settled(events).get("fax@devices.test") == "failed")
            await submit(gateway, text_message(), ["fax@devices.test"])
            await until(lambda: settled(events).get("fax@devices.test") == "delivered")
    assert "bad.pdf" in report(tmp_path / "gw/mail/sender.test/may").as_string()


async def test_it_is_no_open_relay(tmp_path: Path) -> None:
    settings = config(tmp_path / "gw", '[relay]\nnetworks = ["192.0.2.0/24"]\n')
    async with running(settings) as (gateway, _):
        endpoint = gateway.endpoints[0]

        def try_to_relay() -> tuple[int, bytes]:
            with smtplib.SMTP(endpoint.host, endpoint.port) as client:
                client.ehlo()
                client.mail("a@b.test")
                return client.rcpt("victim@elsewhere.test")

        code, text = await asyncio.to_thread(try_to_relay)
    assert (code, text[:5]) == (550, b"5.7.1")


async def test_every_decision_is_kept_with_the_message(tmp_path: Path) -> None:
    async with running(receiver(tmp_path / "mx", {"fax@devices.test": PROFILE_S})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, text_message(), ["fax@devices.test"])
            await until(lambda: len(settled(events)) == 1)
            (message,) = await gateway.spool.list(state=RecipientState.DELIVERED)
            records = await gateway.spool.records(message.id)
    kinds = [record.kind for record in records]
    assert kinds[:2] == ["connection", "answer"]
    assert kinds.count("connection") == 1
    assert {"capability", "plan", "result"} <= set(kinds)
    connection = json.loads(records[0].text)
    assert (connection["basis"], connection["tls"], connection["problems"]) == ("opportunistic", None, [])
    assert {"CONNEG", "PIPELINING", "LIMITS RCPTMAX=1000 MAILMAX=10000"} <= set(connection["offers"])
    capability = next(json.loads(record.text) for record in records if record.kind == "capability")
    assert capability["provenance"] == "reply"
    plan = next(json.loads(record.text) for record in records if record.kind == "plan")
    assert plan["reason"] == events.of(Planned)[0].reason


@pytest.mark.shows("C-9")
async def test_strategies_of_appendix_a(tmp_path: Path) -> None:
    """Single: a session each. Common: one content for all. Batch: a transaction for each class."""
    entries = {
        "fax1@devices.test": PROFILE_S,
        "fax2@devices.test": PROFILE_S,
        "june@devices.test": "profile F",
    }
    sent, sessions = {}, {}
    for strategy in ("single", "common", "batch"):
        folder = tmp_path / strategy
        async with running(receiver(folder / "mx", entries)) as (mx, _):
            async with running(sender(folder / "gw", mx, more=f'strategy = "{strategy}"')) as (
                gateway,
                events,
            ):
                await submit(gateway, text_message(), list(entries))
                await until(lambda events=events: len(settled(events)) == 3)
        assert set(settled(events).values()) == {"delivered"}
        lines = [e.line for e in events.of(DialogueLine) if e.sent]
        sent[strategy] = sum(line == "DATA" or line.endswith(" LAST") for line in lines)
        sessions[strategy] = sum(line.startswith("EHLO") for line in lines)
    assert sessions["single"] >= 3
    assert sessions["common"] == sessions["batch"] == 1
    assert sent["single"] == 3
    assert sent["common"] == 1
    assert sent["batch"] == 2


@pytest.mark.shows("C-9")
async def test_near_classes_get_one_form_where_nobody_loses_by_it(tmp_path: Path) -> None:
    """By "auto" MH does for who could have MMR at the same resolution, and not for who takes a finer one."""
    page = "(image-file-structure=TIFF-minimal)(color=Binary)(MRC-mode=0)(paper-size=A4)(dpi=204)"
    entries = {
        "plain@devices.test": f"(&{page}(dpi-xyratio=204/196)(image-coding=MH))",
        "modern@devices.test": f"(&{page}(dpi-xyratio=204/196)(image-coding=[MH,MMR]))",
        "fine@devices.test": f"(&{page}(dpi-xyratio=[204/196,204/391])(image-coding=[MH,MMR]))",
    }
    async with running(receiver(tmp_path / "mx", entries)) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, text_message(), list(entries))
            await until(lambda: len(settled(events)) == 3)
            (message,) = await gateway.spool.list(state=RecipientState.DELIVERED)
            records = await gateway.spool.records(message.id)
    assert set(settled(events).values()) == {"delivered"}
    plans = [json.loads(record.text) for record in records if record.kind == "plan"]
    shared = {plan["plan"]["summary"]: " ".join(plan["notes"]) for plan in plans}
    assert "one form in place of 2" in shared["204x196 dpi, MH, A4, B/W"]
    assert set(shared) == {"204x196 dpi, MH, A4, B/W", "204x391 dpi, MMR, A4, B/W"}
    lines = [e.line for e in events.of(DialogueLine) if e.sent]
    assert sum(line == "DATA" or line.endswith(" LAST") for line in lines) == 2


@pytest.mark.parametrize("size", [10, 400_000])
async def test_bodies_in_memory_and_in_files_arrive_alike(tmp_path: Path, size: int) -> None:
    message = text_message("x" * 60 + "\n" + ("y" * 70 + "\n") * (size // 71))
    content = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    settings = config(
        tmp_path / "gw",
        '[[destination]]\ndomains=["local.test"]\ndeliver="maildir"\npath="mail/{domain}/{local_part}"\n',
    )
    async with running(settings) as (gateway, events):
        await submit(gateway, content, ["june@local.test"])
        await until(lambda: settled(events) == {"june@local.test": "delivered"})
    (arrived,) = messages_in(tmp_path / "gw/mail/local.test/june")
    assert arrived.endswith(content)


async def test_what_was_done_to_a_part_stands_in_its_header(tmp_path: Path) -> None:
    """Content-Features (RFC 2912) says what it is now, Content-Previous (RFC 4141, 8) what it was."""
    message = text_message()
    message.add_attachment(sample("photo.jpg"), maintype="image", subtype="jpeg", filename="photo.jpg")
    phone = '(| (& (type="image/jpeg") (pix-x<=1080)) (type="text/plain"))'
    async with running(receiver(tmp_path / "mx", {"phone@devices.test": phone})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, message, ["phone@devices.test"])
            await until(lambda: len(settled(events)) == 1)
        await until(lambda: bool(messages_in(tmp_path / "mx/mail/devices.test/phone")))
    (content,) = messages_in(tmp_path / "mx/mail/devices.test/phone")
    _, part = email.message_from_bytes(content, policy=email.policy.compat32).get_payload()
    features = collection(unfold(part["Content-Features"]))
    assert (features["pix-x"], features["pix-y"]) == (1080, 810)
    assert "image-file-structure" not in features, "a token of ours is nobody else's business"
    previous = unfold(part["Content-Previous"])
    assert previous.startswith("Date ")
    assert "; By gw.test; (" in previous
    assert "(pix-x=4000)" in previous


@pytest.mark.parametrize(("notify", "told"), [("SUCCESS", True), ("SUCCESS,FAILURE", True), ("NEVER", False)])
async def test_success_is_reported_to_whoever_asked(tmp_path: Path, notify: str, told: bool) -> None:
    """RFC 3461, 5.2.3: who delivers, or relays to a host without DSN, makes the report."""
    settings = config(
        tmp_path / "gw",
        '[[destination]]\ndomains = ["local.test", "sender.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n',
    )
    async with running(settings) as (gateway, events):
        endpoint = gateway.endpoints[0]

        def send() -> None:
            with smtplib.SMTP(endpoint.host, endpoint.port) as client:
                client.sendmail(
                    "may@sender.test",
                    ["june@local.test"],
                    b"Subject: x\r\n\r\nx\r\n",
                    rcpt_options=[f"NOTIFY={notify}"],
                )

        await asyncio.to_thread(send)
        await until(lambda: settled(events).get("june@local.test") == "delivered")
        if told:
            await until(lambda: bool(messages_in(tmp_path / "gw/mail/may")))
    if told:
        text = report(tmp_path / "gw/mail/may").as_string()
        assert "Action: delivered" in text
        assert "Final-Recipient: rfc822; june@local.test" in text
    else:
        assert messages_in(tmp_path / "gw/mail/may") == []


@pytest.mark.parametrize(("size", "paper"), [((612, 792), "letter"), ((595.276, 841.89), "A4")])
async def test_a_document_stays_on_its_own_paper(
    tmp_path: Path, size: tuple[float, float], paper: str
) -> None:
    message = text_message()
    document = pdf([TEXT_PAGE], size=size)
    message.add_attachment(document, maintype="application", subtype="pdf", filename="a.pdf")
    fax = "(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MH) (dpi=200) (paper-size=[A4,letter]))"
    async with running(receiver(tmp_path / "mx", {"fax@devices.test": fax})) as (mx, _):
        async with running(sender(tmp_path / "gw", mx)) as (gateway, events):
            await submit(gateway, message, ["fax@devices.test"])
            await until(lambda: settled(events).get("fax@devices.test") == "delivered")
    assert f", {paper}, " in events.of(Planned)[0].target


@pytest.mark.parametrize(("hops", "code"), [(99, 250), (101, 554)])
async def test_a_message_in_a_loop_is_refused(tmp_path: Path, hops: int, code: int) -> None:
    """RFC 5321, 6.3: at least 100 Received fields are normal."""
    settings = config(
        tmp_path / "gw",
        '[[destination]]\ndomains = ["local.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n',
    )
    content = (
        b"Received: from a by b; Mon, 23 Nov 2026 12:00:00 +0000\r\n" * hops + b"Subject: x\r\n\r\nx\r\n"
    )
    async with running(settings) as (gateway, _):
        endpoint = gateway.endpoints[0]

        def send() -> int:
            with smtplib.SMTP(endpoint.host, endpoint.port) as client:
                client.ehlo()
                client.mail("a@b.test")
                client.rcpt("june@local.test")
                return client.data(content)[0]

        assert await asyncio.to_thread(send) == code
