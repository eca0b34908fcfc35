"""Accounts in any database that SQLAlchemy reaches: one query, in threads, under a deadline."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from conneg.accounts.file import parse_account
from conneg.accounts.model import Account, AccountsError, AccountsUnavailableError
from conneg.databases import CONNECTIONS, one_line, open_engine

DEFAULT_QUERY = "SELECT argon2, scram FROM account WHERE username = :username"
"""What is asked if nothing else is configured: one row with the two columns, either of which may be NULL."""


class SqlAccounts:
    """The accounts that `query` finds in the database at `url` (SQLAlchemy's form, with the driver's name in it).

    `query` has `:username` in it and gives the columns `argon2` and `scram`, or one of them. Raises
    `conneg.errors.UnavailableError` if SQLAlchemy or the driver is not installed, `AccountsError` for a bad `query`,
    and `conneg.databases.DatabaseAddressError` for a bad `url`.
    """

    def __init__(self, url: str, query: str = DEFAULT_QUERY, *, seconds: float = 5.0) -> None:
        if ":username" not in query:
            raise AccountsError(f"the query for an account has no :username in it: {query}")
        self._query = query
        self._seconds = seconds
        self._engine = open_engine(url, purpose="accounts", seconds=seconds)
        self._threads = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="conneg-accounts")

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
            raise AccountsUnavailableError(f"{self.name}: {one_line(error)}") from error
        if len(rows) > 1:
            raise AccountsUnavailableError(f"{self.name}: more than one row for {username!r}")
        if not rows:
            return None
        row = rows[0]
        try:
            return parse_account(self.name, username, row.get("argon2"), row.get("scram"))
        except AccountsError as error:
            raise AccountsUnavailableError(str(error)) from error
