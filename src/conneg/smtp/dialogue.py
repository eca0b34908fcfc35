"""What every part of a server's session stands on: its phase, what it says, what it owes, and when it ends."""

from enum import Enum

from conneg.smtp import texts
from conneg.smtp.config import ServerConfig
from conneg.smtp.lines import LineBuffer
from conneg.smtp.reply import Reply
from conneg.smtp.states import TABLE, LocalProtocolError, Phase, Step


class Owed(Enum):
    """The answer that the driver owes."""

    GREETING = "greet"
    MAIL = "answer_mail"
    RCPT = "answer_rcpts"
    DATA = "accept_content or refuse_content"
    CONTENT = "answer_content"
    VRFY = "answer_vrfy"
    TLS = "secured"
    PASSWORD = "answer_password"  # noqa: S105 - the name of a method
    KEYS = "answer_keys"
    XCLIENT = "answer_xclient"


class Dialogue:
    """`phase`, `config`, `helo`, `esmtp`, `is_secure` and `username` may be looked at."""

    def __init__(self, config: ServerConfig, *, is_secure: bool) -> None:
        self._plain_config = config
        self.config = config.under(is_secure=is_secure)
        self.is_secure = is_secure
        self.phase = Phase.CONNECTED
        self.helo: str | None = None
        self.esmtp = False
        self.username: str | None = None
        self._rules = self.config.rules
        self._lines = LineBuffer()
        self._out: list[bytes] = []
        self._owed: Owed | None = Owed.GREETING
        self._enhanced = False
        self._errors = 0

    def close(self, reply: Reply) -> None:
        """End the session with `reply`, a 421, at once (RFC 5321, 3.8); what the client has sent is dropped."""
        if self.phase is not Phase.CLOSED:
            self._owed = None
            self._say(reply)
            self._close()

    def _begin_again(self, step: Step) -> None:
        self.phase = TABLE[self.phase][step]
        self.helo, self.esmtp, self._enhanced, self.username = None, False, False, None
        self._adapt()

    def _adapt(self) -> None:
        """Take the configuration for what now holds of the session."""
        self.config = self._plain_config.under(
            is_secure=self.is_secure, is_authenticated=self.username is not None
        )
        self._rules = self.config.rules

    def _pay(self, owed: Owed) -> None:
        if self._owed is not owed:
            wanted = "no answer" if self._owed is None else self._owed.value
            raise LocalProtocolError(f"{owed.value} cannot come now: {wanted} is owed")
        self._owed = None

    def _say(self, reply: Reply) -> None:
        self._out.append(reply.encode(self._enhanced))
        if reply.code == 421:
            self._close()

    def _refuse(self, reply: Reply) -> None:
        """Answer a command that the core itself refuses; too many wrong ones (500 to 503) end the session."""
        self._say(reply)
        if reply.code > 503 or reply.code < 500:
            return
        self._errors += 1
        if self._errors > self.config.max_errors:
            self._give_up(texts.TOO_MANY_ERRORS)

    def _give_up(self, reply: Reply) -> None:
        if self.phase is not Phase.CLOSED:
            self._say(reply)

    def _close(self) -> None:
        self.phase = Phase.CLOSED
        self._lines.take_all()
