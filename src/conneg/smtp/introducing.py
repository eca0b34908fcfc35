"""Who the client is, and over what channel: STARTTLS, AUTH, XCLIENT, and the answers to them."""

from conneg.smtp import texts
from conneg.smtp.authentication import Authentication, AuthStep
from conneg.smtp.config import ServerConfig
from conneg.smtp.dialogue import Dialogue, Owed
from conneg.smtp.events import Authenticated, ServerEvent, StartTlsCommand, XclientCommand
from conneg.smtp.lines import BadLine
from conneg.smtp.reply import Reply
from conneg.smtp.sasl import KeysWanted, PasswordClaim, ScramKeys
from conneg.smtp.states import TABLE, Phase, Step
from conneg.smtp.xclient import read_xclient

_START_TLS = StartTlsCommand()


class Introducing(Dialogue):
    """The part of a session that finds out with whom it is."""

    def __init__(self, config: ServerConfig, *, is_secure: bool) -> None:
        super().__init__(config, is_secure=is_secure)
        self._authentication: Authentication | None = None
        self._authenticated: Authenticated | None = None
        self._auth_failures = 0

    def secured(self) -> None:
        """Go on under TLS: all that the client said before is forgotten (RFC 3207, 4.2)."""
        self._pay(Owed.TLS)
        self.is_secure = True
        self._begin_again(Step.STARTTLS)
        self._lines.take_all()

    def answer_password(self, is_right: bool | None) -> None:
        """Answer the `PasswordClaim`; None if it cannot be told now (454)."""
        self._pay(Owed.PASSWORD)
        if is_right is None or self._authentication is None:
            self._say(texts.AUTH_UNAVAILABLE)
        else:
            self._take_auth(self._authentication.check(is_right))

    def answer_keys(self, keys: ScramKeys | None, *, is_available: bool = True) -> None:
        """Answer the `KeysWanted`: the user's keys, None if there is no such user, or that it cannot be told now."""
        self._pay(Owed.KEYS)
        if not is_available or self._authentication is None:
            self._say(texts.AUTH_UNAVAILABLE)
        else:
            self._take_auth(self._authentication.keys(keys))

    def answer_xclient(self, config: ServerConfig, refusal: Reply | None = None) -> None:
        """Greet the client for whom the proxy speaks, to whom `config` applies, or say `refusal` and end the session.

        All that was said before is forgotten; the proxy's EHLO follows, and may have come already.
        """
        self._pay(Owed.XCLIENT)
        self._plain_config = config
        self._begin_again(Step.XCLIENT)
        if refusal is not None:
            self._say(refusal)
            self._close()
            return
        self._say(Reply(220, (f"{self.config.hostname} {self.config.banner}".rstrip(),)))

    def _read_starttls(self, argument: str) -> ServerEvent | None:
        """RFC 3207, 4. What stands behind the command was not sent to whoever will be at the other end of TLS."""
        if self.is_secure:
            self._refuse(texts.ALREADY_SECURE)
        elif "STARTTLS" not in self.config.offered:
            self._refuse(texts.NOT_IMPLEMENTED)
        elif argument:
            self._refuse(texts.NO_ARGUMENT)
        elif Step.STARTTLS not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
        elif self._lines:
            self._say(texts.BEHIND_STARTTLS)
        else:
            self._say(texts.READY_FOR_TLS)
            self._owed = Owed.TLS
            return _START_TLS
        return None

    def _read_auth(self, argument: str) -> ServerEvent | None:
        if not self._plain_config.auth:
            self._refuse(texts.NOT_IMPLEMENTED)
        elif self.username is not None:
            self._refuse(texts.AUTH_AGAIN)
        elif Step.AUTH not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
        else:
            self._authentication = Authentication(self.config)
            return self._take_auth(self._authentication.begin(argument))
        return None

    def _read_response(self, line: bytes | BadLine, authentication: Authentication) -> ServerEvent | None:
        if isinstance(line, BadLine):
            authentication.is_open = False
            return self._take_auth(texts.AUTH_LONG if line is BadLine.LONG else texts.BARE)
        return self._take_auth(authentication.respond(line))

    def _take_auth(self, step: AuthStep) -> ServerEvent | None:
        if isinstance(step, PasswordClaim):
            self._owed = Owed.PASSWORD
            return step
        if isinstance(step, KeysWanted):
            self._owed = Owed.KEYS
            return step
        if step is texts.AUTH_FAILED:
            self._auth_failures += 1
            self._say(step)
            if self._auth_failures >= self.config.max_auth_failures:
                self._give_up(texts.TOO_MANY_AUTH_FAILURES)
        elif step is texts.AUTHENTICATED and self._authentication is not None:
            self._say(step)
            self.username = self._authentication.username
            self._adapt()
            self._authenticated = Authenticated(self.username or "")
        elif step.code == 334:
            self._say(step)
        else:
            self._refuse(step)
        return None

    def _read_xclient(self, argument: str) -> ServerEvent | None:
        if not self.config.xclient:
            self._refuse(texts.NOT_IMPLEMENTED)
            return None
        if Step.XCLIENT not in TABLE[self.phase]:
            self._refuse(texts.HELLO_FIRST if self.phase is Phase.GREETED else texts.NESTED_MAIL)
            return None
        attributes = read_xclient(argument)
        if attributes is None:
            self._refuse(texts.BAD_XCLIENT)
            return None
        self._owed = Owed.XCLIENT
        return XclientCommand(attributes)
