"""The dialogue against a server that is a model: whatever it answers, and wherever it stops, the results are true."""

import re
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.adapters.delivery import Delivery, Steps
from conneg.adapters.values import MailOptions, RecipientOutcome
from conneg.smtp import ConnegArgument, RcptRequest, read_reply_lines

FORMS = {"text": '(type="text/plain")', "html": '(type="text/html")', "again": '(| (type="text/html"))'}
MEANING = {"text": "text", "html": "html", "again": "html", "none": None}
CONTENT = {"text": b"text\r\n", "html": b"html\r\n", None: b"any\r\n"}


@dataclass
class Model:
    """A server; `faults` are negative replies by step; `ends_at` is the step at which it goes away."""

    faults: dict[int, str]
    kinds: list[list[str]]
    ends_at: int
    lmtp: bool = False
    steps: int = 0
    is_open: bool = False
    has_ended: bool = False
    accepted: list[tuple[int, str | None]] = field(default_factory=list)
    delivered: list[tuple[int, str | None, bytes]] = field(default_factory=list)
    asked: dict[int, int] = field(default_factory=dict)

    def fault(self) -> str | None:
        code = self.faults.get(self.steps)
        return None if code is None else f"{code} fault"

    def answer(self, octets: bytes) -> list[list[str]] | None:
        """The replies to one write, None where the connection is lost."""
        self.steps += 1
        line = octets.decode().removesuffix("\r\n")
        fault = self.fault()
        assert not self.has_ended, "something was said after 421"
        if self.steps == self.ends_at:
            if line.endswith("\r\n."):  # taken, but nobody hears of it
                self.content(octets.removesuffix(b".\r\n"), None)
            return None
        replies = self.reply(octets, line, fault)
        self.has_ended = any(lines[-1].startswith("421") for lines in replies)
        return replies

    def reply(self, octets: bytes, line: str, fault: str | None) -> list[list[str]]:
        if line.startswith("MAIL"):
            assert not self.is_open, "nested MAIL"
            if fault is None:
                self.is_open, self.accepted = True, []
        elif line.startswith("RCPT"):
            assert self.is_open
            return [self.rcpt(line, fault)]
        elif line == "RSET":
            self.is_open, self.accepted = False, []
            return [["250 ok"]]
        elif line == "DATA":
            assert self.is_open
            assert self.accepted
            return [[fault or "354 go ahead"]]
        else:
            assert self.is_open
            assert line.endswith("\r\n.")
            return self.content(octets.removesuffix(b".\r\n"), fault)
        return [[fault or "250 ok"]]

    def rcpt(self, line: str, fault: str | None) -> list[str]:
        found = re.fullmatch(r"RCPT TO:<(\d+)@x\.example>( CONNEG=\w+)?", line)
        assert found is not None, line
        if fault is not None:
            return [fault]
        place = int(found[1])
        kinds = self.kinds[place]
        times = self.asked.get(place, 0)
        self.asked[place] = times + 1
        kind = kinds[times % len(kinds)] if found[2] else "none"
        self.accepted.append((place, MEANING[kind]))
        return ["250 ok"] if kind == "none" else ["250-ok", f"250 CONNEG {FORMS[kind]}"]

    def content(self, octets: bytes, fault: str | None) -> list[list[str]]:
        self.is_open = False
        replies = []
        for at, (place, meaning) in enumerate(self.accepted):
            refused = fault is not None and (not self.lmtp or at % 2 == 0)
            if not refused:
                self.delivered.append((place, meaning, octets))
            replies.append([fault or "250 ok"] if refused else ["250 ok"])
        return replies if self.lmtp else [[fault or "250 ok"]]


def drive(delivery: Delivery, steps: Steps, model: Model) -> None:
    waiting: list[list[str]] = []
    try:
        octets = next(steps)
        while True:
            if octets:
                assert waiting == []
                replies = model.answer(octets)
                if replies is None:
                    delivery.lost("lost")
                    return
                waiting += replies
            octets = steps.send(read_reply_lines(waiting.pop(0)))
    except StopIteration:
        pass


def run(model: Model, requests: list[RcptRequest], nothing_for: str | None) -> Delivery:
    delivery = Delivery("a@b.example", requests, {"conneg": ""}, options=MailOptions(), lmtp=model.lmtp)
    drive(delivery, delivery.ask(), model)
    contents: list[bytes | None] = []
    for found in delivery.classes:
        expression = found.expression
        meaning = next((MEANING[kind] for kind, text in FORMS.items() if text == expression), None)
        contents.append(None if (meaning or "any") == nothing_for else CONTENT[meaning])
    delivery.check(contents)
    drive(delivery, delivery.send(contents), model)
    return delivery


CODES = ["421", "450", "550", "404", "504", "555"]


@settings(max_examples=500)
@given(
    kinds=st.lists(
        st.lists(st.sampled_from(["text", "html", "again", "none"]), min_size=1, max_size=3),
        min_size=1,
        max_size=5,
    ),
    arguments=st.lists(st.sampled_from([None, *ConnegArgument]), min_size=5, max_size=5),
    faults=st.dictionaries(st.integers(1, 25), st.sampled_from(CODES), max_size=4),
    ends_at=st.integers(0, 30),
    nothing_for=st.sampled_from([None, None, "text", "any"]),
    lmtp=st.booleans(),
)
def test_the_results_are_true(
    kinds: list[list[str]],
    arguments: list[ConnegArgument | None],
    faults: dict[int, str],
    ends_at: int,
    nothing_for: str | None,
    lmtp: bool,
) -> None:
    requests = [RcptRequest(f"{place}@x.example", arguments[place]) for place in range(len(kinds))]
    model = Model(faults, kinds, ends_at, lmtp)
    delivery = run(model, requests, nothing_for)
    assert [result.request for result in delivery.results] == requests
    for place, result in enumerate(delivery.results):
        got = [(meaning, content) for where, meaning, content in model.delivered if where == place]
        assert len(got) <= 1  # never twice
        for meaning, content in got:
            assert content == CONTENT[meaning]  # what was announced in that very transaction (draft 4.2)
        if result.outcome is RecipientOutcome.SENT:
            assert got
        elif result.outcome is not RecipientOutcome.IN_DOUBT:
            assert not got
        if result.outcome is not RecipientOutcome.NOT_CHOSEN:
            assert result.reply is not None
    assert delivery.is_over or not model.is_open  # no transaction is left open
