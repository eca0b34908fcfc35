"""Room in the schedule: waited for in order, and no longer than asked."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conneg.gateway.routing import NextHop, Routes
from conneg.gateway.schedule import Schedule
from conneg.mail import Envelope, Recipient
from conneg.spool import Outcome, RecipientState, SpooledMessage, SpooledRecipient, SqliteSpool, open_spool

from .servers import config

DESTINATION = '[[destination]]\ndomains = ["d.test"]\ndeliver = "maildir"\npath = "mail"\n'
ENVELOPE = Envelope("a@b.test", (Recipient("june@d.test"),))


class Delivery:
    """Deliveries that end when they are told to."""

    def __init__(self) -> None:
        self.ends: list[asyncio.Event] = []

    async def __call__(
        self, message: SpooledMessage, content: bytes, by_hop: dict[NextHop, list[SpooledRecipient]]
    ) -> None:
        end = asyncio.Event()
        self.ends.append(end)
        await end.wait()


def schedule(folder: Path, spool: SqliteSpool, deliver: Any) -> Schedule:
    settings = config(folder / "gw", DESTINATION)
    return Schedule(spool, Routes(settings), deliver, at_once=1, clock=lambda: 0.0, report=print)


async def begin(spool: SqliteSpool, plan: Schedule) -> None:
    incoming = spool.incoming()
    incoming.write(b"x")
    plan.submit(await incoming.commit(ENVELOPE, claim=True), b"x")
    await asyncio.sleep(0)


async def test_room_is_waited_for_in_order(tmp_path: Path) -> None:
    spool, delivery = open_spool(tmp_path / "spool"), Delivery()
    plan = schedule(tmp_path, spool, delivery)
    assert await plan.wait_for_room(0)
    await begin(spool, plan)
    assert not plan.has_room
    order: list[str] = []

    async def wait(name: str) -> None:
        if await plan.wait_for_room(30):
            order.append(name)
            await begin(spool, plan)

    waiting = [asyncio.create_task(wait(name)) for name in ("first", "second")]
    await asyncio.sleep(0.01)
    assert order == []
    for count in (1, 2):
        delivery.ends[-1].set()
        async with asyncio.timeout(10):
            while len(delivery.ends) <= count:
                await asyncio.sleep(0.001)
    assert order == ["first", "second"]
    await asyncio.gather(*waiting)
    delivery.ends[-1].set()
    await plan.stop(10)
    await spool.close()


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_no_room_is_said_in_the_end(tmp_path: Path, seconds: float) -> None:
    spool, delivery = open_spool(tmp_path / "spool"), Delivery()
    plan = schedule(tmp_path, spool, delivery)
    await begin(spool, plan)
    assert not await plan.wait_for_room(seconds)
    assert plan._waiting == {}
    await plan.stop(0)
    assert not await plan.wait_for_room(10), "a schedule that stops takes nothing more"
    await spool.close()


async def test_it_keeps_up_until_a_look_finds_as_much_as_there_is_room_for(tmp_path: Path) -> None:
    spool, delivery = open_spool(tmp_path / "spool", clock=lambda: 0.0), Delivery()
    plan = schedule(tmp_path, spool, delivery)
    assert plan.keeps_up
    for _ in range(2):  # as receivers do: nothing is claimed, nothing submitted
        incoming = spool.incoming()
        incoming.write(b"x")
        await incoming.commit(ENVELOPE)
    running = asyncio.create_task(plan.run())

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.001)

    for count in (1, 2):
        await until(lambda count=count: len(delivery.ends) == count)  # type: ignore[misc]
        assert not plan.keeps_up
        await spool.settle((await spool.list())[0].id, [Outcome(1, RecipientState.DELIVERED)])
        delivery.ends[-1].set()
    await until(lambda: plan.keeps_up)
    running.cancel()
    await plan.stop(10)
    assert not plan.keeps_up
    await spool.close()
