"""Accounts in any database that SQLAlchemy reaches: one query, in threads, under a deadline."""

import asyncio
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from conneg.accounts.file import parse_account
from conneg.accounts.model import Account, AccountsError, AccountsUnavailableError
from conneg.errors import UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

DEFAULT_QUERY = "SELECT argon2, scram FROM account WHERE username = :username"
"""What is asked if nothing else is configured: one row with the two columns, either of which may be NULL."""

_CONNECTIONS = 4


class SqlAccounts:
    """The accounts that `query` finds in the database at `url` (SQLAlchemy's form, with the driver's name in it).

    `query` has `:username` in it and gives the columns `argon2` and `scram`, or one of them. Raises
    `conneg.errors.UnavailableError` if SQLAlchemy or the driver is not installed, `AccountsError` for a bad `url`.
    """

    def __init__(self, url: str, query: str = DEFAULT_QUERY, *, seconds: float = 5.0) -> None:
        if importlib.util.find_spec("sqlalchemy") is None:
            raise UnavailableError("accounts in a database need SQLAlchemy", hint="pip install conneg[sql]")
        if ":username" not in query:
            raise AccountsError(f"the query for an account has no :username in it: {query}")
        self._query = query
        self._seconds = seconds
        self._engine = _engine(url)
        self._threads = ThreadPoolExecutor(max_workers=_CONNECTIONS, thread_name_prefix="conneg-accounts")

    @property
    def name(self) -> str:
        """What an operator calls it: the address without its password."""
        return f"accounts database {self._engine.url.render_as_string(hide_password=True)}"

    async def find(self, username: str) -> Account | None:
        """Return the user's account, None if there is none.

        Raises `AccountsUnavailableError` when the database does not answer in time, or not as it should.
        """
        try:
            async with asyncio.timeout(self._seconds):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, self._find, username)
        except TimeoutError:
            raise AccountsUnavailableError(f"{self.name}: no answer within {self._seconds:g} s") from None

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._engine.dispose)

    def _find(self, username: str) -> Account | None:
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                rows = connection.execute(text(self._query), {"username": username}).mappings().fetchmany(2)
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise AccountsUnavailableError(f"{self.name}: {reason}") from error
        if len(rows) > 1:
            raise AccountsUnavailableError(f"{self.name}: more than one row for {username!r}")
        if not rows:
            return None
        row = rows[0]
        try:
            return parse_account(self.name, username, row.get("argon2"), row.get("scram"))
        except AccountsError as error:
            raise AccountsUnavailableError(str(error)) from error


def _engine(url: str) -> "Engine":
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        return create_engine(url, pool_size=_CONNECTIONS, max_overflow=0, pool_pre_ping=True)
    except NoSuchModuleError as error:
        raise AccountsError(f"accounts: {error}", hint="write postgresql+psycopg://…, sqlite:///…") from error
    except ArgumentError as error:
        raise AccountsError("accounts: not the address of a database", hint="sqlite:////path, …") from error
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"the driver of that database is not installed: {error.name}", hint=f"pip install {error.name}"
        ) from error
