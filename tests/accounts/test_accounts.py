"""Accounts in files and databases: what is kept, what is asked, and what nobody can tell."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from conneg.accounts import (
    Account,
    Accounts,
    AccountsError,
    AccountsFile,
    AccountsUnavailableError,
    PasswordHasher,
    SqlAccounts,
    make_account,
    read_accounts,
    write_accounts,
)
from conneg.accounts.passwords import MAX_CHECKS
from conneg.databases import DatabaseAddressError
from conneg.errors import UnavailableError
from conneg.smtp.sasl import DEFAULT_ITERATIONS, derive_scram_keys

CHEAP = PasswordHasher(time_cost=1, memory_kib=64, lanes=1)


def written(path: Path, **passwords: str) -> Path:
    write_accounts(path, [make_account(name, password, CHEAP) for name, password in passwords.items()])
    return path


async def test_a_password_is_right_or_not(tmp_path: Path) -> None:
    accounts = Accounts(AccountsFile(written(tmp_path / "users", june="swordfish")), hasher=CHEAP)
    assert await accounts.check_password("june", "swordfish")
    assert not await accounts.check_password("june", "sword")
    assert not await accounts.check_password("anna", "swordfish")
    assert not await accounts.check_password("June", "swordfish")  # names have case


async def test_what_is_kept_is_no_password_and_its_keys_are_scrams(tmp_path: Path) -> None:
    path = written(tmp_path / "users", june="swordfish")
    assert "swordfish" not in path.read_text()
    keys = await Accounts(AccountsFile(path), hasher=CHEAP).scram_keys("june")
    assert keys is not None
    assert keys.iterations == DEFAULT_ITERATIONS
    assert keys == derive_scram_keys("swordfish", salt=keys.salt, iterations=keys.iterations)
    assert await Accounts(AccountsFile(path), hasher=CHEAP).scram_keys("anna") is None


def test_only_its_owner_may_read_what_is_written_first(tmp_path: Path) -> None:
    path = written(tmp_path / "users", june="swordfish")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    written(path, june="x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["june", "june@ifax1.jp", 'with "quotes" and \\', "Jürgen", "a.b", "a b"])
def test_names_are_read_as_they_were_written(tmp_path: Path, name: str) -> None:
    account = make_account(name, "x", CHEAP)
    write_accounts(tmp_path / "users", [account])
    assert read_accounts(tmp_path / "users") == {name: account}


def test_names_and_passwords_are_prepared() -> None:
    # RFC 4013, 3: a soft hyphen is nothing, a compatibility character what it stands for
    assert make_account("I\u00adX", "x", CHEAP).username == "IX"
    assert make_account("\u2168", "x", CHEAP).username == "IX"
    with pytest.raises(AccountsError):
        make_account("\u0007", "x", CHEAP)
    for name, password in (("", "x"), ("june", ""), ("\u00ad", "x")):
        with pytest.raises(AccountsError):
            make_account(name, password, CHEAP)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("june", "not TOML"),
        ("june = 1", "[june]: a user is a table"),
        ("[june]\npassword = 'x'", "[june]: password: unknown key"),
        ("[june]\nargon2 = 1", "[june]: argon2: not a string"),
        ("[june]\nargon2 = 'swordfish'", "[june]: argon2: not an argon2 hash"),
        ("[june]\nscram = 'swordfish'", "[june]: not of the form SCRAM-SHA-256$"),
        ("['\\u0007']\n", "no user name"),
    ],
)
def test_a_mistake_in_the_file_is_one_clear_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "users"
    path.write_text(text.replace("'", '"'))
    with pytest.raises(AccountsError) as caught:
        read_accounts(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_new_version_is_in_force_at_once_and_a_broken_one_never(tmp_path: Path) -> None:
    problems: list[str] = []
    path = written(tmp_path / "users", june="one")
    accounts = Accounts(AccountsFile(path, on_problem=problems.append), hasher=CHEAP)
    assert await accounts.check_password("june", "one")
    written(path, june="two")
    assert await accounts.check_password("june", "two")
    path.write_text("broken")
    assert await accounts.check_password("june", "two")
    assert await accounts.check_password("june", "two")
    assert len(problems) == 1
    path.unlink()
    assert await accounts.check_password("june", "two")


async def test_no_good_version_at_all_is_a_temporary_failure(tmp_path: Path) -> None:
    told: list[str] = []
    accounts = Accounts(AccountsFile(tmp_path / "none"), hasher=CHEAP, on_problem=told.append)
    with pytest.raises(AccountsUnavailableError):
        await accounts.check_password("june", "x")
    with pytest.raises(AccountsUnavailableError):
        await accounts.scram_keys("june")
    assert len(told) == 2


async def test_a_hash_that_cannot_be_read_is_no_wrong_password(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text('[june]\nargon2 = "$argon2id$nonsense"\n')
    with pytest.raises(AccountsUnavailableError, match="june"):
        await Accounts(AccountsFile(path), hasher=CHEAP).check_password("june", "x")


async def test_only_so_many_checks_wait() -> None:
    hasher = PasswordHasher(time_cost=20, memory_kib=1024, lanes=1)
    checks = [asyncio.create_task(hasher.check(None, "x")) for _ in range(MAX_CHECKS.value + 1)]
    results = await asyncio.gather(*checks, return_exceptions=True)
    assert [result for result in results if result is not False] == [results[-1]]
    assert isinstance(results[-1], AccountsUnavailableError)
    assert await hasher.check(None, "x") is False


def database(path: Path, *accounts: Account) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE account (username TEXT, argon2 TEXT, scram TEXT)")
        connection.executemany(
            "INSERT INTO account VALUES (?, ?, ?)",
            [(one.username, one.argon2, one.scram.to_text() if one.scram else None) for one in accounts],
        )
    connection.close()
    return f"sqlite:///{path}"


async def test_a_table_answers_as_a_file_does(tmp_path: Path) -> None:
    june, anna = make_account("june", "swordfish", CHEAP), Account("anna")
    accounts = Accounts(SqlAccounts(database(tmp_path / "db", june, anna)), hasher=CHEAP)
    assert await accounts.check_password("june", "swordfish")
    assert not await accounts.check_password("june", "sword")
    assert await accounts.scram_keys("june") == june.scram
    assert not await accounts.check_password("anna", "")
    assert await accounts.scram_keys("anna") is None
    assert await accounts.scram_keys("' OR '1'='1") is None
    await accounts.close()


async def test_a_query_of_ones_own(tmp_path: Path) -> None:
    url = database(tmp_path / "db", make_account("june", "swordfish", CHEAP))
    source = SqlAccounts(url, "SELECT argon2 FROM account WHERE upper(username) = :username")
    assert await Accounts(source, hasher=CHEAP).check_password("JUNE", "swordfish")
    assert await source.find("june") is None
    await source.close()


async def test_a_table_that_does_not_answer_is_a_temporary_failure(tmp_path: Path) -> None:
    june = make_account("june", "x", CHEAP)
    for url in (f"sqlite:///{tmp_path}/none/db", database(tmp_path / "two", june, june)):
        source = SqlAccounts(url)
        with pytest.raises(AccountsUnavailableError) as caught:
            await source.find("june")
        assert "\n" not in str(caught.value)
        await source.close()


async def test_a_table_that_is_locked_is_waited_for_no_longer_than_said(tmp_path: Path) -> None:
    url = database(tmp_path / "db", make_account("june", "x", CHEAP))
    blocker = sqlite3.connect(tmp_path / "db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    source = SqlAccounts(url, seconds=0.2)
    with pytest.raises(AccountsUnavailableError, match=r"0\.2 s"):
        await source.find("june")
    blocker.close()
    await source.close()


def test_what_no_database_has_is_told() -> None:
    with pytest.raises(DatabaseAddressError):
        SqlAccounts("nonsense")
    with pytest.raises(DatabaseAddressError):
        SqlAccounts("nonsense://host/db")
    with pytest.raises(AccountsError, match=":username"):
        SqlAccounts("sqlite://", "SELECT 1")
    with pytest.raises(UnavailableError, match="cx_Oracle"):
        SqlAccounts("oracle+cx_oracle://host/db")


def test_a_databases_password_is_not_in_its_name() -> None:
    assert "secret" not in SqlAccounts("postgresql+psycopg://gateway:secret@127.0.0.1/mail").name
