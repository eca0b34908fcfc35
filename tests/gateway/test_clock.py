"""A clock that jumps by ten days, forwards or back, while a message waits: nothing is lost, or waits for it."""

import time
from pathlib import Path

import pytest

from conneg.gateway import service
from conneg.gateway.events import Settled
from tests.peers.ports import free_port

from .servers import config, messages_in, running, submit, text_message, until

TEN_DAYS = 10 * 86400.0


@pytest.mark.parametrize("jump", [TEN_DAYS, -TEN_DAYS], ids=["forwards", "back"])
async def test_a_clock_that_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    """Forwards by more than a message lives, it is still tried once more, and goes; back, it does not wait ten days."""
    monkeypatch.setattr(service, "_HOUSEKEEPING_SECONDS", 0.2)
    offset, port = 0.0, free_port()
    first = config(
        tmp_path / "first",
        f"""
        [retry]
        first_seconds = 30
        [[destination]]
        domains = ["hop.test"]
        deliver = "smtp"
        host = "127.0.0.1:{port}"
        """,
    )
    last = config(
        tmp_path / "last",
        '[[destination]]\ndomains = ["hop.test"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n',
    )
    last = last.model_copy(
        update={"server": last.server.model_copy(update={"listen": (f"127.0.0.1:{port}",)})}
    )
    async with running(first, clock=lambda: time.time() + offset) as (gateway, events):
        await submit(gateway, text_message("before\n"), ["june@hop.test"])
        await until(lambda: [event.state for event in events.of(Settled)] == ["deferred"])
        async with running(last):
            offset = jump
            await submit(gateway, text_message("after\n"), ["june@hop.test"])
            await until(lambda: len(messages_in(tmp_path / "last/mail/june")) == 2, seconds=20)
    assert [event.state for event in events.of(Settled)].count("delivered") == 2
    assert len({event.message_id for event in events.of(Settled)}) == 2
