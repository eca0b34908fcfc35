"""Accounts in a table of PostgreSQL, by a server of the test's own."""

from collections.abc import Iterator

import pytest

from conneg.accounts import Accounts, AccountsUnavailableError, PasswordHasher, SqlAccounts, make_account
from tests.databases import Postgres

CHEAP = PasswordHasher(time_cost=1, memory_kib=64, lanes=1)
pytestmark = pytest.mark.system


@pytest.fixture
def server() -> Iterator[Postgres]:
    with Postgres() as made:
        yield made


async def test_users_in_postgresql(server: Postgres) -> None:
    june = make_account("june", "sword'fish", CHEAP)
    assert june.scram is not None
    server.execute(
        "CREATE TABLE account (username text PRIMARY KEY, argon2 text, scram text)",
        f"INSERT INTO account VALUES ('june', '{june.argon2}', '{june.scram.to_text()}')",
    )
    accounts = Accounts(SqlAccounts(server.url), hasher=CHEAP)
    assert await accounts.check_password("june", "sword'fish")
    assert not await accounts.check_password("june", "x")
    assert not await accounts.check_password("anna", "x")
    assert await accounts.scram_keys("june") == june.scram

    server.stop()
    with pytest.raises(AccountsUnavailableError) as caught:
        await accounts.scram_keys("june")
    assert "\n" not in str(caught.value)
    server.start()
    assert await accounts.scram_keys("june") == june.scram  # the connections of before are known to be dead
    await accounts.close()
