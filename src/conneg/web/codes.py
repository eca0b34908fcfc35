"""One-time codes: who asks for one gets it by mail if the content was staged for that address, and shows it once.

What is kept of a code is a MAC, for some minutes and some tries. The page says the same to whoever asks.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from conneg.bounds import Bound
from conneg.errors import ConnegError
from conneg.staging import CodeState, Item, Store, Tokens, Usage
from conneg.web.threads import in_thread

CODE_DIGITS = 8
CODE_SECONDS = 15 * 60.0
TRIES = Bound(
    name="web.code-tries",
    value=5,
    unit="tries of one code",
    reason="eight digits guessed five times are found once in twenty million",
    answer="the code is worth nothing any more; another one can be asked for",
)
CODES_AN_HOUR = Bound(
    name="web.codes",
    value=5,
    unit="codes for one content in an hour",
    reason="each is a mail to a recipient; with five tries each, an hour's guesses succeed once in four million",
    answer="429, and no mail",
)

MailCode = Callable[[str, str, Item], Awaitable[None]]
"""Mails a code: to whom, the code, for which item."""


class TooManyCodesError(ConnegError):
    """So many codes were mailed for this content lately that no other one is now."""


class OneTimeCodes:
    """Codes for the items of one store."""

    def __init__(self, store: Store, tokens: Tokens, mail: MailCode, clock: Callable[[], float]) -> None:
        self._store = store
        self._tokens = tokens
        self._mail = mail
        self._clock = clock

    async def send(self, item: Item, address: str | None) -> None:
        """Mail a code to `address` if it is a recipient's; without an address, to the one recipient there is.

        Raises `TooManyCodesError`, and what the mailing raises.
        """
        recipient = _recipient(item, address)
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        now = self._clock()
        state = CodeState(self._tokens.code_mac(item.id, code), now + CODE_SECONDS, TRIES.value)

        def add(usage: Usage) -> tuple[Usage, bool]:
            lately = tuple(at for at in usage.codes_sent if at > now - 3600)
            if len(lately) >= CODES_AN_HOUR.value:
                return usage, False
            codes = {**_alive(usage, now), **({recipient: state} if recipient else {})}
            return replace(usage, codes=codes, codes_sent=(*lately, now)), True

        if not await in_thread(self._store.amend, item.id, add):
            raise TooManyCodesError("too many codes were asked for")
        if recipient is not None:
            await self._mail(recipient, code, item)

    async def accept(self, item: Item, code: str) -> bool:
        """Say whether this is a code that is out; it is worth nothing from then on, and a wrong one costs a try."""
        mac = self._tokens.code_mac(item.id, "".join(code.split()))
        now = self._clock()

        def use(usage: Usage) -> tuple[Usage, bool]:
            alive = _alive(usage, now)
            right = [address for address, state in alive.items() if secrets.compare_digest(state.mac, mac)]
            left = {
                address: replace(state, tries_left=state.tries_left - (not right))
                for address, state in alive.items()
                if address not in right
            }
            return replace(usage, codes=left), bool(right)

        return await in_thread(self._store.amend, item.id, use)


def _recipient(item: Item, address: str | None) -> str | None:
    if address is None:
        return item.recipients[0] if len(item.recipients) == 1 else None
    wanted = address.strip().casefold()
    return next((one for one in item.recipients if one.casefold() == wanted), None)


def _alive(usage: Usage, now: float) -> dict[str, CodeState]:
    return {
        address: state
        for address, state in usage.codes.items()
        if state.expires_at > now and state.tries_left > 0
    }
