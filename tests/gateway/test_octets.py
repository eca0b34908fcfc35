"""Limits on octets: what a device takes, and what the next hop takes; renditions are made smaller until they fit."""

import email
import email.policy
import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from conneg.demo.message import sample
from conneg.gateway.config import Config
from conneg.gateway.events import Settled
from conneg.spool import RecipientState
from tests.gateway.servers import messages_in, running, submit, text_message, until
from tests.gateway.test_delivery import receiver, sender

LIMIT = "u.urn:x-conneg:octets"
SMALL_PICTURES = f'(| (& (type="image/jpeg") ({LIMIT}<=100000)) (type="text/plain"))'
PICTURES = '(type=["image/jpeg","text/plain"])'
SIZE = 200_000


def photo_message() -> EmailMessage:
    message = text_message()
    message.add_attachment(sample("photo.jpg"), maintype="image", subtype="jpeg", filename="photo.jpg")
    return message


def with_size(settings: object) -> object:
    """Let a server announce that it takes messages of `SIZE` octets."""
    assert isinstance(settings, Config)
    return settings.model_copy(
        update={"server": settings.server.model_copy(update={"max_message_octets": SIZE})}
    )


async def outcome(
    folder: Path, message: EmailMessage, capability: str | None, *, is_small: bool
) -> tuple[str, str, list[str], list[bytes]]:
    """Return the recipient's state, its status, the reasons of the plans in the record, and what arrived."""
    entries = {} if capability is None else {"june@devices.test": capability}
    hop = receiver(folder / "mx", entries)
    async with running(with_size(hop) if is_small else hop) as (mx, _):  # type: ignore[arg-type]
        async with running(sender(folder / "gw", mx)) as (gateway, events):  # type: ignore[arg-type]
            await submit(gateway, message, ["june@devices.test"])
            await until(lambda: bool(events.of(Settled)))
            (settled,) = (event for event in events.of(Settled) if event.forward_path == "june@devices.test")
            found = [
                record
                for state in (RecipientState.DELIVERED, RecipientState.FAILED)
                for stored in await gateway.spool.list(state=state)
                for record in await gateway.spool.records(stored.id)
            ]
    values = [json.loads(record.text) for record in found]
    plans = [value["reason"] for record, value in zip(found, values, strict=True) if record.kind == "plan"]
    results = [value for record, value in zip(found, values, strict=True) if record.kind == "result"]
    status = next(value["status"] for value in results if value["state"] == settled.state)
    return settled.state, status, plans, messages_in(folder / "mx/mail/devices.test/june")


def octets_of_the_picture(content: bytes) -> int:
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    (picture,) = (part for part in parsed.walk() if part.get_content_type() == "image/jpeg")
    return len(str(picture.get_payload()).replace("\n", "\r\n"))


async def test_a_picture_is_made_smaller_until_the_device_takes_it(tmp_path: Path) -> None:
    state, _, plans, (content,) = await outcome(tmp_path, photo_message(), SMALL_PICTURES, is_small=False)
    assert state == "delivered"
    assert 30_000 < octets_of_the_picture(content) <= 100_000
    assert "given up for the limit on octets: quality of pictures, resolution" in plans[-1]


async def test_a_picture_that_is_accepted_is_made_smaller_for_a_next_hop_that_takes_less(
    tmp_path: Path,
) -> None:
    state, _, plans, (content,) = await outcome(tmp_path, photo_message(), PICTURES, is_small=True)
    assert state == "delivered"
    assert 60_000 < len(content) <= SIZE + 1000, "with Return-Path and Received"
    assert "given up for the limit on octets" in plans[-1]


@pytest.mark.parametrize(
    ("capability", "is_small", "status"),
    [
        (f'(| (& (type="image/jpeg") ({LIMIT}<=500)) (type="text/plain"))', False, "5.2.3"),
        (None, True, "5.3.4"),
    ],
    ids=["device", "next hop, of whom nothing is known"],
)
async def test_what_cannot_be_made_small_enough_comes_back(
    capability: str | None, is_small: bool, status: str, tmp_path: Path
) -> None:
    state, given, _, arrived = await outcome(tmp_path, photo_message(), capability, is_small=is_small)
    assert (state, given, arrived) == ("failed", status, [])
