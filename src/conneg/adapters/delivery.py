"""A message on its way to the recipients behind one server, sans-IO: octets out, replies in, results at the end.

The draft's Appendix A (3): all recipients are asked in one transaction, brought into classes, and each class gets its
content. What a server announces holds for its transaction only, so where one transaction is not enough each class is
asked again in its own, and who then answers otherwise is deferred.

`ask`, `send` and `take_back` are generators of octets: send what one yields, then give it the next reply (b"" means
that there is nothing to send, only a reply to come). Where the connection is lost, `lost` says so to the results.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

from conneg.adapters.values import MailOptions, RecipientClass, RecipientOutcome, RecipientResult
from conneg.errors import ConnegError
from conneg.mail import in_seven_bits, is_seven_bits, needs_eight_bits
from conneg.negotiation import (
    Capability,
    Outcome,
    Provenance,
    after_rcpt,
    capability_classes,
    read_capability,
)
from conneg.smtp import (
    EnvelopeSyntaxError,
    RcptRequest,
    RcptResult,
    RemoteProtocolError,
    Reply,
    Verdict,
    unavailable,
    write_content,
)
from conneg.smtp.asking import Asking, within_offer
from conneg.smtp.command import write_mail
from conneg.smtp.data import check_newlines
from conneg.smtp.extension import parameters_of

Steps = Generator[bytes, Reply, None]
"""Octets to send; each wants the next reply."""

_MAX_ROUNDS = 4
"""How often a class is opened again because recipients left it; more often, and the rest is deferred."""

_NO_UTF8 = Reply(553, ("an address or header outside ASCII needs SMTPUTF8, which the server lacks",), "5.6.7")
_UNREADABLE = Reply(554, ("what the server says the recipient can take cannot be read",), "5.3.3")
_NO_EIGHT_BITS = Reply(
    554, ("the content is signed and has octets above 127, and the server lacks 8BITMIME",), "5.6.3"
)


class _SessionOverError(Exception):
    """The server has said 421."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class _Member:
    """One recipient on its way to a result."""

    __slots__ = ("capability", "request", "result")

    def __init__(self, request: RcptRequest) -> None:
        self.request = request
        self.capability: Capability | None = None
        self.result: RecipientResult | None = None


def start_asking(request: RcptRequest, extensions: Mapping[str, str], *, or_without: bool = False) -> Asking:
    """Return the recipient's way through RCPT; DSN parameters only where DSN is listed (RFC 3461, 4).

    `extensions` has its keywords in capitals. `or_without`: CONNEG may be given up, whatever `request` says.
    """
    if or_without:
        request = replace(request, or_without=True)
    if not {"NOTIFY", "ORCPT"} <= parameters_of(extensions, "RCPT"):
        request = replace(request, notify=None, orcpt=None)
    return Asking(request, extensions, "draft")


class Delivery:
    """One message for some recipients. `ask`, then one of `send` and `take_back`; each to its end, or `lost`.

    `extensions` is what the server lists, keyword -> parameters. Raises `conneg.smtp.EnvelopeSyntaxError` for what no
    command can carry.
    """

    def __init__(
        self,
        reverse_path: str,
        recipients: Sequence[RcptRequest],
        extensions: Mapping[str, str],
        *,
        options: MailOptions | None = None,
        lmtp: bool = False,
    ) -> None:
        self._reverse_path = reverse_path
        self._options = options or MailOptions()
        self._extensions = {keyword.upper(): value for keyword, value in extensions.items()}
        self._lmtp = lmtp
        self._members = [_Member(request) for request in recipients]
        self._classes: list[tuple[RecipientClass, list[_Member]]] = []
        self._accepted = 0
        self._is_open = False
        self._unanswered: list[_Member] = []
        self.is_over = False
        """Whether the session has ended, by 421 or by loss: nothing more can be said in it."""
        self._check_envelope()

    @property
    def classes(self) -> tuple[RecipientClass, ...]:
        """The accepted recipients by the meaning of their capabilities, in the order of the first of each class."""
        return tuple(found for found, _ in self._classes)

    @property
    def results(self) -> list[RecipientResult]:
        """One result for each recipient, in the order in which they were given."""
        return [member.result for member in self._members if member.result is not None]

    def ask(self) -> Steps:
        """Ask for every recipient in one transaction, which stays open if there are `classes` at the end."""
        yield from self._guarded(self._ask())

    def check(self, contents: Sequence[bytes | None]) -> None:
        """Raise for contents that cannot be sent: `conneg.smtp.BareNewlineError`, ValueError for another number."""
        if len(contents) != len(self._classes):
            raise ValueError(f"{len(contents)} contents for {len(self._classes)} classes")
        for content in contents:
            if content is not None:
                check_newlines(content)

    def send(self, contents: Sequence[bytes | None]) -> Steps:
        """Send each class its content, None for none; `check` has been called."""
        yield from self._guarded(self._send(contents))

    def take_back(self) -> Steps:
        """End the transaction that `ask` has left open: nothing will be sent."""
        yield from self._guarded(self._reset())

    def lost(self, reason: str) -> None:
        """The connection is gone, or nobody knows any more which command a reply would answer."""
        self._end(Reply(421, (reason,), "4.4.2"), is_local=True)

    # The rest is private.

    def _check_envelope(self) -> None:
        if not self._members:
            raise EnvelopeSyntaxError("a transaction without recipients")
        write_mail(self._reverse_path, self._parameters(None))
        for member in self._members:
            asking = self._start_asking(member)
            if asking.result is None:
                asking.command()

    def _guarded(self, steps: Steps) -> Steps:
        if self.is_over:
            steps.close()
            return
        try:
            yield from steps
        except _SessionOverError as over:
            self._end(over.reply, is_local=False)
        except RemoteProtocolError as error:
            self.lost(str(error))

    def _end(self, reply: Reply, *, is_local: bool) -> None:
        self.is_over = True
        self._is_open = False
        for member in self._members:
            if member.result is None:
                in_doubt = member in self._unanswered
                outcome = RecipientOutcome.IN_DOUBT if in_doubt else RecipientOutcome.DEFERRED
                self._settle(member, reply, outcome, is_local=is_local)

    def _say(self, line: str) -> Generator[bytes, Reply, Reply]:
        reply = yield f"{line}\r\n".encode()
        if reply.code == 421:
            raise _SessionOverError(reply)
        return reply

    def _ask(self) -> Steps:
        if self._needs_utf8 and "SMTPUTF8" not in self._extensions:
            for member in self._members:
                self._settle(member, _NO_UTF8, is_local=True)
            return
        yield from self._open(self._members, None)
        self._classify()
        if not self._classes:
            yield from self._reset()

    def _open(self, members: Sequence[_Member], content: bytes | None) -> Steps:
        """Send MAIL, and RCPT for those for whom it may be sent; settle those who are not accepted."""
        askings = [self._start_asking(member) for member in members]
        self._accepted = 0
        if any(asking.result is None for asking in askings):
            mail = yield from self._say(write_mail(self._reverse_path, self._parameters(content)))
            self._is_open = mail.is_positive
            if not mail.is_positive:
                for asking in askings:
                    asking.result = asking.result or RcptResult(asking.request.forward_path, mail)
        for member, asking in zip(members, askings, strict=True):
            while asking.result is None:
                reply = yield from self._say(asking.command())
                asking.answer(reply, may_repeat=True)
            self._accepted += asking.result.reply.is_positive
            self._judge(member, asking.result)

    def _start_asking(self, member: _Member) -> Asking:
        or_without = self._options.policy.may_go_without(member.request.conneg)
        return start_asking(member.request, self._extensions, or_without=or_without)

    def _judge(self, member: _Member, answer: RcptResult) -> None:
        """Read the capability of an accepted recipient, settle another."""
        if not answer.reply.is_positive:
            self._settle(member, answer.reply, is_local=answer.is_local)
            return
        said = None if answer.capability is None else answer.capability.text
        match after_rcpt(answer.reply.code, answer.asked, said, self._options.policy):
            case Outcome.CAPABILITY:
                member.capability = read_capability(said or "", Provenance.REPLY, "reply to RCPT")
            case Outcome.DEFER:
                # no capability, where REQUIRED against the draft (4.3), or one of no use: nothing is known that holds
                self._settle(member, unavailable(member.request.forward_path), is_local=True)
            case Outcome.FAIL:
                self._settle(member, _UNREADABLE, is_local=True)
            case _:
                member.capability = None

    def _classify(self) -> None:
        """Bring those without a result into classes; their places stand for them, as a path may be given twice."""
        waiting = {str(at): member for at, member in enumerate(self._members) if member.result is None}
        known = {at: member.capability for at, member in waiting.items() if member.capability is not None}
        groups = [(found.recipients, found.capability) for found in capability_classes(known)]
        silent = tuple(at for at in waiting if at not in known)
        found = [*groups, (silent, None)] if silent else groups
        for places, capability in sorted(found, key=lambda group: int(group[0][0])):
            members = [waiting[at] for at in places]
            paths = tuple(member.request.forward_path for member in members)
            self._classes.append((RecipientClass(paths, capability), members))

    def _send(self, contents: Sequence[bytes | None]) -> Steps:
        ready: list[tuple[list[_Member], bytes]] = []
        for (_, members), content in zip(self._classes, contents, strict=True):
            sendable = None if content is None else self._sendable(members, content)
            if sendable is not None:
                ready.append((members, sendable))
            elif content is None:
                for member in members:
                    self._settle(member, None, RecipientOutcome.NOT_CHOSEN)
        if len(ready) == 1 and self._accepted == len(ready[0][0]) and is_seven_bits(ready[0][1]):
            yield from self._transfer(*ready[0])
            return
        yield from self._reset()
        for members, content in ready:
            yield from self._send_class(members, content)

    def _send_class(self, members: list[_Member], content: bytes) -> Steps:
        """One transaction for one class; taken back and opened again without those who answer otherwise now."""
        for _ in range(_MAX_ROUNDS):
            known = [member.capability for member in members]
            yield from self._open(members, content)
            for member, before in zip(members, known, strict=True):
                if member.result is None and not _is_same(before, member.capability):
                    self._settle(member, unavailable(member.request.forward_path, 451), is_local=True)
            members = [member for member in members if member.result is None]
            if members and self._accepted == len(members):
                yield from self._transfer(members, content)
                return
            yield from self._reset()
            if not members:
                return
        for member in members:
            self._settle(member, unavailable(member.request.forward_path, 451), is_local=True)

    def _transfer(self, members: list[_Member], content: bytes) -> Steps:
        """Send DATA and the content in the open transaction; in LMTP each member has a reply (RFC 2033, 4.2)."""
        answer = yield from self._say("DATA")
        if answer.code // 100 != 3:
            if answer.is_positive:
                raise RemoteProtocolError(f"a positive reply to DATA before the content: {answer}")
            for member in members:
                self._settle(member, answer)
            yield from self._reset()
            return
        self._unanswered = list(members)
        self._is_open = False
        octets = b"".join(write_content(content))
        for group in [[member] for member in members] if self._lmtp else [members]:
            reply = yield octets
            octets = b""
            for member in group:
                self._settle(member, reply)
            if reply.code == 421:
                raise _SessionOverError(reply)

    def _reset(self) -> Steps:
        if self._is_open:
            self._is_open = False
            reply = yield from self._say("RSET")
            if not reply.is_positive:
                raise RemoteProtocolError(f"RSET was refused: {reply}")

    def _settle(
        self,
        member: _Member,
        reply: Reply | None,
        outcome: RecipientOutcome | None = None,
        *,
        is_local: bool = False,
    ) -> None:
        if outcome is None:
            outcome = _OUTCOMES.get(reply.verdict if reply else Verdict.UNKNOWN, RecipientOutcome.DEFERRED)
        member.result = RecipientResult(member.request, outcome, reply, member.capability, is_local)

    def _sendable(self, members: Sequence[_Member], content: bytes) -> bytes | None:
        """Return the content in a form that the server can take; None if none is, and who waits is settled."""
        refusal = None
        if not is_seven_bits(content) and "8BITMIME" not in self._extensions:
            encoded = _encoded(content)
            refusal, content = (_NO_EIGHT_BITS, content) if encoded is None else (None, encoded)
        limit = self._extensions.get("SIZE", "")
        if limit.isascii() and limit.isdigit() and 0 < int(limit) < len(content):
            refusal = Reply(552, (f"the server takes at most {limit} octets",), "5.3.4")  # RFC 1870, 5
        if refusal is None:
            return content
        for member in members:
            self._settle(member, refusal, is_local=True)
        return None

    @property
    def _needs_utf8(self) -> bool:
        paths = [self._reverse_path, *(member.request.forward_path for member in self._members)]
        return self._options.smtputf8 or not all(path.isascii() for path in paths)

    def _parameters(self, content: bytes | None) -> dict[str, str]:
        """Return the parameters of MAIL; without content nothing is known of its size and body yet."""
        wanted = {
            "SIZE": None if content is None else str(len(content)),
            "BODY": None if content is None or is_seven_bits(content) else "8BITMIME",
            "RET": self._options.ret,
            "ENVID": self._options.envid,
            "SMTPUTF8": "" if self._needs_utf8 else None,
        }
        return within_offer(wanted, self._extensions)


_OUTCOMES = {Verdict.POSITIVE: RecipientOutcome.SENT, Verdict.PERMANENT: RecipientOutcome.REFUSED}


def _is_same(before: Capability | None, now: Capability | None) -> bool:
    """Whether content chosen for the one is right for the other: they mean the same."""
    if before is None or now is None:
        return before is now
    return len(capability_classes({"before": before, "now": now})) == 1


def _encoded(content: bytes) -> bytes | None:
    """Return the content in seven bits (RFC 6152, 3); None if that would break a signature or encryption."""
    try:
        return None if needs_eight_bits(content) else in_seven_bits(content)
    except ConnegError:
        return None
