"""The cache over a source: how long answers hold, what is asked together, what a failing source costs."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from conneg.directory import (
    Answer,
    CachedDirectory,
    CacheTimes,
    ChainDirectory,
    DomainDirectory,
    Faulty,
    GuardedDirectory,
    Known,
    Unavailable,
    Unknown,
)
from conneg.directory.flights import MAX_BATCH, MAX_QUESTIONS
from conneg.negotiation import baseline

FAX, COLOUR = Known(baseline("S")), Known(baseline("C"))
DOWN = Unavailable("down")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Answers what a test says; `gate` holds its answers back."""

    name = "source"

    def __init__(self, answer: Answer = FAX) -> None:
        self.answer = answer
        self.answers: dict[str, Answer] = {}
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        self.asked.append(list(recipients))
        await self.gate.wait()
        return {one: self.answers.get(one, self.answer) for one in recipients}


TIMES = CacheTimes(fresh=100, negative=10, stale=1000)


def cached(source: Source, clock: Clock, size: int = 100) -> CachedDirectory:
    return CachedDirectory(source, times=TIMES, size=size, seconds=30, clock=clock)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_fresh_answer_is_not_asked_for_again() -> None:
    source, clock = Source(), Clock()
    cache = cached(source, clock)
    assert cache.lookup_now(["june@x"]) is None
    assert await cache.lookup(["june@x"], 5) == {"june@x": FAX}
    clock.now += 99
    assert cache.lookup_now(["june@x"]) == {"june@x": FAX}
    assert await cache.lookup(["june@x"], 5) == {"june@x": FAX}
    assert source.asked == [["june@x"]]


async def test_a_stale_answer_is_given_while_the_new_one_is_fetched_once() -> None:
    source, clock = Source(), Clock()
    cache = cached(source, clock)
    await cache.lookup(["june@x"], 5)
    clock.now += 101
    source.answer = COLOUR
    source.gate.clear()
    for _ in range(5):
        assert cache.lookup_now(["june@x"]) == {"june@x": FAX}
        await settle()
    assert source.asked == [["june@x"]] * 2
    source.gate.set()
    await settle()
    assert cache.lookup_now(["june@x"]) == {"june@x": COLOUR}


async def test_a_stale_answer_outlives_a_source_that_is_down_but_not_its_time() -> None:
    source, clock = Source(), Clock()
    cache = cached(source, clock)
    await cache.lookup(["june@x"], 5)
    source.answer = DOWN
    clock.now += 1099
    assert await cache.lookup(["june@x"], 5) == {"june@x": FAX}
    await settle()
    assert await cache.lookup(["june@x"], 5) == {"june@x": FAX}
    clock.now += 2
    assert cache.lookup_now(["june@x"]) is None
    assert await cache.lookup(["june@x"], 5) == {"june@x": DOWN}


async def test_what_a_source_has_forgotten_or_spoilt_is_not_given_any_longer() -> None:
    source, clock = Source(), Clock()
    cache = cached(source, clock)
    await cache.lookup(["june@x", "may@x"], 5)
    source.answers = {"june@x": Unknown(), "may@x": Faulty("not an expression")}
    clock.now += 101
    cache.lookup_now(["june@x", "may@x"])
    await settle()
    assert cache.lookup_now(["june@x"]) == {"june@x": Unknown()}
    assert cache.lookup_now(["may@x"]) is None


async def test_nothing_known_is_kept_for_its_own_time() -> None:
    source, clock = Source(Unknown()), Clock()
    cache = cached(source, clock)
    await cache.lookup(["june@x"], 5)
    clock.now += 9
    assert cache.lookup_now(["june@x"]) == {"june@x": Unknown()}
    source.answer = FAX
    clock.now += 2
    cache.lookup_now(["june@x"])
    await settle()
    assert cache.lookup_now(["june@x"]) == {"june@x": FAX}


async def test_cannot_say_is_never_kept() -> None:
    source, clock = Source(DOWN), Clock()
    cache = cached(source, clock)
    assert await cache.lookup(["june@x"], 5) == {"june@x": DOWN}
    source.answer = FAX
    assert await cache.lookup(["june@x"], 5) == {"june@x": FAX}


async def test_the_source_may_say_how_long_an_answer_holds() -> None:
    source, clock = Source(Known(FAX.capability, fresh_seconds=7)), Clock()
    cache = cached(source, clock)
    await cache.lookup(["june@x"], 5)
    clock.now += 6
    cache.lookup_now(["june@x"])
    await settle()
    assert len(source.asked) == 1
    clock.now += 2
    cache.lookup_now(["june@x"])
    await settle()
    assert len(source.asked) == 2


async def test_a_question_on_its_way_is_joined_and_what_waits_leaves_as_one() -> None:
    source, clock = Source(), Clock()
    cache = cached(source, clock, size=10_000)
    source.gate.clear()
    first = [asyncio.create_task(cache.lookup(["june@x"], 5)) for _ in range(50)]
    await settle()
    assert source.asked == [["june@x"]]
    others = [asyncio.create_task(cache.lookup([f"u{n}@x"], 5)) for n in range(1200)]
    await settle()
    source.gate.set()
    assert await asyncio.gather(*first) == [{"june@x": FAX}] * 50
    await asyncio.gather(*others)
    assert sorted(one for asked in source.asked for one in asked) == sorted(
        ["june@x", *(f"u{n}@x" for n in range(1200))]
    )
    assert len(source.asked) <= 6
    assert max(map(len, source.asked)) <= MAX_BATCH.value


async def test_a_caller_who_will_not_wait_gets_no_answer_and_the_next_one_does() -> None:
    source, clock = Source(), Clock()
    cache = cached(source, clock)
    source.gate.clear()
    answer = (await cache.lookup(["june@x"], 0.01))["june@x"]
    assert isinstance(answer, Unavailable)
    gone = asyncio.create_task(cache.lookup(["june@x"], 5))
    await settle()
    gone.cancel()
    source.gate.set()
    assert await cache.lookup(["june@x"], 5) == {"june@x": FAX}
    assert source.asked == [["june@x"]]


async def test_the_cache_and_the_waiting_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    source, clock = Source(), Clock()
    cache = cached(source, clock, size=10)
    source.answers = {f"n{n}@x": Unknown() for n in range(30)}
    for n in range(30):
        await cache.lookup([f"u{n}@x", f"n{n}@x"], 5)
    assert len(cache) == 20
    assert cache.lookup_now(["u29@x", "n29@x"]) is not None
    assert cache.lookup_now(["u0@x"]) is None

    source.gate.clear()
    many = [f"m{n}@x" for n in range(MAX_QUESTIONS.value + 5)]
    refused = (await cache.lookup(many, 0.05))[many[-1]]
    assert isinstance(refused, Unavailable)
    assert "directory.questions" in refused.reason
    await cache.close()


async def test_a_source_that_leaves_somebody_out_has_not_answered_for_him() -> None:
    class Short(Source):
        async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
            return {recipients[0]: FAX}

    answers = await cached(Short(), Clock()).lookup(["june@x", "may@x"], 5)
    assert answers["june@x"] == FAX
    assert isinstance(answers["may@x"], Unavailable)


async def test_a_failing_source_is_left_alone_longer_each_time_and_comes_back_by_itself() -> None:
    source, clock = Source(DOWN), Clock()
    told: list[str] = []
    guard = GuardedDirectory(
        source, seconds=5, rest_seconds=1, longest_rest_seconds=4, report=told.append, clock=clock
    )

    async def ask(seconds: float) -> int:
        """After so many seconds of rest, return how often the source was asked."""
        clock.now += seconds
        before = len(source.asked)
        assert await guard.lookup(["june@x"], 5) == {
            "june@x": source.answer if len(source.asked) > before else DOWN
        }
        return len(source.asked) - before

    assert await ask(0) == 1
    assert [await ask(0.5), await ask(0.6)] == [0, 1]
    assert [await ask(1.9), await ask(0.2)] == [0, 1]
    assert [await ask(3.9), await ask(0.2)] == [0, 1]
    assert [await ask(3.9), await ask(0.2)] == [0, 1]  # no rest is longer
    source.answer = FAX
    assert [await ask(3.9), await ask(0.2), await ask(0)] == [0, 1, 1]
    assert [line.split(":")[0] for line in told] == ["down; it is left alone for a while", "source"]
    assert guard.trouble is None


async def test_after_a_rest_one_lookup_goes_first() -> None:
    source, clock = Source(DOWN), Clock()
    guard = GuardedDirectory(source, seconds=5, rest_seconds=1, clock=clock)
    await guard.lookup(["june@x"], 5)
    clock.now += 2
    source.gate.clear()
    source.answer = FAX
    probe = asyncio.create_task(guard.lookup(["june@x"], 5))
    await settle()
    assert await guard.lookup(["may@x"], 5) == {"may@x": DOWN}
    source.gate.set()
    assert await probe == {"june@x": FAX}
    assert await guard.lookup(["may@x"], 5) == {"may@x": FAX}


async def test_one_spoilt_entry_is_not_the_sources_failure() -> None:
    source, clock = Source(Faulty("not an expression")), Clock()
    guard = GuardedDirectory(source, seconds=5, clock=clock)
    await guard.lookup(["june@x"], 5)
    source.answer = FAX
    assert await guard.lookup(["june@x"], 5) == {"june@x": FAX}


async def test_a_slow_source_is_cut_off_after_its_seconds() -> None:
    source = Source()
    source.gate.clear()
    guard = GuardedDirectory(source, seconds=0.01)
    answer = (await guard.lookup(["june@x"], 60))["june@x"]
    assert isinstance(answer, Unavailable)
    assert "no answer within" in answer.reason


async def test_each_domain_has_its_sources_in_its_order() -> None:
    fax, colour, other = Source(FAX), Source(COLOUR), Source(Unknown())
    directory = DomainDirectory(
        ChainDirectory([other]),
        {
            "ifax1.jp": ChainDirectory([fax]),
            "*.ifax1.jp": ChainDirectory([colour]),
            "*": ChainDirectory([other, fax]),
        },
    )
    asked = ["june@IFAX1.jp.", "june@a.b.ifax1.jp", "may@elsewhere.example"]
    wanted = {asked[0]: FAX, asked[1]: COLOUR, asked[2]: FAX}
    assert await directory.lookup(asked, 5) == wanted
    together: dict[str, Answer] = {}
    async for answers in directory.answers(asked, 5):
        together.update(answers)
    assert together == wanted
    assert directory.answers_now(asked) is None
    assert other.asked == [[asked[2]]] * 2


async def test_a_slow_domain_does_not_hold_up_another() -> None:
    slow, quick = Source(FAX), Source(COLOUR)
    slow.gate.clear()
    directory = DomainDirectory(ChainDirectory([slow]), {"quick.example": ChainDirectory([quick])})
    coming = directory.answers(["june@slow.example", "june@quick.example"], 30)
    assert await anext(coming) == {"june@quick.example": COLOUR}
    await coming.aclose()


async def test_cached_answers_of_several_domains_need_no_waiting() -> None:
    clock = Clock()
    one, two = cached(Source(FAX), clock), cached(Source(COLOUR), clock)
    directory = DomainDirectory(ChainDirectory([one]), {"two.example": ChainDirectory([two])})
    asked = ["june@one.example", "june@two.example"]
    wanted = await directory.lookup(asked, 5)
    assert directory.answers_now(asked) == wanted == {asked[0]: FAX, asked[1]: COLOUR}
    await directory.close()


@pytest.mark.parametrize("cut", ["whole", "guard"])
async def test_a_late_source_rests_whoever_looks_at_the_clock_first(cut: str) -> None:
    """The cache and the guard give a lookup the same time; that it was over must be seen by the guard."""
    source = Source()
    source.gate.clear()
    guard = GuardedDirectory(source, seconds=0.05)
    cache = CachedDirectory(guard, seconds=0.05 if cut == "whole" else 30)
    answer = (await cache.lookup(["june@x"], 30))["june@x"]
    assert isinstance(answer, Unavailable)
    assert guard.trouble is not None
    assert len(source.asked) == 1
    await cache.lookup(["may@x"], 30)
    assert len(source.asked) == 1
