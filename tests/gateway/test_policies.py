"""Next hops that do not know CONNEG, or answer it with what is none: what follows is the destination's policy.

The next hops are a gateway of ours, with and without CONNEG, a man in the middle before it who spoils what it says, and
Postfix.
"""

import asyncio
import email
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conneg.directory import SqliteDirectory
from conneg.gateway.enquiry import MAX_QUOTED
from conneg.gateway.events import DialogueLine, Settled
from conneg.gateway.service import Gateway
from tests.peers import postfix
from tests.peers.meddler import meddling
from tests.peers.present import require_postfix

from .servers import (
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
from .test_delivery import RECEIVER, report

FAX, DESK = "fax@devices.test", "desk@devices.test"
GARBLED = {b"(color=Binary)": b"(color=Binary"}
"""The parentheses of a fax machine's capability do not close; the others' stay as they are."""

SWALLOWED: tuple[tuple[bytes, ...], dict[bytes, bytes]] = (
    (b" CONNEG (",),
    {b"250-2.1.5 <": b"250 2.1.5 <"},
)
"""The lines of CONNEG are left out, and the reply ends with the line before them."""


def next_hop(folder: Path, entries: dict[str, str], *, conneg: str = "") -> Any:
    """A gateway that files the mail of devices.test; `conneg` are lines of its table of that name."""
    folder.mkdir(parents=True)
    directory_file(folder / "directory.toml", entries)
    return config(folder, f"[conneg]\n{conneg}\n{RECEIVER}")


def first(folder: Path, port: int, policy: str, known: dict[str, str] | None = None) -> Any:
    """The sender's gateway, which may know its recipients from its own directory."""
    folder.mkdir(parents=True)
    directory_file(folder / "directory.toml", known or {})
    return config(
        folder,
        f"""
        [directory]
        file = "directory.toml"
        [retry]
        first_seconds = 600
        [[destination]]
        domains = ["devices.test"]
        deliver = "smtp"
        host = "127.0.0.1:{port}"
        {policy}
        [[destination]]
        domains = ["sender.test"]
        deliver = "maildir"
        path = "mail/{{domain}}/{{local_part}}"
        convert = false
        """,
    )


@dataclass(frozen=True)
class Story:
    """How a message fared: the state of each recipient, what was said, and what stands in the record."""

    states: dict[str, str]
    said: list[str]
    records: list[tuple[str, dict[str, Any]]]
    spool: Path
    message_id: str

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [entry for found, entry in self.records if found == kind]

    @property
    def rcpts(self) -> list[str]:
        return [line for line in self.said if line.startswith("RCPT")]

    async def explained(self) -> str:
        """What `conneg queue explain` tells."""
        command = [
            sys.executable,
            "-m",
            "conneg.cli",
            "queue",
            "--spool",
            self.spool,
            "explain",
            self.message_id,
        ]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        return done.stdout


async def story(gateway: Gateway, events: Events, folder: Path, to: list[str]) -> Story:
    await submit(gateway, text_message(), to)
    await until(lambda: {event.forward_path for event in events.of(Settled)} >= set(to))
    settled = {event.forward_path: event for event in events.of(Settled) if event.forward_path in to}
    message_id = settled[to[0]].message_id
    records = [(row.kind, json.loads(row.text)) for row in await gateway.spool.records(message_id)]
    said = [event.line for event in events.of(DialogueLine) if event.sent]
    return Story(
        {path: one.state for path, one in settled.items()}, said, records, folder / "spool", message_id
    )


async def send(settings: Any, folder: Path, *to: str, reports: int = 0) -> Story:
    async with running(settings) as (gateway, events):
        told = await story(gateway, events, folder, list(to))
        await until(lambda: len(messages_in(folder / "mail/sender.test/may")) == reports)
    return told


def arrived(folder: Path, name: str) -> str:
    """The type of the one message that came to a recipient; "" if none came."""
    found = messages_in(folder / "mx/mail/devices.test" / name)
    assert len(found) <= 1, "never twice"
    return email.message_from_bytes(found[0]).get_content_type() if found else ""


HOPS = {
    "not listed, never heard of": "advertise = false\nunderstands = false",
    "not listed, and off": "advertise = false",
    "listed, and 504": "",
}


@pytest.mark.shows("A7-1", "A7-7", "C-2")
@pytest.mark.parametrize("hop", HOPS)
@pytest.mark.parametrize(
    ("choice", "type_"), [("return", ""), ("baseline", "image/tiff"), ("original", "text/plain")]
)
async def test_a_next_hop_that_does_not_know_conneg(
    tmp_path: Path, hop: str, choice: str, type_: str
) -> None:
    """By "baseline" the directory is asked as ever; by "original" nobody is."""
    policy = f'conneg = "required"\non_not_supported = "{choice}"'
    async with running(next_hop(tmp_path / "mx", {}, conneg=HOPS[hop])) as (mx, _):
        settings = first(tmp_path / "gw", mx.endpoints[0].port, policy, {FAX: PROFILE_S})
        told = await send(settings, tmp_path / "gw", FAX, reports=int(choice == "return"))
        if choice != "return":
            await until(lambda: bool(arrived(tmp_path, "fax")))
    assert arrived(tmp_path, "fax") == type_
    assert told.states == {FAX: "failed" if choice == "return" else "delivered"}
    with_conneg = [f"RCPT TO:<{FAX}> CONNEG=REQUIRED"] if hop == "listed, and 504" else []
    without = [f"RCPT TO:<{FAX}>"] if choice != "return" else []
    once = with_conneg + without
    assert told.rcpts in (once, once * 2), "each transaction asks alike, and says it without CONNEG once"
    if with_conneg and without:
        first_mail, refused, again = told.said[1:4]
        assert first_mail.startswith("MAIL"), "the same transaction"
        assert [refused, again] == once
    (applied, *_) = told.of("policy")
    assert (applied["key"], applied["choice"]) == ("on_not_supported", choice)
    assert ("504 5.3.3" in applied["reason"]) is bool(with_conneg)
    assert ("does not list CONNEG" in applied["reason"]) is not with_conneg
    if with_conneg:
        explained = await told.explained()
        assert f'{applied["reason"]}; by on_not_supported = "{choice}"' in explained


async def test_the_report_says_that_policy_returns_the_message(tmp_path: Path) -> None:
    async with running(next_hop(tmp_path / "mx", {}, conneg="advertise = false")) as (mx, _):
        settings = first(tmp_path / "gw", mx.endpoints[0].port, 'conneg = "required"')
        await send(settings, tmp_path / "gw", FAX, reports=1)
    text, status, *_ = report(tmp_path / "gw/mail/sender.test/may").iter_parts()
    words = " ".join(text.get_content().split())
    assert "does not list CONNEG" in words
    assert "By this gateway's policy the message comes back" in words
    assert "Status: 5.3.3" in status.as_string()
    assert "Diagnostic-Code" not in status.as_string(), "the next hop has said nothing"


@pytest.mark.shows("A5-19", "A6-5")
@pytest.mark.parametrize(
    ("conneg", "spoilt"), [("required", "garbled"), ("required", "swallowed"), ("optional", "garbled")]
)
@pytest.mark.parametrize("choice", ["", "defer", "return", "baseline", "original"])
async def test_an_answer_that_cannot_be_read(tmp_path: Path, choice: str, conneg: str, spoilt: str) -> None:
    removed, replaced = SWALLOWED if spoilt == "swallowed" else ((), GARBLED)
    does = choice or {"required": "defer", "optional": "baseline"}[conneg]
    policy = f'conneg = "{conneg}"\nbaseline = "profile S"\n'
    policy += f'on_unreadable = "{choice}"\n' if choice else ""
    hop = next_hop(tmp_path / "mx", {FAX: PROFILE_S})
    async with (
        running(hop) as (mx, _),
        meddling(mx.endpoints[0].port, removed=removed, replaced=replaced) as between,
    ):
        reports = int(does == "return")
        told = await send(first(tmp_path / "gw", between.port, policy), tmp_path / "gw", FAX, reports=reports)
        if does in ("baseline", "original"):
            await until(lambda: bool(arrived(tmp_path, "fax")))
    states = {"defer": "deferred", "return": "failed"}
    assert told.states == {FAX: states.get(does, "delivered")}
    assert arrived(tmp_path, "fax") == {"baseline": "image/tiff", "original": "text/plain"}.get(does, "")
    applied, *_ = told.of("policy")
    assert (applied["key"], applied["choice"]) == ("on_unreadable", does)
    if spoilt == "garbled" and conneg == "required":
        assert f'{applied["reason"]}; by on_unreadable = "{does}"' in await told.explained()
    assert ("cannot be read: (& (image-file-structure" in applied["reason"]) is (spoilt == "garbled")
    if does == "return":
        text, status, *_ = report(tmp_path / "gw/mail/sender.test/may").iter_parts()
        assert applied["reason"] in " ".join(text.get_content().split())
        assert "Status: 5.3.3" in status.as_string()
    (result, *_) = told.of("result")
    if does in ("defer", "return"):
        assert result["text"] == applied["reason"]
        assert result["status"] == {"defer": "4.3.3", "return": "5.3.3"}[does]


@pytest.mark.shows("A5-18", "A7-5")
async def test_optional_may_be_answered_with_nothing(tmp_path: Path) -> None:
    """Draft 6.5."""
    hop = next_hop(tmp_path / "mx", {FAX: PROFILE_S})
    policy = 'on_unreadable = "return"\nbaseline = "profile S"'
    removed, replaced = SWALLOWED
    async with (
        running(hop) as (mx, _),
        meddling(mx.endpoints[0].port, removed=removed, replaced=replaced) as between,
    ):
        told = await send(first(tmp_path / "gw", between.port, policy), tmp_path / "gw", FAX)
        await until(lambda: bool(arrived(tmp_path, "fax")))
    assert (told.states[FAX], arrived(tmp_path, "fax"), told.of("policy")) == ("delivered", "image/tiff", [])


@pytest.mark.parametrize("choice", ["defer", "return"])
async def test_who_waits_or_is_given_up_gets_nothing_of_the_others(tmp_path: Path, choice: str) -> None:
    """The next hop has accepted both; what is sent to the one must not go to the other."""
    hop = next_hop(tmp_path / "mx", {FAX: PROFILE_S, DESK: ANY_OFFICE})
    policy = f'conneg = "required"\non_unreadable = "{choice}"'
    async with (
        running(hop) as (mx, _),
        meddling(mx.endpoints[0].port, removed=(), replaced=GARBLED) as between,
    ):
        reports = int(choice == "return")
        settings = first(tmp_path / "gw", between.port, policy)
        told = await send(settings, tmp_path / "gw", FAX, DESK, reports=reports)
        await until(lambda: bool(arrived(tmp_path, "desk")))
    assert told.states == {FAX: "failed" if choice == "return" else "deferred", DESK: "delivered"}
    assert (arrived(tmp_path, "desk"), arrived(tmp_path, "fax")) == ("text/plain", "")


async def test_how_much_is_quoted_is_bounded(tmp_path: Path) -> None:
    long = f'(| {PROFILE_EXPRESSION} (type=["application/{"x" * 200}","application/{"y" * 200}"]))'
    hop = next_hop(tmp_path / "mx", {FAX: long})
    async with (
        running(hop) as (mx, _),
        meddling(mx.endpoints[0].port, removed=(), replaced=GARBLED) as between,
    ):
        settings = first(tmp_path / "gw", between.port, 'conneg = "required"\non_unreadable = "return"')
        told = await send(settings, tmp_path / "gw", FAX, reports=1)
    (applied,) = told.of("policy")
    assert len(applied["reason"]) < MAX_QUOTED + 100
    assert "y" * 200 not in await told.explained()


PROFILE_EXPRESSION = "(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MH) (dpi=200))"


@pytest.mark.shows("A5-22", "A7-6")
@pytest.mark.parametrize("choice", ["baseline", "original"])
async def test_404_waits_whatever_the_policy(tmp_path: Path, choice: str) -> None:
    database = tmp_path / "directory.sqlite"
    await SqliteDirectory(database).set(FAX, PROFILE_S)
    hop = config(tmp_path / "mx", RECEIVER.replace('file = "directory.toml"', f'sqlite = "{database}"'))
    database.rename(tmp_path / "away")
    policy = f'conneg = "required"\non_not_supported = "{choice}"\non_unreadable = "{choice}"'
    async with running(hop) as (mx, _):
        told = await send(first(tmp_path / "gw", mx.endpoints[0].port, policy), tmp_path / "gw", FAX)
    assert told.states == {FAX: "deferred"}
    assert arrived(tmp_path, "fax") == ""
    assert told.rcpts == [f"RCPT TO:<{FAX}> CONNEG=REQUIRED"]
    assert told.of("policy") == []


async def test_a_refused_address_is_not_blamed_on_conneg(tmp_path: Path) -> None:
    """A server without enhanced status codes says 550: what comes back is not 5.3.3."""
    replaced = {b"250-ENHANCEDSTATUSCODES": b"250-X", b"550 5.1.1 ": b"550 "}
    hop = next_hop(tmp_path / "mx", {})
    hop = hop.model_copy(
        update={"destination": tuple(d.model_copy(update={"recipients": ("june",)}) for d in hop.destination)}
    )
    async with (
        running(hop) as (mx, _),
        meddling(mx.endpoints[0].port, removed=(), replaced=replaced) as between,
    ):
        settings = first(tmp_path / "gw", between.port, 'conneg = "required"')
        told = await send(settings, tmp_path / "gw", FAX, reports=1)
    assert told.states == {FAX: "failed"}
    text = report(tmp_path / "gw/mail/sender.test/may").as_string()
    assert "Status: 5.0.0" in text
    assert "no such recipient here" in text
    assert "does not say what the recipient can take" not in " ".join(text.split())


@asynccontextmanager
async def office() -> AsyncIterator[postfix.Postfix]:
    require_postfix()
    with postfix.start(postfix.PostfixConfig(mailboxes=(FAX,))) as server:
        yield server


@pytest.mark.system
@pytest.mark.xdist_group("postfix")
@pytest.mark.parametrize(("choice", "type_"), [("baseline", "image/tiff"), ("original", "text/plain")])
async def test_postfix_gets_what_is_known_or_the_original(tmp_path: Path, choice: str, type_: str) -> None:
    policy = f'conneg = "required"\non_not_supported = "{choice}"\nbaseline = "profile S"'
    async with office() as server:
        told = await send(first(tmp_path / "gw", server.port, policy), tmp_path / "gw", FAX)
        (content,) = await asyncio.to_thread(server.wait_for_messages, FAX)
    assert told.states == {FAX: "delivered"}
    assert email.message_from_bytes(content).get_content_type() == type_
    assert not any("CONNEG" in line for line in told.said), "Postfix does not list it"
