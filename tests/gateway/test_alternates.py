"""Alternate addressing (draft, Appendix B.2 (4)): the content goes to the address whose device can show most of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from conneg.errors import ConnegError
from conneg.gateway.config import parse_config
from conneg.gateway.events import Settled
from conneg.spool import RecipientState

from .servers import (
    ANY_OFFICE,
    PROFILE_S,
    config,
    directory_file,
    messages_in,
    running,
    submit,
    text_message,
    until,
)

JUNE, FAX, FINE_FAX, DESK, PHONE = (
    f"june@{name}.test" for name in ("all", "fax", "finefax", "desk", "phone")
)
FINE = (
    "(&(image-file-structure=TIFF-minimal)(color=Binary)(MRC-mode=0)(paper-size=A4)(image-coding=[MH,MMR])"
    "(dpi=204)(dpi-xyratio=[204/98,204/391]))"
)
JPEGS = '(& (type="image/jpeg") (pix-x<=1080))'


def settings(folder: Path, known: dict[str, str], addresses: list[str], before: str = "") -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    directory_file(folder / "directory.toml", known)
    return config(
        folder,
        f"""
        [directory]
        file = "directory.toml"
        [[alternate]]
        recipient = "{JUNE}"
        addresses = {json.dumps(addresses)}
        {before}
        [[destination]]
        domains = ["*"]
        deliver = "maildir"
        path = "mail/{{domain}}/{{local_part}}"
        """,
    )


async def where(
    folder: Path, known: dict[str, str], addresses: list[str], before: str = ""
) -> tuple[str, str]:
    """Send a letter to June; the domain at which it arrived, and what was recorded of the choice."""
    async with running(settings(folder, known, addresses, before)) as (gateway, events):
        await submit(gateway, text_message(), [JUNE])
        await until(lambda: len(events.of(Settled)) == 1)
        (message,) = await gateway.spool.list(state=RecipientState.DELIVERED)
        records = await gateway.spool.records(message.id)
    (found,) = [path.parent.parent.name for path in (folder / "mail").glob("*/june/new")]
    reasons = [json.loads(record.text)["reason"] for record in records if record.kind == "address"]
    return found, "".join(reasons)


@pytest.mark.shows("C-10")
@pytest.mark.parametrize(
    ("known", "best"),
    [
        ({FAX: PROFILE_S, DESK: ANY_OFFICE}, "desk.test"),
        ({FAX: PROFILE_S, FINE_FAX: FINE}, "finefax.test"),
        ({FAX: PROFILE_S, PHONE: JPEGS}, "phone.test"),
        ({FAX: PROFILE_S, JUNE: ANY_OFFICE, DESK: ANY_OFFICE}, "all.test"),
        ({PHONE: '(type="audio/basic")', FAX: PROFILE_S}, "fax.test"),
        ({}, "all.test"),
    ],
    ids=[
        "a desk before a fax",
        "the finer fax",
        "pictures before a fax",
        "no better",
        "not where nothing goes",
        "unknown",
    ],
)
async def test_the_most_capable_address_gets_it(tmp_path: Path, known: dict[str, str], best: str) -> None:
    found, reason = await where(tmp_path, known, [FAX, FINE_FAX, DESK, PHONE])
    assert found == best
    for address in (JUNE, FAX, DESK):
        assert f"<{address}>" in reason


async def test_an_address_that_refuses_is_followed_by_the_next_best(tmp_path: Path) -> None:
    """The desk's server does not know June any more; her fax machine gets the letter, and nobody a report."""
    desk = config(
        tmp_path / "desk",
        '[[destination]]\ndomains = ["desk.test"]\ndeliver = "maildir"\npath = "mail"\nrecipients = ["anna"]\n',
    )
    async with running(desk) as (server, _):
        before = (
            f'[[destination]]\ndomains = ["desk.test"]\ndeliver = "smtp"\nhost = "{server.endpoints[0]}"\n'
        )
        found, reason = await where(tmp_path / "gw", {FAX: PROFILE_S, DESK: ANY_OFFICE}, [FAX, DESK], before)
    assert found == "fax.test"
    assert f"<{DESK}> refused: 550 5.1.1" in reason


async def test_the_sender_reads_of_the_address_that_was_written(tmp_path: Path) -> None:
    """The report names the original recipient and the address at which it was tried (RFC 3464, 2.3.1 and 2.3.2)."""
    folder = tmp_path / "gw"
    known = {FAX: PROFILE_S}
    mail = folder / "mail"
    mail.mkdir(parents=True)
    (mail / "fax.test").write_text("so no folder can be made here")
    base = settings(folder, known, [FAX])
    retry = base.retry.model_copy(update={"first_seconds": 0.2, "give_up_seconds": 0.3})
    async with running(base.model_copy(update={"retry": retry})) as (gateway, events):
        await submit(gateway, text_message(), [JUNE], sender="may@sender.test")
        await until(lambda: any(event.state == "failed" for event in events.of(Settled)))
        await until(lambda: bool(messages_in(folder / "mail/sender.test/may")))
    (report,) = messages_in(folder / "mail/sender.test/may")
    report = report.replace(b"; ", b";")
    assert f"Original-Recipient: rfc822;{JUNE}".encode() in report
    assert f"Final-Recipient: rfc822;{FAX}".encode() in report.replace(b"; ", b";").replace(
        b"Recipient:rfc", b"Recipient: rfc"
    )


@pytest.mark.parametrize(
    "text", ['recipient = "june"\naddresses = ["a@b.test"]', 'recipient = "a@b.test"\naddresses = []']
)
def test_a_mistake_is_told(text: str) -> None:
    with pytest.raises(ConnegError, match="alternate"):
        parse_config(f"[[alternate]]\n{text}\n")
