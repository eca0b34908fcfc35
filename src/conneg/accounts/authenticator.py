"""What a listener asks: whether a password is a user's, and what SCRAM needs (`conneg.net.Authenticator`)."""

from collections.abc import Callable, Sequence

from conneg.accounts.model import Account, AccountsError, AccountSource, AccountsUnavailableError
from conneg.accounts.passwords import PasswordHasher
from conneg.smtp import ScramKeys
from conneg.smtp.sasl import MECHANISMS


class Accounts:
    """The users of `source`. Every failure to find out is an `AccountsUnavailableError`, told to `on_problem` too."""

    def __init__(
        self,
        source: AccountSource,
        *,
        mechanisms: Sequence[str] = MECHANISMS,
        hasher: PasswordHasher | None = None,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        self._source = source
        self._mechanisms = tuple(mechanisms)
        self._hasher = hasher or PasswordHasher()
        self._is_own_hasher = hasher is None
        self._on_problem = on_problem

    @property
    def mechanisms(self) -> Sequence[str]:
        """Those that are offered."""
        return self._mechanisms

    async def check_password(self, username: str, password: str) -> bool:
        """Say whether that is the user's password; as long for a user that there is not."""
        account = await self._find(username)
        try:
            return await self._hasher.check(None if account is None else account.argon2, password)
        except AccountsError as error:
            raise self._failed(f"{self._source.name}: {username}: {error}") from error

    async def scram_keys(self, username: str) -> ScramKeys | None:
        """Return the user's keys for SCRAM-SHA-256, None if there are none."""
        account = await self._find(username)
        return None if account is None else account.scram

    async def close(self) -> None:
        """Let go of the source, and of the threads of a hasher that was not given."""
        if self._is_own_hasher:
            self._hasher.close()
        await self._source.close()

    async def _find(self, username: str) -> Account | None:
        try:
            return await self._source.find(username)
        except AccountsUnavailableError as error:
            raise self._failed(str(error)) from error

    def _failed(self, problem: str) -> AccountsUnavailableError:
        if self._on_problem is not None:
            self._on_problem(problem)
        return AccountsUnavailableError(problem)
