"""A short soak: what drew 250 arrives, hostile clients get nothing through, and nobody is left."""

import pytest

from benchmarks import soak
from tests.system import require


@pytest.mark.slow
def test_good_and_hostile_clients() -> None:
    require("openssl", "openssl")
    told: list[int] = []
    found = soak.run(300, told.append)
    assert (found.accepted, found.lost, found.hostile, found.connections_left) == (300, 0, 0, 0)
    assert "STUCK" not in {end for ends in found.told.values() for end in ends}
    assert {"floods with errors", "smuggling by BDAT", "leaves in DATA"} <= set(found.told)
