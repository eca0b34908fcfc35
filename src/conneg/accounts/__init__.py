"""The users who may send mail: who they are, kept in a file or in a database, and whether a password is theirs.

`Accounts` is the `conneg.net.Authenticator` that a listener asks; `AccountsFile` and `SqlAccounts` are where it looks
(the latter needs SQLAlchemy: `pip install conneg[sql]`, and imports it only when one is made).
"""

from conneg.accounts.authenticator import Accounts
from conneg.accounts.file import AccountsFile, read_accounts, write_accounts
from conneg.accounts.model import Account, AccountsError, AccountSource, AccountsUnavailableError
from conneg.accounts.passwords import PasswordHasher, make_account
from conneg.accounts.sql import DEFAULT_QUERY, SqlAccounts

__all__ = [
    "DEFAULT_QUERY",
    "Account",
    "AccountSource",
    "Accounts",
    "AccountsError",
    "AccountsFile",
    "AccountsUnavailableError",
    "PasswordHasher",
    "SqlAccounts",
    "make_account",
    "read_accounts",
    "write_accounts",
]
