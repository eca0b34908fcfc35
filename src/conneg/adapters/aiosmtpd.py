"""Content negotiation for aiosmtpd (draft-ietf-fax-esmtp-conneg-03), and delivery status notifications (RFC 3461).

aiosmtpd answers 555 to every parameter of RCPT and to all of MAIL but SIZE, BODY and SMTPUTF8, in its core, where no
handler is asked. `NegotiatingSMTP` therefore overrides two of its commands, `smtp_MAIL` and `smtp_RCPT`: they are read
by `conneg.smtp`, and call the same hooks (`handle_MAIL`, `handle_RCPT`) with the same arguments, but that values keep
their letter case and paths need their angle brackets. It puts itself in front of `handle_EHLO` (`_handle_hooks`,
`_ehlo_hook_ver`), and gives every session an envelope of its own kind and its own `command_size_limits`. That is held
against the versions of `TESTED`; another one draws a warning when this module is imported.
"""

import asyncio
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Protocol, cast

import aiosmtpd
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, SMTP, Envelope, Session

from conneg.errors import TemporaryError, UsageError
from conneg.smtp import (
    CommandError,
    ConnegArgument,
    MailCommand,
    RcptAnswer,
    RcptCommand,
    Reply,
    ServerConfig,
    not_supported,
    read_reply_lines,
    texts,
    unavailable,
)
from conneg.smtp.command import CommandRules, read_mail, read_rcpt
from conneg.smtp.extension import listing
from conneg.smtp.recipients import Recipients

TESTED = ("1.4.4.post2", "1.4.5", "1.4.6")
"""The versions of aiosmtpd that this module has been tested with."""


def check_version(version: str) -> None:
    """Warn, in one line, of a version of aiosmtpd that this module has not been tested with."""
    if version not in TESTED:
        warnings.warn(
            f"conneg.adapters.aiosmtpd has been tested with aiosmtpd {', '.join(TESTED)}, not with {version}",
            stacklevel=3,
        )


check_version(aiosmtpd.__version__)

_ROOM = {"MAIL": 512 + 26 + 10 + 17 + 109 + 9, "RCPT": 512 + 500 + 28 + 18}
"""Octets in a command line: SIZE (RFC 1870), SMTPUTF8 (RFC 6531), BODY (RFC 6152), DSN (RFC 3461, 4), CONNEG.

aiosmtpd's reader takes no line above 1001 octets, whatever is allowed here.
"""

_MAIL_FIRST = "503 5.5.1 Error: need MAIL command"
_NESTED_MAIL = "503 5.5.1 Error: nested MAIL command"
_OK = Reply(250, ("OK",), "2.1.5")
_LONG_LOCAL_PART = Reply(553, ("Error: malformed address",), "5.1.3")
_NO_LIMIT = 1 << 62


class ConnegHook(Protocol):
    """The hook that a handler has beside aiosmtpd's own: it says what a recipient can take."""

    async def handle_CONNEG(  # noqa: N802 (aiosmtpd's way to name hooks)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, argument: ConnegArgument
    ) -> str | None:
        """Return the capability (RFC 2533, 2879), None if none is known or it is not to be disclosed.

        Asked only for addresses that `handle_RCPT` accepts. `conneg.errors.TemporaryError`, TimeoutError and OSError
        mean that it cannot be told now.
        """


@dataclass(frozen=True, slots=True)
class AcceptedRecipient:
    """A recipient that was accepted: its command with its parameters, and the capability that was announced for it.

    The client is bound to send what that capability takes (draft 4.2).
    """

    command: RcptCommand
    capability: str | None


class NegotiatingEnvelope(Envelope):
    """aiosmtpd's envelope with the commands as they were read: CONNEG, NOTIFY and ORCPT of each recipient."""

    def __init__(self) -> None:
        super().__init__()
        self.mail_command: MailCommand | None = None
        """RET, ENVID, SIZE and BODY (`conneg.smtp.MailCommand`)."""
        self.recipients: list[AcceptedRecipient] = []


class NegotiatingSMTP(SMTP):
    """aiosmtpd's server that lists CONNEG and DSN and takes their parameters.

    What a recipient can take is asked of the handler's `handle_CONNEG` (`ConnegHook`), for at most `conneg_seconds`;
    with a handler that has none, CONNEG is off: not listed, REQUIRED draws 504 and OPTIONAL is ignored (draft 4.1).
    `conneg_needs_tls` and `conneg_needs_auth` keep it off until then (draft 8). All other arguments are aiosmtpd's.
    """

    def __init__(
        self,
        handler: Any,
        *args: Any,
        conneg_seconds: float = 10,
        conneg_needs_tls: bool = False,
        conneg_needs_auth: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(handler, *args, **kwargs)
        if self._ehlo_hook_ver == "old":
            raise UsageError("handle_EHLO has to take the list of responses (aiosmtpd's five-argument form)")
        self._conneg_hook: ConnegHook | None = handler if hasattr(handler, "handle_CONNEG") else None
        self._conneg_seconds = conneg_seconds
        self._has_enhanced_codes = False
        self._inner_ehlo = self._handle_hooks.get("EHLO")
        self._handle_hooks["EHLO"] = self._list_extensions
        self._ehlo_hook_ver = "new"
        self.command_size_limits = defaultdict(lambda: self.command_size_limit, _ROOM)
        has = {
            "SIZE": self.data_size_limit,
            "8BITMIME": not self._decode_data,
            "SMTPUTF8": self.enable_SMTPUTF8,
        }
        self._config = _server_config(
            self.hostname,
            frozenset({"DSN", *(keyword for keyword, is_there in has.items() if is_there)}),
            self._conneg_hook is not None,
            conneg_needs_tls,
            conneg_needs_auth,
            self.data_size_limit or _NO_LIMIT,
        )

    def _create_envelope(self) -> NegotiatingEnvelope:
        return NegotiatingEnvelope()

    def _config_now(self) -> ServerConfig:
        """What holds at this point of the session, before or after TLS and AUTH."""
        assert self.session is not None
        is_secure = self.transport is not None and self.transport.get_extra_info("ssl_object") is not None
        return self._config.under(is_secure=is_secure, is_authenticated=bool(self.session.authenticated))

    async def _list_extensions(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Put DSN and CONNEG in front of the last line of the reply to EHLO, after what the handler made of it."""
        if self._inner_ehlo is None:
            session.host_name = hostname
        else:
            responses = await self._inner_ehlo(server, session, envelope, hostname, responses)
        ours = [f"250-{line}" for line in listing(self._config_now().offered & {"DSN", "CONNEG"}, {})]
        self._has_enhanced_codes = any(
            line[4:].strip().upper() == "ENHANCEDSTATUSCODES" for line in responses
        )
        return [*responses[:-1], *ours, *responses[-1:]]

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF ; RFC 5321, 4.1.1.2"""
        if await self.check_helo_needed() or await self.check_auth_needed("MAIL"):
            return
        envelope = self._negotiating_envelope()
        if envelope.mail_from:
            await self.push(_NESTED_MAIL)
            return
        try:
            command = read_mail(_checked(arg), self._rules())
            self._check_local_part(command.reverse_path)
        except CommandError as error:
            await self._push_reply(error.reply)
            return
        # The null reverse-path is "<>" to aiosmtpd's handlers.
        address, options = command.reverse_path or "<>", _options(command)
        envelope.mail_command = command
        envelope.smtp_utf8 = command.smtputf8
        status = await self._call_handler_hook("MAIL", address, options)
        if status is MISSING:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
            status = "250 OK"
        await self.push(status)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        """rcpt = "RCPT TO:" Forward-path [SP Rcpt-parameters] CRLF ; RFC 5321, 4.1.1.3; draft 4.1 and 5"""
        if await self.check_helo_needed() or await self.check_auth_needed("RCPT"):
            return
        envelope = self._negotiating_envelope()
        if not envelope.mail_from:
            await self.push(_MAIL_FIRST)
            return
        try:
            command = read_rcpt(_checked(arg), self._rules(), smtputf8=envelope.smtp_utf8)
            self._check_local_part(command.forward_path)
        except CommandError as error:
            await self._push_reply(error.reply)
            return
        before = len(envelope.rcpt_tos), len(envelope.rcpt_options)
        try:
            octets, is_accepted, capability = await self._answer(envelope, command)
        except BaseException:
            _take_back(envelope, before)
            raise
        if is_accepted:
            envelope.recipients.append(AcceptedRecipient(command, capability))
        else:
            _take_back(envelope, before)
        await self.push(octets)

    async def _answer(
        self, envelope: NegotiatingEnvelope, command: RcptCommand
    ) -> tuple[bytes, bool, str | None]:
        """Ask the handler for the address, and if it is accepted for its capability; return the reply's octets."""
        options = _options(command)
        status = await self._call_handler_hook("RCPT", command.forward_path, options)
        if status is MISSING:
            envelope.rcpt_tos.append(command.forward_path)
            envelope.rcpt_options.extend(options)
            first, octets = _OK, b"250 OK"
        else:
            octets = status if isinstance(status, bytes) else status.encode("utf-8")
            first = read_reply_lines(octets.decode("utf-8", "replace").splitlines())
        if command.conneg is None or not first.is_positive:
            return octets, first.is_positive, None
        answer = await self._find_capability(envelope, command, first)
        if answer.reply is first and answer.capability is None and command.conneg is ConnegArgument.OPTIONAL:
            return octets, True, None
        enhanced = self._has_enhanced_codes or (first is not _OK and first.enhanced is not None)
        written, is_accepted = Recipients(self._rules(), 1).answer(command, answer, enhanced=enhanced)
        is_announced = is_accepted and written != answer.reply.encode(enhanced)
        return written.removesuffix(b"\r\n"), is_accepted, answer.capability if is_announced else None

    async def _find_capability(
        self, envelope: NegotiatingEnvelope, command: RcptCommand, first: Reply
    ) -> RcptAnswer:
        """Return what the handler knows; if nothing, REQUIRED draws 504 or 404, OPTIONAL a plain reply (draft 4.3)."""
        hook, session, argument = self._conneg_hook, self.session, command.conneg
        assert hook is not None
        assert session is not None
        assert argument is not None
        refuse = partial(not_supported, command.forward_path)
        capability = None
        try:
            async with asyncio.timeout(self._conneg_seconds):
                capability = await hook.handle_CONNEG(self, session, envelope, command.forward_path, argument)
        except (TemporaryError, TimeoutError, OSError):
            refuse = partial(unavailable, command.forward_path)
        if capability is None and argument is ConnegArgument.REQUIRED:
            return RcptAnswer(refuse())
        return RcptAnswer(first, capability)

    def _rules(self) -> CommandRules:
        """What MAIL and RCPT may carry now: after HELO no parameters at all (RFC 5321, 4.1.1.1)."""
        assert self.session is not None
        rules = self._config_now().rules
        if self.session.extended_smtp:
            return rules
        return replace(rules, mail_parameters=frozenset(), rcpt_parameters=frozenset())

    def _check_local_part(self, address: str) -> None:
        if self.local_part_limit and len(address.rpartition("@")[0]) > self.local_part_limit:
            raise CommandError(_LONG_LOCAL_PART)

    def _negotiating_envelope(self) -> NegotiatingEnvelope:
        return cast(NegotiatingEnvelope, self.envelope)

    async def _push_reply(self, reply: Reply) -> None:
        await self.push(reply.encode(self._has_enhanced_codes).removesuffix(b"\r\n"))


class NegotiatingController(Controller):
    """aiosmtpd's controller of a `NegotiatingSMTP` in a thread of its own."""

    def factory(self) -> NegotiatingSMTP:
        """Return the server of one session."""
        return NegotiatingSMTP(self.handler, **self.SMTP_kwargs)


@lru_cache(maxsize=16)
def _server_config(
    hostname: str, offered: frozenset[str], is_on: bool, needs_tls: bool, needs_auth: bool, max_octets: int
) -> ServerConfig:
    """Return what holds in all sessions of a server; kept, as aiosmtpd makes an object for each session."""
    return ServerConfig(
        hostname,
        extensions=offered,
        conneg="on" if is_on else "off",
        conneg_needs_tls=needs_tls,
        conneg_needs_auth=needs_auth,
        max_message_octets=max_octets,
    )


def _checked(arg: str | None) -> str:
    """Return what follows the verb; aiosmtpd keeps octets that are not UTF-8 as surrogates."""
    text = arg or ""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise CommandError(texts.NOT_UTF8)
    return text


def _options(command: MailCommand | RcptCommand) -> list[str]:
    return [f"{keyword}={value}" if value else keyword for keyword, value in command.parameters.items()]


def _take_back(envelope: Envelope, before: tuple[int, int]) -> None:
    """Forget what a handler noted of a recipient that is refused after all."""
    del envelope.rcpt_tos[before[0] :]
    del envelope.rcpt_options[before[1] :]
