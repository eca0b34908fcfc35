"""The order of sources, the deadline, and what failing sources cost (draft 4.3; design 5)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from conneg.directory import Answer, ChainDirectory, Known, Unavailable, Unknown
from conneg.negotiation import baseline

FAX = Known(baseline("S"))
COLOUR = Known(baseline("C"))


class Source:
    """A directory that does what a test says."""

    def __init__(self, name: str, answer: Callable[[Sequence[str]], Awaitable[Mapping[str, Answer]]]) -> None:
        self.name = name
        self.asked: list[list[str]] = []
        self._answer = answer

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        self.asked.append(list(recipients))
        return await self._answer(recipients)


def knows(name: str = "source", /, **answers: Answer) -> Source:
    async def answer(recipients: Sequence[str]) -> Mapping[str, Answer]:
        return {r: answers.get(r.split("@")[0], Unknown()) for r in recipients}

    return Source(name, answer)


def silent(name: str = "slow") -> Source:
    async def answer(recipients: Sequence[str]) -> Mapping[str, Answer]:
        await asyncio.Event().wait()
        raise AssertionError("never")

    return Source(name, answer)


def broken(error: BaseException, name: str = "broken") -> Source:
    async def answer(recipients: Sequence[str]) -> Mapping[str, Answer]:
        raise error

    return Source(name, answer)


def look_up(
    *sources: Source, recipients: Sequence[str] = ("june@x",), deadline: float = 0.05
) -> Mapping[str, Answer]:
    return asyncio.run(ChainDirectory(sources).lookup(recipients, deadline))


def test_the_first_source_that_knows_is_believed() -> None:
    assert look_up(knows(june=FAX), knows(june=COLOUR)) == {"june@x": FAX}


def test_only_the_open_questions_go_on() -> None:
    second = knows(mono=COLOUR)
    answers = look_up(knows(june=FAX), second, recipients=["june@x", "mono@x", "desk@x"])
    assert answers == {"june@x": FAX, "mono@x": COLOUR, "desk@x": Unknown()}
    assert second.asked == [["mono@x", "desk@x"]]


def test_a_source_is_not_asked_when_nothing_is_open() -> None:
    second = knows()
    look_up(knows(june=FAX), second)
    assert second.asked == []


def test_without_sources_everybody_is_unknown() -> None:
    assert look_up() == {"june@x": Unknown()}


def test_an_unavailable_source_counts_only_if_none_after_it_knows() -> None:
    down = knows(june=Unavailable("offline"), mono=Unavailable("offline"))
    answers = look_up(down, knows(june=FAX), recipients=["june@x", "mono@x"])
    assert answers == {"june@x": FAX, "mono@x": Unavailable("offline")}


def test_unknown_after_unavailable_is_still_a_temporary_failure() -> None:
    assert look_up(knows(june=Unavailable("offline")), knows()) == {"june@x": Unavailable("offline")}


def test_a_slow_source_is_unavailable_and_leaves_time_for_the_next() -> None:
    answers = look_up(silent(), knows(june=FAX), recipients=["june@x", "mono@x"])
    assert answers["june@x"] == FAX
    assert isinstance(answers["mono@x"], Unavailable)
    assert "slow: no answer within" in answers["mono@x"].reason


def test_a_source_that_will_not_be_cancelled_does_not_hold_up_the_answer() -> None:
    release = asyncio.Event()

    async def stubborn(recipients: Sequence[str]) -> Mapping[str, Answer]:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        raise RuntimeError("too late to matter")

    async def run() -> Mapping[str, Answer]:
        answers = await ChainDirectory([Source("stubborn", stubborn)]).lookup(["june@x"], 0.02)
        release.set()
        return answers

    assert isinstance(asyncio.run(run())["june@x"], Unavailable)


@pytest.mark.parametrize(
    "error", [RuntimeError("boom"), OSError("boom"), KeyError("boom"), asyncio.CancelledError()]
)
def test_a_source_that_fails_is_unavailable_with_the_reason(error: BaseException) -> None:
    answer = look_up(broken(error))["june@x"]
    assert isinstance(answer, Unavailable)
    assert answer.reason.startswith("broken: ")


def test_a_deadline_of_nothing_asks_nobody_for_long() -> None:
    assert isinstance(look_up(silent(), deadline=0.0)["june@x"], Unavailable)


def test_a_source_that_forgets_a_recipient_does_not_know_it() -> None:
    async def nothing(recipients: Sequence[str]) -> Mapping[str, Answer]:
        return {}

    assert look_up(Source("empty", nothing)) == {"june@x": Unknown()}


def test_a_cancelled_lookup_cancels_its_source() -> None:
    ended = False

    async def wait(recipients: Sequence[str]) -> Mapping[str, Answer]:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True
        return {}

    async def run() -> None:
        task = asyncio.create_task(ChainDirectory([Source("waits", wait)]).lookup(["june@x"], 60))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(run())
    assert ended


def test_a_recipient_asked_twice_is_looked_up_once() -> None:
    source = knows(june=FAX)
    assert look_up(source, recipients=["june@x", "june@x"]) == {"june@x": FAX}
    assert source.asked == [["june@x"]]
