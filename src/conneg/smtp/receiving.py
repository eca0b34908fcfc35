"""A transaction on the server's side: MAIL, RCPT, DATA and BDAT, the content, and the answers to them."""

from collections.abc import Sequence

from conneg.smtp import texts
from conneg.smtp.chunks import Chunks, read_bdat
from conneg.smtp.command import CommandError, RcptCommand, read_mail
from conneg.smtp.config import ServerConfig
from conneg.smtp.content import ContentIntake
from conneg.smtp.dialogue import Dialogue, Owed
from conneg.smtp.events import ContentEnd, DataCommand, RcptAnswer, RcptBatch, ServerEvent
from conneg.smtp.recipients import Recipients
from conneg.smtp.reply import Reply
from conneg.smtp.states import IN_TRANSACTION, TABLE, LocalProtocolError, Phase, Step

_DATA = DataCommand()
_END = ContentEnd()


class Receiving(Dialogue):
    """The part of a session that takes messages."""

    def __init__(self, config: ServerConfig, *, is_secure: bool) -> None:
        super().__init__(config, is_secure=is_secure)
        self._recipients = Recipients(self._rules, config.max_recipients)
        self._content = ContentIntake(config)
        self._chunks: Chunks | None = None
        self._is_binary = False
        self._idle_commands = self._refused_recipients = self._transactions = 0

    def answer_mail(self, reply: Reply) -> None:
        """Answer the `MailCommand`."""
        self._pay(Owed.MAIL)
        if reply.is_positive:
            self.phase = TABLE[self.phase][Step.MAIL]
        self._say(reply)

    def answer_rcpts(self, answers: Sequence[RcptAnswer]) -> tuple[bool, ...]:
        """Answer commands of the `RcptBatch`, one each in order; returns which recipients are now accepted.

        Fewer answers than commands leave the rest owed: a late one does not hold up those before it. A recipient
        that CONNEG=REQUIRED asked for cannot be accepted without a capability (draft 4.3): it draws 404, or 504 if the
        capability's text cannot be sent. ValueError for more answers than commands.
        """
        batch = self._recipients.batch
        commands = sum(isinstance(entry, RcptCommand) for entry in batch)
        if len(answers) > commands:
            raise ValueError(f"{len(answers)} answers to {commands} RCPT commands")
        self._pay(Owed.RCPT)
        given = iter(answers)
        accepted: list[bool] = []
        for place, entry in enumerate(batch):
            if self.phase is Phase.CLOSED:
                break
            if isinstance(entry, Reply):
                self._refuse(entry)
                continue
            answer = next(given, None)
            if answer is None:
                self._recipients.batch = batch[place:]
                self._owed = Owed.RCPT
                return tuple(accepted)
            accepted.append(self._answer_rcpt(entry, answer))
        self._recipients.batch = []
        return tuple(accepted)

    @property
    def rcpts_owed(self) -> int:
        """How many RCPT commands of the batch have no answer yet."""
        if self._owed is not Owed.RCPT:
            return 0
        return sum(isinstance(entry, RcptCommand) for entry in self._recipients.batch)

    def accept_content(self) -> None:
        """Say 354, after which content follows; after BDAT nothing is said, and the first chunk is read."""
        self._pay(Owed.DATA)
        self._content = ContentIntake(self.config, is_binary=self._is_binary)
        self._idle_commands = 0
        if self._chunks is not None:
            self.phase = TABLE[self.phase][Step.BDAT]
            return
        self.phase = TABLE[self.phase][Step.DATA]
        self._say(texts.GO_AHEAD)

    def refuse_content(self, reply: Reply) -> None:
        """Answer DATA with a negative reply; the transaction stays open (RFC 5321, 4.1.1.4 leaves it to RSET)."""
        self._pay(Owed.DATA)
        if self._chunks is None:
            self._say(reply)
        else:
            self._chunks.refuse(reply)

    def abandon_content(self, reply: Reply) -> None:
        """Take no more of the content; `reply`, a negative one, is sent when all of it (of the chunk) has come."""
        if self.phase not in (Phase.CONTENT, Phase.CHUNK, Phase.ANSWER) or self._owed is not None:
            raise LocalProtocolError("there is no content to abandon")
        self._content.refusal = self._content.refusal or reply

    def answer_content(self, reply: Reply | Sequence[Reply]) -> None:
        """Answer the content, which ends the transaction.

        In LMTP there is a reply for each accepted recipient, in order (RFC 2033, 4.2); one alone counts for all. Raises
        ValueError if their number is wrong.
        """
        count = self._recipients.accepted if self.config.lmtp else 1
        replies = (reply,) * count if isinstance(reply, Reply) else tuple(reply)
        if len(replies) != count:
            raise ValueError(f"{len(replies)} replies to the content, and {count} are due")
        self._pay(Owed.CONTENT)
        self._end_transaction(replies)

    def _read_mail(self, argument: str) -> ServerEvent | None:
        if Step.MAIL not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
            return None
        if self.config.needs_auth and self.username is None:
            self._refuse(texts.AUTH_FIRST)
            return None
        if self._transactions >= self.config.max_transactions:
            self._give_up(texts.TOO_MANY_TRANSACTIONS)
            return None
        try:
            command = read_mail(argument, self._rules)
        except CommandError as error:
            self._refuse(error.reply)
            return None
        self._recipients = Recipients(self._rules, self.config.max_recipients, smtputf8=command.smtputf8)
        self._is_binary = command.body == "BINARYMIME"
        self._transactions += 1
        self._owed = Owed.MAIL
        return command

    def _read_rcpt(self, argument: str) -> ServerEvent | None:
        if Step.RCPT not in TABLE[self.phase]:
            self._refuse(texts.MAIL_FIRST)
            return None
        commands = self._recipients.gather(argument, self._lines)
        if not commands:
            for entry in self._recipients.batch:
                if isinstance(entry, Reply) and self.phase is not Phase.CLOSED:
                    self._refuse(entry)
            return None
        self._owed = Owed.RCPT
        return RcptBatch(commands)

    def _answer_rcpt(self, command: RcptCommand, answer: RcptAnswer) -> bool:
        octets, is_accepted = self._recipients.answer(command, answer, enhanced=self._enhanced)
        self._out.append(octets)
        if is_accepted:
            self.phase = TABLE[self.phase][Step.RCPT]
        elif octets.startswith(b"421"):
            self._close()
        elif octets.startswith(b"55"):
            self._refused_recipients += 1
            if self._refused_recipients > self.config.max_refused_recipients:
                self._give_up(texts.TOO_MANY_REFUSED)
        return is_accepted

    def _read_data(self, argument: str) -> ServerEvent | None:
        if argument:
            self._refuse(texts.NO_ARGUMENT)
        elif self._chunks is not None or (self.phase is Phase.RCPT and self._is_binary):
            self._refuse(texts.NO_DATA_HERE)  # RFC 3030, 2 and 3
        elif Step.DATA in TABLE[self.phase]:
            self._owed = Owed.DATA
            return _DATA
        elif self.phase is Phase.MAIL:
            # RFC 2920, 3.1: a pipelining client may send DATA before it knows that no recipient was accepted.
            if self._recipients.refused:
                self._say(texts.NO_VALID_RECIPIENTS)
            else:
                self._refuse(texts.RCPT_FIRST)
        else:
            self._refuse(texts.MAIL_FIRST)
        return None

    def _read_content(self) -> ServerEvent | None:
        event, rest = self._content.feed(self._lines.take_all())
        if rest is not None:
            self._lines.put_back(rest)
            self.phase = TABLE[Phase.CONTENT][Step.DOT]
        elif self._content.is_endless:
            self._say(texts.ENDLESS)
        return event

    def _end_content(self) -> ServerEvent | None:
        refusal = self._content.refusal
        if refusal is None:
            self._owed = Owed.CONTENT
            return _END
        count = self._recipients.accepted if self.config.lmtp else 1
        self._end_transaction((refusal,) * count)
        return None

    def _end_transaction(self, replies: Sequence[Reply]) -> None:
        self.phase = TABLE[self.phase][Step.ANSWER]
        self._chunks = None
        for reply in replies:
            if self.phase is not Phase.CLOSED:
                self._say(reply)

    def _read_bdat(self, argument: str) -> ServerEvent | None:
        """RFC 3030, 2: the chunk's octets follow the line at once, so those of one that is refused are read, too."""
        if "CHUNKING" not in self.config.offered:
            self._refuse(texts.NOT_IMPLEMENTED)
            return None
        size = read_bdat(argument)
        if size is None:
            # where the next command begins is not known
            self._say(texts.BAD_BDAT)
            self._close()
            return None
        is_first = self._chunks is None
        refusal = self._refusal_of_chunk()
        chunks = self._chunks or Chunks()
        self._chunks = chunks
        chunks.begin(*size)
        if refusal is not None:
            chunks.refuse(refusal)
        elif is_first:
            self._owed = Owed.DATA
            return _DATA
        else:
            self.phase = TABLE[self.phase][Step.BDAT]
        return None

    def _refusal_of_chunk(self) -> Reply | None:
        if self.config.needs_tls and not self.is_secure:
            return texts.TLS_FIRST
        if self._chunks is not None and self._chunks.has_failed:
            return texts.BDAT_FAILED
        if Step.BDAT in TABLE[self.phase]:
            return None
        if self.phase is not Phase.MAIL:
            return texts.MAIL_FIRST
        return texts.NO_VALID_RECIPIENTS if self._recipients.refused else texts.RCPT_FIRST

    def _read_chunk(self, chunks: Chunks) -> ServerEvent | None:
        if chunks.is_endless(self.config.max_message_octets):
            self._say(texts.ENDLESS)
            return None
        octets = chunks.take(self._lines)
        return None if chunks.is_refused else self._content.take_chunk(octets)

    def _end_chunk(self, chunks: Chunks) -> ServerEvent | None:
        chunks.is_open = False
        if chunks.is_refused:
            self._refuse_chunk(chunks)
            return None
        if chunks.is_last:
            event = self._content.end_chunks()
            self.phase = TABLE[self.phase][Step.LAST]
            return event
        self.phase = TABLE[self.phase][Step.CHUNK]
        chunks.has_failed = self._content.refusal is not None
        self._say(self._content.refusal or texts.chunk_taken(chunks.size))
        return None

    def _refuse_chunk(self, chunks: Chunks) -> None:
        """Say why; the last chunk of a message ends the transaction, with as many replies as if it had been taken."""
        if chunks.is_last and Step.BDAT in TABLE[self.phase]:
            self._refuse(chunks.refusal)
            for _ in range(self._recipients.accepted - 1 if self.config.lmtp else 0):
                if self.phase is not Phase.CLOSED:
                    self._say(chunks.refusal)
            self._chunks = None
            if self.phase is not Phase.CLOSED:
                self.phase = TABLE[Phase.ANSWER][Step.ANSWER]
            return
        self._refuse(chunks.refusal)
        if self.phase not in IN_TRANSACTION:
            self._chunks = None
