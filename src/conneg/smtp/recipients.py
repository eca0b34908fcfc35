"""The recipients of one transaction on the server's side: RCPT commands that came together, and what each is told."""

from conneg.errors import ConnegError
from conneg.smtp import conneg, texts
from conneg.smtp.command import CommandError, CommandRules, RcptCommand, read_rcpt
from conneg.smtp.conneg import ConnegArgument
from conneg.smtp.events import RcptAnswer
from conneg.smtp.lines import BadLine, LineBuffer
from conneg.smtp.reply import Reply

Entry = RcptCommand | Reply
"""A RCPT command, or the reply to one that was wrong."""


class Recipients:
    """How many recipients of a transaction were accepted and refused, and the commands that wait for an answer."""

    __slots__ = ("_max_recipients", "_rules", "_smtputf8", "accepted", "batch", "refused")

    def __init__(self, rules: CommandRules, max_recipients: int, *, smtputf8: bool = False) -> None:
        self._rules = rules
        self._max_recipients = max_recipients
        self._smtputf8 = smtputf8
        self.accepted = 0
        self.refused = 0
        self.batch: list[Entry] = []

    def gather(self, argument: str, lines: LineBuffer) -> tuple[RcptCommand, ...]:
        """Take a RCPT command and all that stand in `lines` right behind it into `batch`; return those that are right.

        No more are taken than the transaction may still have: what is above is answered one by one.
        """
        self.batch = [self._read(argument, 0)]
        commands = [entry for entry in self.batch if isinstance(entry, RcptCommand)]
        while lines.peek(b"RCPT ") and self.accepted + len(commands) < self._max_recipients:
            line = lines.next_line()
            if line is None:
                break
            entry = self._read_line(line, len(commands))
            self.batch.append(entry)
            if isinstance(entry, RcptCommand):
                commands.append(entry)
        return tuple(commands)

    def answer(self, command: RcptCommand, answer: RcptAnswer, *, enhanced: bool) -> tuple[bytes, bool]:
        """Return the octets of the reply to one command, and whether its recipient is accepted.

        A recipient that CONNEG=REQUIRED asked for cannot be accepted without a capability (draft 4.3): it draws 404, or
        504 if the capability's text cannot be sent.
        """
        reply, capability = answer.reply, answer.capability
        is_positive = reply.is_positive
        if command.conneg is not None and is_positive:
            if capability is not None:
                try:
                    octets = conneg.write_capability_reply(reply, capability, enhanced=enhanced)
                except ConnegError:
                    if command.conneg is ConnegArgument.REQUIRED:
                        reply, is_positive = conneg.not_supported(command.forward_path), False
                else:
                    self.accepted += 1
                    return octets, True
            elif command.conneg is ConnegArgument.REQUIRED:
                reply, is_positive = conneg.unavailable(command.forward_path), False
        if is_positive:
            self.accepted += 1
        else:
            self.refused += 1
        return reply.encode(enhanced), is_positive

    def _read_line(self, line: bytes | BadLine, pending: int) -> Entry:
        if isinstance(line, BadLine):
            return texts.BARE if line is BadLine.BARE else texts.LONG
        try:
            argument = line[5:].decode("utf-8")
        except UnicodeDecodeError:
            return texts.NOT_UTF8
        return self._read(argument.rstrip(" \t"), pending)

    def _read(self, argument: str, pending: int) -> Entry:
        if self.accepted + pending >= self._max_recipients:
            return texts.TOO_MANY_RECIPIENTS
        try:
            return read_rcpt(argument, self._rules, smtputf8=self._smtputf8)
        except CommandError as error:
            return error.reply
