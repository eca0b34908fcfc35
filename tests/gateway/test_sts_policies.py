"""The policies that are kept: RFC 8461, 3.3 (failures), 5.1 (what decides), 10.2 (who can stop a fetch)."""

import asyncio
from pathlib import Path

import pytest

from conneg.errors import TemporaryError
from conneg.gateway.sts_policies import FETCH_AGAIN_SECONDS, MAX_POLICIES, REFRESH_SECONDS, StsPolicies
from conneg.net.mta_sts import StsMode, StsPolicy

WEEK = 7 * 86_400
FIRST = StsPolicy(StsMode.ENFORCE, ("mx.example.test",), WEEK)
SECOND = StsPolicy(StsMode.ENFORCE, ("mx2.example.test",), WEEK)
NONE = StsPolicy(StsMode.NONE, (), WEEK)
DOWN = TemporaryError("the policy host does not answer")


class World:
    """A DNS, a policy host and a clock that do as they are told."""

    def __init__(self, file: Path | None = None) -> None:
        self.texts_now: tuple[str, ...] | TemporaryError = ("v=STSv1; id=1;",)
        self.policy: StsPolicy | TemporaryError = FIRST
        self.now = 1_000_000.0
        self.fetched: list[str] = []
        self.file = file
        self.policies = self.restarted()

    def restarted(self) -> StsPolicies:
        return StsPolicies(self, self.fetch, file=self.file, clock=lambda: self.now)

    async def texts(self, name: str) -> tuple[str, ...]:
        assert name.startswith("_mta-sts.")
        if isinstance(self.texts_now, TemporaryError):
            raise self.texts_now
        return self.texts_now

    async def fetch(self, domain: str) -> StsPolicy:
        self.fetched.append(domain)
        await asyncio.sleep(0)
        if isinstance(self.policy, TemporaryError):
            raise self.policy
        return self.policy

    async def found(self) -> StsPolicy | None:
        return (await self.policies.policy("example.test")).policy


async def test_a_policy_is_fetched_once_while_its_identifier_stays() -> None:
    world = World()
    assert [await world.found() for _ in range(3)] == [FIRST] * 3
    assert world.fetched == ["example.test"]


async def test_a_new_identifier_brings_the_new_policy() -> None:
    world = World()
    await world.found()
    world.texts_now, world.policy = ("v=STSv1; id=2;",), SECOND
    assert await world.found() == SECOND
    assert len(world.fetched) == 2


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("v=STSv1; broken",),
        ("v=STSv1; id=1;", "v=STSv1; id=2;"),
        TemporaryError("SERVFAIL"),
        ("v=STSv1; id=2;",),
    ],
)
async def test_what_is_kept_survives_every_failure(texts: tuple[str, ...] | TemporaryError) -> None:
    """RFC 8461, 5.1 and 10.2: until max_age is over, whatever somebody does to the record or the policy host."""
    world = World()
    await world.found()
    world.texts_now, world.policy = texts, DOWN
    world.now += WEEK - 1
    assert await world.found() == FIRST
    world.now += 1
    assert await world.found() is None


async def test_without_a_record_nothing_is_fetched() -> None:
    world = World()
    world.texts_now = ("v=spf1 -all",)
    answer = await world.policies.policy("example.test")
    assert (answer.policy, answer.problem, world.fetched) == (None, "", [])


async def test_a_failure_without_a_policy_is_told_and_not_repeated_at_once() -> None:
    world = World()
    world.policy = DOWN
    for _ in range(3):
        answer = await world.policies.policy("example.test")
        assert (answer.policy, answer.problem) == (None, "the policy host does not answer")
    assert len(world.fetched) == 1
    world.now += FETCH_AGAIN_SECONDS
    world.policy = FIRST
    assert await world.found() == FIRST


async def test_a_policy_is_refreshed_long_before_its_end() -> None:
    world = World()
    await world.found()
    world.now += REFRESH_SECONDS
    world.policy = SECOND
    assert await world.found() == SECOND


async def test_mode_none_takes_a_policy_back() -> None:
    world = World()
    await world.found()
    world.texts_now, world.policy = ("v=STSv1; id=2;",), NONE
    assert await world.found() is None


async def test_many_who_ask_at_once_fetch_once() -> None:
    world = World()
    assert await asyncio.gather(*(world.found() for _ in range(20))) == [FIRST] * 20
    assert len(world.fetched) == 1


async def test_who_is_cancelled_does_not_stop_the_fetch_of_the_others() -> None:
    world = World()
    first, second = asyncio.create_task(world.found()), asyncio.create_task(world.found())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == FIRST


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "mta-sts.json")
    await world.found()
    world.texts_now, world.policy = TemporaryError("SERVFAIL"), DOWN
    world.policies = world.restarted()
    assert await world.found() == FIRST


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"example.test": 7}', '{"a": {"id": "1"}}', '{"a": null}']
)
async def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    world = World(tmp_path / "mta-sts.json")
    (tmp_path / "mta-sts.json").write_text(damage)
    world.policies = world.restarted()
    assert await world.found() == FIRST


async def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    world = World(tmp_path / "absent" / "mta-sts.json")
    answer = await world.policies.policy("example.test")
    assert answer.policy == FIRST
    assert "No such file" in answer.problem


async def test_no_more_than_the_bound_are_kept() -> None:
    world = World()
    for number in range(MAX_POLICIES.value + 1):
        await world.policies.policy(f"d{number}.test")
    await world.policies.policy("d1.test")
    assert len(world.fetched) == MAX_POLICIES.value + 1
    await world.policies.policy("d0.test")
    assert len(world.fetched) == MAX_POLICIES.value + 2
