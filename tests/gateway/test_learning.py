"""Reports that come through the gateway teach it what devices can take, if whoever brings them is to be believed."""

import asyncio
import time
from pathlib import Path

import pytest

from conneg.directory import Known, Unavailable, Unknown
from conneg.directory.learned import MAX_LEARNED, LearnedCapabilities, LearnedDirectory
from conneg.gateway.directories import open_directory
from conneg.gateway.learning import Learner
from conneg.gateway.networks import LOOPBACK
from conneg.negotiation import Provenance
from tests.gateway.servers import config, running, submit
from tests.mail.test_reported import A4, DSN, report

STATUS = report("message/delivery-status", *DSN)
SOURCE = """
[[source]]
name = "learned"
kind = "learned"
path = "learned.sqlite"
negative_seconds = 0
{networks}
[[destination]]
domains = ["ifax1.jp"]
deliver = "maildir"
path = "mail"
"""
MAY = '[[destination]]\ndomains = ["sender.test"]\ndeliver = "maildir"\npath = "may"\n'


async def known(settings: object, address: str, seconds: float = 0) -> object:
    """Ask a directory of its own, for so many seconds until it knows."""
    end = time.monotonic() + seconds
    while True:
        directory = open_directory(settings)  # type: ignore[arg-type]
        answer = (await directory.lookup([address], 10))[address]
        await directory.close()
        if isinstance(answer, Known) or time.monotonic() > end:
            return answer
        await asyncio.sleep(0.05)


async def test_a_report_from_a_network_that_is_believed(tmp_path: Path) -> None:
    settings = config(tmp_path / "gw", SOURCE.format(networks='networks = ["127.0.0.0/8"]') + MAY)
    async with running(settings) as (gateway, _):
        await submit(gateway, STATUS, ["may@sender.test"], sender="")
        found = await known(settings, "june@ifax1.jp", 20)
        assert isinstance(found, Known)
        assert found.capability.provenance is Provenance.LEARNED
        assert found.capability.expression == A4
        assert found.capability.obtained_at == pytest.approx(time.time(), abs=60)
        assert not found.capability.authenticated
        assert "a report of" in found.capability.source
        assert isinstance(await known(settings, "may@ifax1.jp"), Known)
        assert await known(settings, "nobody@ifax1.jp") == Unknown()


@pytest.mark.parametrize("sender", ["", "june@ifax1.jp"])
async def test_a_strangers_report_is_delivered_and_teaches_nothing(tmp_path: Path, sender: str) -> None:
    """Neither one from elsewhere, nor a letter that looks like one (a report has the null reverse-path)."""
    networks = "" if sender == "" else 'networks = ["127.0.0.0/8"]'
    settings = config(tmp_path / "gw", SOURCE.format(networks=networks) + MAY)
    async with running(settings) as (gateway, _):
        await submit(gateway, STATUS, ["may@sender.test"], sender=sender)
        async with asyncio.timeout(30):
            while not (tmp_path / "gw" / "may" / "new").is_dir():
                await asyncio.sleep(0.05)
    assert await known(settings, "june@ifax1.jp") == Unknown()


async def test_a_user_may_speak_of_his_own_address_only(tmp_path: Path) -> None:
    learned = LearnedCapabilities(tmp_path / "l.sqlite")
    learner = Learner(learned, ())
    learner.hear("192.0.2.1", None, STATUS)
    learner.hear("192.0.2.1", "may@IFAX1.jp", STATUS)
    learner.hear("192.0.2.1", "anna@ifax1.jp", STATUS)
    await learner.close()
    assert list(await learned.find(["june@ifax1.jp", "may@ifax1.jp"])) == ["may@ifax1.jp"]
    await learned.close()


async def test_the_mail_does_not_wait_for_reports_without_end(tmp_path: Path) -> None:
    learned = LearnedCapabilities(tmp_path / "l.sqlite")
    learner = Learner(learned, LOOPBACK)
    for _ in range(1000):
        learner.hear("127.0.0.1", None, STATUS)
    assert len(learner._tasks) <= 16
    await learner.close()


async def test_what_was_learned_fades_and_is_forgotten(tmp_path: Path) -> None:
    clock = [1000.0]
    learned = LearnedCapabilities(tmp_path / "l.sqlite")
    recent = LearnedDirectory(learned, until_seconds=100, clock=lambda: clock[0])
    old = LearnedDirectory(learned, from_seconds=100, until_seconds=300, clock=lambda: clock[0])
    kept = await learned.learn([("June@x", "(y=1)"), ("may@x", "(y="), ("anna@x", "S")], "[192.0.2.1]", 1000)
    assert kept == ["june@x", "anna@x"]

    async def told() -> list[bool]:
        return [isinstance((await one.lookup(["june@X"], 10))["june@X"], Known) for one in (recent, old)]

    assert await told() == [True, False]
    clock[0] = 1099
    assert await told() == [True, False]
    clock[0] = 1100
    assert await told() == [False, True]
    clock[0] = 1300
    assert await told() == [False, False]
    await learned.learn([("june@x", "(y=2)")], "[192.0.2.1]", 1300)
    assert await told() == [True, False]
    assert await learned.remove("June@x") is True
    assert await told() == [False, False]
    await learned.close()


async def test_what_is_old_speaks_only_where_nobody_else_does(tmp_path: Path) -> None:
    """Recent: before the file. Long ago: behind it."""
    text = (
        '[directory]\nfile = "d.toml"\nsources = ["learned", "file"]\n'
        '[[source]]\nname = "learned"\nkind = "learned"\npath = "l.sqlite"\nbelieve_days = 1\nforget_days = 3\n'
    )
    settings = config(tmp_path, text)
    (tmp_path / "d.toml").write_text('[addresses]\n"june@x.test" = "(y=9)"\n')
    learned = LearnedCapabilities(tmp_path / "l.sqlite")
    day = 86400
    for days, june, may in ((0.5, "(y=1)", "(y=1)"), (2, "(y=9)", "(y=1)"), (4, "(y=9)", None)):
        both = [("june@x.test", "(y=1)"), ("may@x.test", "(y=1)")]
        await learned.learn(both, "[192.0.2.1]", time.time() - days * day)
        for address, wanted in (("june@x.test", june), ("may@x.test", may)):
            found = await known(settings, address)
            assert (found.capability.expression if isinstance(found, Known) else None) == wanted
    await learned.close()


async def test_a_database_that_cannot_be_used_cannot_say(tmp_path: Path) -> None:
    (tmp_path / "l.sqlite").write_bytes(b"this is no database" * 100)
    source = LearnedDirectory(LearnedCapabilities(tmp_path / "l.sqlite"), until_seconds=100)
    assert isinstance((await source.lookup(["june@x"], 10))["june@x"], Unavailable)


async def test_no_more_is_kept_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from conneg.directory import learned as module

    monkeypatch.setattr(module, "MAX_LEARNED", MAX_LEARNED._replace(value=10))
    learned = LearnedCapabilities(tmp_path / "l.sqlite")
    for n in range(15):
        await learned.learn([(f"u{n}@x", "S")], "[192.0.2.1]", n)
    assert list(await learned.find([f"u{n}@x" for n in range(15)])) == [f"u{n}@x" for n in range(5, 15)]
    await learned.close()
