"""Accounts in a table of PostgreSQL, by a server of the test's own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conneg.accounts import Accounts, AccountsUnavailableError, PasswordHasher, SqlAccounts, make_account

CHEAP = PasswordHasher(time_cost=1, memory_kib=64, lanes=1)
pytestmark = pytest.mark.system


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        message = f"needs {name}: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return str(found[-1])


class Postgres:
    """A server in a folder of its own that listens on a socket in it only; it will not run as root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "mail", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://mail@/postgres?host={self._folder}&connect_timeout=3"

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "immediate", "stop")

    def execute(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(host=str(self._folder), user="mail", dbname="postgres") as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [_program(program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/",
            timeout=60, **self._as,
        )  # fmt: skip


@pytest.fixture
def server() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path is short
    try:
        made = Postgres(folder)
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
