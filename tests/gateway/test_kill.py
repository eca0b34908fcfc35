"""Kill -9 at a hundred random moments under load: no accepted message is lost, none is duplicated in one life.

The contract: 250 after the final dot means that the message is on disk; a duplicate is possible only where the gateway
was killed between a next hop's 250 and its own commit, so both copies never come from the same life.
"""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.lives import PAGES_AND_REPORTS, reported, trial


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("receivers", "kills"), [(0, 100), (2, 10)])
def test_no_accepted_message_is_lost(
    tmp_path: Path, receivers: int, kills: int, record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("CONNEG_KILL_SEED", random.randrange(2**32)))
    moments = random.Random(seed)
    with trial(tmp_path, receivers=receivers) as found:
        found.load()
        for _ in range(kills):
            time.sleep(moments.uniform(0.02, 0.5))
            found.gateway.kill()
            found.gateway.start()
        told = found.judge()
        assert len(found.accepted) > kills
    record_property("told", f"{kills} kills (seed {seed}, {receivers} receivers): {told}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_neither_pages_nor_reports_are_lost(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Killed while pages are made and reports written: each message arrives as a page, or its sender has a report."""
    seed, kills = int(os.environ.get("CONNEG_KILL_SEED", random.randrange(2**32))), 12
    moments = random.Random(seed)
    with trial(tmp_path, settings=PAGES_AND_REPORTS, compose=reported) as found:
        found.load()
        for _ in range(kills):
            time.sleep(moments.uniform(0.1, 1.5))
            found.gateway.kill()
            found.gateway.start()
        told = found.judge()
        assert found.hop.arrived, "nothing was converted: it is no test"
        assert found.reported, "nothing was reported: it is no test"
    record_property("told", f"{kills} kills while converting (seed {seed}): {told}")
