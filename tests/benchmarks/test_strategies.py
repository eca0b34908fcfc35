"""`strategies`: the kinds of device are what they are said to be, and nobody is left without the message."""

from collections import Counter
from pathlib import Path

import pytest
from benchmarks.devices import devices, fax_machines, mixed
from benchmarks.strategies import Sent, draw, send

from conneg.features import feature_set


def test_every_kind_is_another_one() -> None:
    for fleet in (fax_machines(), mixed()):
        assert len({feature_set(kind).meaning for kind in fleet}) == len(fleet)
    assert len(mixed()) == 50


def test_kinds_are_spread_evenly() -> None:
    counts = Counter(devices("mixed devices", 100, 50))
    assert len(counts) == 50
    assert set(counts.values()) == {2}
    assert len(set(devices("fax machines", 10, 5))) == 5


@pytest.mark.slow
async def test_everybody_is_sent_something_and_auto_costs_no_more_than_batch() -> None:
    """By `common` there is one copy for those with anything in common; by `single` one for each, in a session each."""
    sent = {way: await send("mixed devices", way, 50, 50) for way in ("common", "batch", "auto")}
    assert {one.failed for one in sent.values()} == {0}
    assert sent["common"].copies <= sent["auto"].copies <= sent["batch"].copies < 50
    assert sent["auto"].octets <= sent["batch"].octets
    assert sent["auto"].conversions <= sent["batch"].conversions
    single = await send("mixed devices", "single", 5, 5)
    assert (single.sessions, single.copies, single.failed) == (5, 5, 0)


def test_there_is_a_row_of_panels_for_each_fleet(tmp_path: Path) -> None:
    found = [
        Sent(fleet, way, recipients, 1, 1, recipients, 1000, 1, 0, 0.5)
        for fleet in ("fax machines", "mixed devices")
        for way in ("single", "auto")
        for recipients in (1, 10)
    ]
    draw(found[:4], tmp_path / "one.png")
    draw(found, tmp_path / "two.png")
    heights = [
        int.from_bytes((tmp_path / name).read_bytes()[20:24], "big") for name in ("one.png", "two.png")
    ]
    assert heights[1] > 1.5 * heights[0]
