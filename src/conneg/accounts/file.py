"""Accounts in a TOML file: a table for each user, with `argon2` and `scram`; `conneg account` writes it.

    [june]
    argon2 = "$argon2id$v=19$m=65536,t=3,p=4$…"
    scram = "SCRAM-SHA-256$15000:…"

The file is looked at for every question and read again when it has changed. A new version with a mistake in it changes
nothing: the one before stays in force, and the mistake is reported once.
"""

import asyncio
import contextlib
import os
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from conneg.accounts.model import Account, AccountsError, AccountsUnavailableError
from conneg.bounds import Bound
from conneg.errors import ConnegError
from conneg.smtp import ScramKeys
from conneg.smtp.sasl import SaslError, prepare

MAX_FILE_OCTETS = Bound(
    name="accounts.file",
    value=64 << 20,
    unit="octets of a file of accounts",
    reason="it is held in memory",
    answer="the file is not read, and what it said before stays in force",
)
_HEAD = "# Written by `conneg account`, which keeps the users and no other comment.\n"


class AccountsFile:
    """The accounts in the file at `path`; `on_problem` is told of a version that cannot be used, in one line."""

    def __init__(self, path: Path | str, *, on_problem: Callable[[str], None] | None = None) -> None:
        self.path = Path(path)
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._version: tuple[int, int, int] | None = None
        self._accounts: Mapping[str, Account] | None = None
        self._problem: str | None = None

    @property
    def name(self) -> str:
        """What an operator calls it."""
        return f"accounts file {self.path}"

    def load(self) -> Mapping[str, Account]:
        """Read the file if it has changed, and return its accounts by name. Raises `AccountsUnavailableError`.

        Blocks: for start-up, commands and threads.
        """
        with self._lock:
            try:
                status = self.path.stat()
                version = (status.st_mtime_ns, status.st_size, status.st_ino)
                if version != self._version:
                    self._version = version
                    self._accounts, self._problem = read_accounts(self.path), None
            except (ConnegError, OSError) as error:
                self._tell(str(error))
            if self._accounts is None:
                raise AccountsUnavailableError(self._problem or f"{self.path}: not read yet")
            return self._accounts

    async def find(self, username: str) -> Account | None:
        """Return the user's account, None if there is none. Raises `AccountsUnavailableError`."""
        return (await asyncio.to_thread(self.load)).get(username)

    async def close(self) -> None:
        """Nothing is open."""

    def _tell(self, problem: str) -> None:
        is_news, self._problem = problem != self._problem, problem
        if is_news and self._on_problem is not None:
            self._on_problem(problem)


def read_accounts(path: Path) -> dict[str, Account]:
    """Return the accounts in the file at `path`, by name. Raises `AccountsError` naming file, user and fault."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_OCTETS.value + 1)
        MAX_FILE_OCTETS.check(len(content), str(path))
        tables = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise AccountsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AccountsError(f"{path}: not TOML: {error}") from error
    accounts = (_read_account(f"{path}: [{name}]", name, table) for name, table in tables.items())
    return {account.username: account for account in accounts}


def write_accounts(path: Path, accounts: Iterable[Account]) -> None:
    """Put `accounts` in the place of what is in the file at `path`, all or nothing; only its owner can read it.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_HEAD)
            file.writelines(map(_table, sorted(accounts, key=lambda account: account.username)))
            file.flush()
            with contextlib.suppress(FileNotFoundError):
                before = path.stat()  # the gateway may run as somebody else, who was let in
                os.fchmod(file.fileno(), before.st_mode & 0o777)
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read_account(place: str, name: str, table: Any) -> Account:
    if not isinstance(table, dict):
        raise AccountsError(f"{place}: a user is a table with argon2 and scram")
    unknown = sorted(set(table) - {"argon2", "scram"})
    if unknown:
        raise AccountsError(f"{place}: {unknown[0]}: unknown key; a user has argon2 and scram")
    for key, value in table.items():
        if not isinstance(value, str):
            raise AccountsError(f"{place}: {key}: not a string")
    return parse_account(place, name, table.get("argon2"), table.get("scram"))


def parse_account(place: str, name: str, argon2: str | None, scram: str | None) -> Account:
    """Return the account of which this is kept. Raises `AccountsError` that begins with `place`."""
    try:
        username = prepare(name)
        keys = ScramKeys.parse(scram) if scram else None
    except SaslError as error:
        raise AccountsError(f"{place}: {error}") from error
    if argon2 and not argon2.startswith("$argon2"):
        raise AccountsError(f"{place}: argon2: not an argon2 hash; make one with `conneg account hash`")
    return Account(username, argon2 or None, keys)


def _table(account: Account) -> str:
    name = account.username.replace("\\", "\\\\").replace('"', '\\"')
    lines = [f'\n["{name}"]\n']
    if account.argon2 is not None:
        lines.append(f'argon2 = "{account.argon2}"\n')
    if account.scram is not None:
        lines.append(f'scram = "{account.scram.to_text()}"\n')
    return "".join(lines)
