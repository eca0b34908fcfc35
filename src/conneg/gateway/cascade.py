"""A directory that asks the next hop towards the destination (draft, appendix B.1 (1): cascaded capability queries).

MAIL with the null reverse-path, RCPT CONNEG=REQUIRED for everybody behind one next hop, RSET: nothing is ever sent.
REQUIRED, because only then "nobody knows" (504) and "cannot say now" (404) are different replies. The next hop may be a
gateway that asks in turn, so each question gets a strict part of the time that its asker has, and one that comes back
to where it began is answered at once: see `CascadeDirectory.is_asking`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from conneg.directory import Answer, Faulty, GuardedDirectory, Known, Unavailable, Unknown
from conneg.directory.guard import LONGEST_REST_SECONDS, Report
from conneg.directory.names import address_key
from conneg.errors import ConnegError
from conneg.gateway.routing import NextHop, Routes
from conneg.gateway.sessions import Session, Sessions
from conneg.mail import AddressError, parse_mailbox
from conneg.negotiation import Provenance, read_capability
from conneg.net import RcptRequest
from conneg.smtp import ConnegArgument, RcptResult

_IN_A_TRANSACTION = 100
"""Every server takes so many recipients in one transaction (RFC 5321, 4.5.3.1.8)."""

_HOPS = 1000
"""For how many next hops it is remembered whether they fail."""

_TEMPORARY = range(400, 500)


class CascadeDirectory:
    """Asks the next hops that `routes` gives, in `sessions` of its own; those that fail rest, each by itself.

    `hostname` is what this gateway is called: a next hop of that name is this gateway. A lookup takes at most
    `seconds`.
    """

    def __init__(
        self,
        routes: Routes,
        sessions: Sessions,
        *,
        hostname: str,
        seconds: float,
        longest_rest_seconds: float = LONGEST_REST_SECONDS,
        label: str = "cascade",
        report: Report = lambda line: None,
    ) -> None:
        self._routes = routes
        self._sessions = sessions
        self._hostname = hostname.lower()
        self._seconds = seconds
        self._longest_rest = longest_rest_seconds
        self._label = label
        self._report = report
        self._hops: dict[NextHop, GuardedDirectory] = {}
        self._asking: Counter[tuple[str, str]] = Counter()
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """What an operator calls it."""
        return self._label

    def is_asking(self, recipient: str, address: str) -> bool:
        """Say whether the host at IP `address` is being asked about `recipient` now.

        If it asks about the same recipient meanwhile, the question has gone round in a circle: nobody knows.
        """
        return (address_key(recipient), address) in self._asking

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        """Return an answer for each of `recipients`; see `conneg.directory.model.Directory`.

        A next hop that cannot be asked says nothing of the others: what it costs its recipients is `Faulty`.
        """
        answers: dict[str, Answer] = {}
        by_hop: dict[NextHop, list[str]] = {}
        for recipient in recipients:
            hop = self._hop(recipient)
            if hop is None:
                answers[recipient] = Unknown()
            else:
                by_hop.setdefault(hop, []).append(recipient)
        seconds = min(deadline, self._seconds)
        found = await asyncio.gather(
            *(self._guarded(hop).lookup(those, seconds) for hop, those in by_hop.items())
        )
        for part in found:
            answers |= {
                one: Faulty(answer.reason) if isinstance(answer, Unavailable) else answer
                for one, answer in part.items()
            }
        self._sweep()
        return answers

    async def close(self) -> None:
        """Say QUIT on every session."""
        if self._sweeping is not None:
            await self._sweeping
        await self._sessions.close()

    def _hop(self, recipient: str) -> NextHop | None:
        """Return whom to ask; None where there is nobody, or the operator wants nobody asked."""
        try:
            hop = self._routes.next_hop(parse_mailbox(recipient).domain)
        except AddressError:
            return None
        is_silent = hop.destination.deliver == "maildir" or hop.destination.conneg == "off"
        return None if is_silent else hop

    def _guarded(self, hop: NextHop) -> GuardedDirectory:
        known = self._hops.get(hop)
        if known is None:
            if len(self._hops) >= _HOPS:
                self._hops.clear()
            known = self._hops[hop] = GuardedDirectory(
                _Hop(hop, self._sessions, self._hostname, self._label, self._asking),
                seconds=self._seconds,
                longest_rest_seconds=self._longest_rest,
                report=self._report,
            )
        return known

    def _sweep(self) -> None:
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.ensure_future(self._sessions.sweep())


class _Hop:
    """One next hop as a directory."""

    def __init__(
        self, hop: NextHop, sessions: Sessions, hostname: str, label: str, asking: Counter[tuple[str, str]]
    ) -> None:
        self._hop = hop
        self._sessions = sessions
        self._hostname = hostname
        self._label = label
        self._asking = asking

    @property
    def name(self) -> str:
        return f"{self._label}: {self._hop.name}"

    async def lookup(self, recipients: Sequence[str], deadline: float) -> Mapping[str, Answer]:
        try:
            async with asyncio.timeout(deadline):
                try:
                    return await self._ask(recipients, fresh=False)
                except _StaleError:
                    return await self._ask(recipients, fresh=True)
        except TimeoutError:
            reason = f"no answer within {deadline:.3g} s"
        except (ConnegError, OSError) as error:
            reason = str(error) or type(error).__name__
        return dict.fromkeys(recipients, Unavailable(f"{self.name}: {reason}"))

    async def _ask(self, recipients: Sequence[str], *, fresh: bool) -> dict[str, Answer]:
        async with self._sessions.lend(self._hop, fresh=fresh) as session:
            client = session.client
            if not client.supports("CONNEG") or self._is_this_gateway(session):
                return dict.fromkeys(recipients, Unknown())
            answers: dict[str, Answer] = {}
            most = min(_IN_A_TRANSACTION, client.limits.get("RCPTMAX", _IN_A_TRANSACTION))
            asked = {(address_key(one), session.endpoint.host) for one in recipients}
            self._asking.update(asked)
            try:
                for start in range(0, len(recipients), most):
                    answers |= await self._ask_some(session, recipients[start : start + most])
            except (ConnegError, OSError) as error:
                if session.fresh:
                    raise
                raise _StaleError(str(error)) from error
            finally:
                for one in asked:  # in place: the counter is shared
                    self._asking[one] -= 1
                    if not self._asking[one]:
                        del self._asking[one]
            return answers

    async def _ask_some(self, session: Session, recipients: Sequence[str]) -> dict[str, Answer]:
        """One transaction that is taken back (RFC 5321, 4.1.1.5)."""
        client = session.client
        opened = await client.open_transaction(
            "", [RcptRequest(one, conneg=ConnegArgument.REQUIRED) for one in recipients]
        )
        if not opened.rcpts:
            refused = f"{self.name}: {opened.mail}"
            return dict.fromkeys(
                recipients, Unavailable(refused) if opened.mail.code in _TEMPORARY else Unknown()
            )
        await client.rset()
        now = time.time()
        return {
            recipient: self._answer(session, result, now)
            for recipient, result in zip(recipients, opened.rcpts, strict=True)
        }

    def _answer(self, session: Session, result: RcptResult, now: float) -> Answer:
        if result.reply.code in _TEMPORARY:
            session.retire()  # a 404 is asked again in another session (draft, 4.2)
            return Faulty(f"{self.name}: {result.reply}")
        expression = None if result.capability is None else result.capability.expression
        if expression is None or not result.reply.is_positive:
            return Unknown()
        client = session.client
        try:
            return Known(
                read_capability(
                    expression,
                    Provenance.REPLY,
                    f"{self._label}: {client.peer}",
                    obtained_at=now,
                    authenticated=client.is_verified,
                )
            )
        except ConnegError as error:
            return Faulty(f"{self.name}: {error}")

    def _is_this_gateway(self, session: Session) -> bool:
        """Say whether the host greets with our own name (RFC 5321, 4.2: the domain comes first)."""
        greeting = session.client.greeting
        words = greeting.lines[0].split() if greeting is not None and greeting.lines else []
        return bool(words) and words[0].lower() == self._hostname


class _StaleError(ConnegError):
    """A session that had been idle was ended by the next hop when we came back to it."""
