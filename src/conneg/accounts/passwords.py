"""Password hashes: argon2id (RFC 9106), made and checked in threads of their own, a bounded number at a time.

A check takes tens of milliseconds and tens of megabytes on purpose. So that guessing does not take the machine with it,
few checks run at once and few wait; and a check against no hash costs what one against a hash does.
"""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

import argon2

from conneg.accounts.model import Account, AccountsError, AccountsUnavailableError
from conneg.bounds import Bound
from conneg.smtp.sasl import SaslError, derive_scram_keys, prepare

MAX_CHECKS = Bound(
    name="accounts.checks",
    value=32,
    unit="passwords that are being checked, or wait for it",
    reason="each check takes 64 MiB and tens of milliseconds, and anyone may ask for one",
    answer="454 4.7.0 to AUTH",
)
_AT_ONCE = 2
_SALT_OCTETS = 16


class PasswordHasher:
    """Makes and checks hashes. The cost may be lowered for tests; the default is RFC 9106's second choice."""

    def __init__(self, *, time_cost: int = 3, memory_kib: int = 65_536, lanes: int = 4) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=lanes, type=argon2.Type.ID
        )
        self._decoy = self._argon2.hash(secrets.token_urlsafe(_SALT_OCTETS))
        self._threads = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="conneg-password")
        self._in_hand = 0

    def hash(self, password: str) -> str:
        """Return the argon2id hash of a prepared password."""
        return self._argon2.hash(password)

    async def check(self, kept: str | None, password: str) -> bool:
        """Say whether `kept` is a hash of `password`; without a hash the answer is no, and takes as long.

        Raises `AccountsUnavailableError` when too many checks wait already.
        """
        if self._in_hand >= MAX_CHECKS.value:
            raise AccountsUnavailableError(f"{self._in_hand} passwords wait to be checked already")
        self._in_hand += 1
        try:
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._threads, self._verify, kept or self._decoy, password)
        finally:
            self._in_hand -= 1
        return is_right and kept is not None

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._argon2.verify(kept, password)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError) as error:
            raise AccountsError(f"a hash that argon2 cannot read: {error}") from error


def make_account(username: str, password: str, hasher: PasswordHasher) -> Account:
    """Return what is to be kept of a user; both are prepared by SASLprep. Raises `AccountsError`."""
    try:
        name, secret = prepare(username), prepare(password)
    except SaslError as error:
        raise AccountsError(f"a name or password that cannot be used: {error}") from error
    if not name or not secret:
        raise AccountsError("a name and a password have at least one character each")
    scram = derive_scram_keys(secret, salt=secrets.token_bytes(_SALT_OCTETS))
    return Account(name, hasher.hash(secret), scram)
