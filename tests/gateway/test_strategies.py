"""Which way to several recipients (draft, Appendix A) a message goes: its wish, the first rule that fits, or the
destination's.
"""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway.config import parse_config
from conneg.gateway.events import DialogueLine, Settled
from conneg.gateway.routing import Routes
from conneg.gateway.sections import DestinationSection, StrategyName
from conneg.gateway.strategies import StrategyChoices, choose_strategy
from conneg.gateway.strategy_section import StrategySection
from conneg.mail import Envelope, Recipient
from conneg.spool import SpooledMessage

from .servers import PROFILE_S, messages_in, running, submit, text_message, until
from .test_delivery import receiver, sender

DESTINATION = DestinationSection(domains=("*",), strategy="auto", losses=("colour",))
RULES = parse_config(
    """
    [[strategy]]
    senders = ["*.law.example", "amy@x.example", "board.example"]
    use = "single"
    [[strategy]]
    at_least_recipients = 100
    above_octets = 5000
    use = "common"
    [[strategy]]
    at_least_recipients = 3
    use = "batch"
    losses = ["resolution"]
    """
).strategy


def chosen(
    reverse_path: str = "may@sender.example", recipients: int = 1, octets: int = 100, *asked: str
) -> tuple[StrategyName, str]:
    choice = choose_strategy(
        RULES, DESTINATION, reverse_path=reverse_path, recipients=recipients, octets=octets, asked=asked
    )
    return choice.use, choice.reason


BY_RULE = "by rule {} of [[strategy]]"


@pytest.mark.parametrize(
    ("reverse_path", "is_named"),
    [
        ("bob@office.law.example", True),
        ("bob@Deep.Office.LAW.example", True),
        ("bob@law.example", False),  # *.parent is for what is below it
        ("bob@claw.example", False),
        ("Amy@X.example", True),
        ("ann@x.example", False),
        ("anybody@board.example", True),
        ("anybody@sub.board.example", False),
        ("", False),
    ],
)
def test_senders(reverse_path: str, is_named: bool) -> None:
    found = ("single", BY_RULE.format(1)) if is_named else ("auto", "by the destination")
    assert chosen(reverse_path) == found


@pytest.mark.parametrize(
    ("recipients", "octets", "rule"),
    [
        (2, 9000, None),
        (3, 100, 3),
        (99, 9000, 3),
        (100, 5000, 3),  # not above
        (100, 5001, 2),
        (1000, 100_000, 2),
    ],
)
def test_all_conditions_of_a_rule_hold_and_the_first_rule_wins(
    recipients: int, octets: int, rule: int | None
) -> None:
    choice = choose_strategy(RULES, DESTINATION, reverse_path="", recipients=recipients, octets=octets)
    assert choice.use == {None: "auto", 2: "common", 3: "batch"}[rule]
    assert choice.reason == ("by the destination" if rule is None else BY_RULE.format(rule))
    assert choice.losses == (("resolution",) if rule == 3 else ("colour",)), (
        "the destination's, if it has none"
    )
    assert chosen("a@b.law.example", recipients, octets) == ("single", BY_RULE.format(1))


@pytest.mark.parametrize("reverse_path", ["", "a@b.example"])
def test_a_rule_without_conditions_fits_all(reverse_path: str) -> None:
    rule = StrategySection(use="single")
    choice = choose_strategy([rule], DESTINATION, reverse_path=reverse_path, recipients=1, octets=1)
    assert choice.use == "single"


@pytest.mark.parametrize("wish", ["single", "common", "batch", "auto"])
def test_the_messages_wish_comes_before_every_rule(wish: str) -> None:
    assert chosen("a@b.law.example", 1000, 9000, wish) == (
        wish,
        "asked for by the message's Conneg-Strategy",
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("fastest",), "'fastest' is none of single, common, batch, auto"),
        (("",), "'' is none of"),
        (("\x1b[2j",), r"'\x1b[2j' is none of"),
        (("single", "single"), "there are 2 of them"),
    ],
)
def test_another_wish_is_ignored_and_told(asked: tuple[str, ...], said: str) -> None:
    choice = choose_strategy(
        RULES, DESTINATION, reverse_path="a@board.example", recipients=1, octets=1, asked=asked
    )
    assert (choice.use, choice.reason) == ("single", BY_RULE.format(1))
    assert choice.ignored.startswith(f"Conneg-Strategy: {said}")


def test_the_policy_is_the_destinations_but_for_the_strategy() -> None:
    choice = choose_strategy(RULES, DESTINATION, reverse_path="", recipients=3, octets=1)
    changed = choice.applied_to(DESTINATION)
    assert (changed.strategy, changed.losses) == ("batch", ("resolution",))
    assert changed.model_copy(update={"strategy": "auto", "losses": ("colour",)}) == DESTINATION


ENTRIES = {
    "fax1@devices.test": PROFILE_S,
    "fax2@devices.test": PROFILE_S,
    "june@devices.test": "profile F",
}
COSTS = {"single": (3, 3), "common": (1, 1), "batch": (1, 2)}
"""What each way takes for these three: sessions, and transactions with content (draft, Appendix A (1) to (3))."""


@dataclass(frozen=True)
class Sent:
    """What a message cost, what stands in its record, what arrived."""

    sessions: int
    contents: int
    record: list[dict[str, Any]]
    arrived: list[bytes]
    spool: Path
    message_id: str


async def send(
    tmp_path: Path,
    message: EmailMessage,
    *,
    more: str = "",
    tail: str = "",
    to: tuple[str, ...] = tuple(ENTRIES),
    reverse_path: str = "may@sender.test",
) -> Sent:
    """Send to the three; `more` are lines of the destination, `tail` tables before it."""
    async with running(receiver(tmp_path / "mx", ENTRIES)) as (mx, _):
        async with running(sender(tmp_path / "gw", mx, more=more, tail=tail)) as (gateway, events):
            await submit(gateway, message, list(to), sender=reverse_path)
            await until(lambda: len(events.of(Settled)) == len(to))
            message_id = events.of(Settled)[0].message_id
            records = await gateway.spool.records(message_id)
        boxes = [tmp_path / "mx/mail/devices.test" / one.partition("@")[0] for one in to]
        await until(lambda: all(messages_in(box) for box in boxes))
    assert {event.state for event in events.of(Settled)} == {"delivered"}
    lines = [event.line for event in events.of(DialogueLine) if event.sent]
    return Sent(
        sum(line.startswith("EHLO") for line in lines),
        sum(line == "DATA" or line.endswith(" LAST") for line in lines),
        [json.loads(row.text) for row in records if row.kind == "strategy"],
        [messages_in(box)[0] for box in boxes],
        tmp_path / "gw/spool",
        message_id,
    )


def check_costs(sent: Sent, way: str) -> None:
    assert (sent.sessions, sent.contents) == COSTS[way]


@pytest.mark.shows("C-9")
@pytest.mark.parametrize("way", COSTS)
async def test_a_message_may_ask_for_its_way(tmp_path: Path, way: str) -> None:
    other = "single" if way != "single" else "common"
    message = text_message(Conneg_Strategy=way.capitalize())
    sent = await send(tmp_path, message, more=f'strategy = "{other}"')
    check_costs(sent, way)
    (record,) = sent.record
    assert record["use"] == way
    assert record["reason"] == "asked for by the message's Conneg-Strategy"
    for content in sent.arrived:
        assert f"Conneg-Strategy: {way.capitalize()}\r\n".encode() in content, "it is left where it is"


@pytest.mark.shows("C-9")
@pytest.mark.parametrize("way", COSTS)
async def test_a_rule_chooses_the_way(tmp_path: Path, way: str) -> None:
    other = "single" if way != "single" else "common"
    rules = f"""
    [[strategy]]
    senders = ["law.test"]
    use = "{other}"
    [[strategy]]
    at_least_recipients = 4
    use = "{other}"
    [[strategy]]
    senders = ["*.test", "may@sender.test"]
    at_least_recipients = 3
    above_octets = 100
    use = "{way}"
    """
    sent = await send(tmp_path, text_message(), more=f'strategy = "{other}"', tail=rules)
    check_costs(sent, way)
    (record,) = sent.record
    assert (record["use"], record["reason"]) == (way, "by rule 3 of [[strategy]]")


async def test_the_record_says_by_whom_the_way_was_chosen(tmp_path: Path) -> None:
    message = text_message(Conneg_Strategy="fastest")
    sent = await send(tmp_path, message, more='strategy = "common"')
    check_costs(sent, "common")
    command = [
        sys.executable, "-m", "conneg.cli", "queue", "--spool", sent.spool, "explain", sent.message_id,
    ]  # fmt: skip
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert (
        "strategy common, by the destination (ignored: Conneg-Strategy: 'fastest' is none of single, common,"
        " batch, auto)" in done.stdout
    )


async def test_one_recipient_has_only_one_way(tmp_path: Path) -> None:
    sent = await send(tmp_path, text_message(), to=("fax1@devices.test",))
    assert sent.record == [], "and nothing is said of it"


async def test_who_may_not_relay_has_no_wish(tmp_path: Path) -> None:
    message = text_message(Conneg_Strategy="single")
    sent = await send(
        tmp_path, message, more='strategy = "common"', tail='[relay]\nnetworks = ["192.0.2.0/24"]'
    )
    check_costs(sent, "common")
    (record,) = sent.record
    assert (record["use"], record["reason"], record["ignored"]) == ("common", "by the destination", "")


def test_recipients_count_also_when_they_are_not_due() -> None:
    """On a second attempt for one, the message is still to three behind that next hop, and one behind another."""
    config = parse_config(
        """
        [[strategy]]
        at_least_recipients = 3
        use = "batch"
        [[destination]]
        domains = ["a.test", "b.test"]
        deliver = "smtp"
        host = "192.0.2.1:25"
        """
    )
    routes = Routes(config)
    paths = ("june@a.test", "anna@b.test", "june@b.test", "june@c.test")
    envelope = Envelope("", tuple(Recipient(path) for path in paths))
    message = SpooledMessage("1", envelope, 100, 0.0, ())
    choices = StrategyChoices(message, b"", config.strategy, routes)
    assert choices.of(routes.next_hop("a.test"), due=1).use == "batch"
    assert choices.of(routes.next_hop("c.test"), due=1).use == "auto"
