"""The states of an SMTP session and every step between them, for both sides in one table.

Neither side owns the table: the server asks it whether a command may come now (and answers 503 if not), the client
whether a command may be sent now (and raises if not), so the two cannot drift apart. A step is taken when its positive
reply is sent or read; a negative reply leaves the phase as it is, but for `ANSWER`, which ends a transaction whatever
the reply to the content is (RFC 5321, 4.1.1.4).
"""

from enum import StrEnum

from conneg.errors import ConnegError


class LocalProtocolError(ConnegError):
    """Our own side asked a session for what cannot be done in its present phase."""


class Phase(StrEnum):
    """Where a session is."""

    CONNECTED = "connected"
    """The connection is there; the greeting is not."""
    GREETED = "greeted"
    """220 has been said; the client has not introduced itself."""
    READY = "ready"
    """No transaction."""
    MAIL = "mail"
    """A transaction with a reverse-path and no recipient yet."""
    RCPT = "rcpt"
    """A transaction with at least one recipient."""
    CONTENT = "content"
    """354 has been said; octets are content until the final dot."""
    CHUNK = "chunk"
    """Octets are those of a BDAT chunk, as many as it said (RFC 3030)."""
    CHUNKED = "chunked"
    """A chunk has been taken and was not the last one."""
    ANSWER = "answer"
    """All of the content has come; the reply to it has not."""
    CLOSED = "closed"
    """Nothing more will be said."""


class Step(StrEnum):
    """What takes a session from one phase to another."""

    GREET = "220"
    HELLO = "EHLO, HELO or LHLO"
    STARTTLS = "STARTTLS"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    DOT = "final dot"
    BDAT = "BDAT"
    CHUNK = "end of a chunk"
    LAST = "end of the last chunk"
    AUTH = "AUTH"
    XCLIENT = "XCLIENT"
    ANSWER = "reply to the content"
    RESET = "RSET"
    QUIT = "QUIT"
    CLOSE = "connection closed"


TABLE: dict[Phase, dict[Step, Phase]] = {
    Phase.CONNECTED: {Step.GREET: Phase.GREETED, Step.QUIT: Phase.CLOSED, Step.CLOSE: Phase.CLOSED},
    # RSET, NOOP, VRFY, HELP and QUIT need no EHLO before them (RFC 5321, 4.1.4).
    Phase.GREETED: {
        Step.HELLO: Phase.READY,
        Step.RESET: Phase.GREETED,
        Step.QUIT: Phase.CLOSED,
        Step.CLOSE: Phase.CLOSED,
    },
    Phase.READY: {
        Step.HELLO: Phase.READY,
        # "discard any knowledge obtained from the client" (RFC 3207, 4.2)
        Step.STARTTLS: Phase.GREETED,
        Step.AUTH: Phase.READY,
        # as if another client had connected (Postfix's XCLIENT_README)
        Step.XCLIENT: Phase.GREETED,
        Step.MAIL: Phase.MAIL,
        Step.RESET: Phase.READY,
        Step.QUIT: Phase.CLOSED,
        Step.CLOSE: Phase.CLOSED,
    },
    # EHLO in a transaction is RSET and EHLO (RFC 5321, 4.1.4).
    Phase.MAIL: {
        Step.HELLO: Phase.READY,
        Step.RCPT: Phase.RCPT,
        Step.RESET: Phase.READY,
        Step.QUIT: Phase.CLOSED,
        Step.CLOSE: Phase.CLOSED,
    },
    Phase.RCPT: {
        Step.HELLO: Phase.READY,
        Step.RCPT: Phase.RCPT,
        Step.DATA: Phase.CONTENT,
        Step.BDAT: Phase.CHUNK,
        Step.RESET: Phase.READY,
        Step.QUIT: Phase.CLOSED,
        Step.CLOSE: Phase.CLOSED,
    },
    Phase.CONTENT: {Step.DOT: Phase.ANSWER, Step.CLOSE: Phase.CLOSED},
    Phase.CHUNK: {Step.CHUNK: Phase.CHUNKED, Step.LAST: Phase.ANSWER, Step.CLOSE: Phase.CLOSED},
    # DATA may not follow BDAT, nor a recipient (RFC 3030, 2 and 4.2).
    Phase.CHUNKED: {
        Step.HELLO: Phase.READY,
        Step.BDAT: Phase.CHUNK,
        Step.RESET: Phase.READY,
        Step.QUIT: Phase.CLOSED,
        Step.CLOSE: Phase.CLOSED,
    },
    Phase.ANSWER: {Step.ANSWER: Phase.READY, Step.CLOSE: Phase.CLOSED},
    Phase.CLOSED: {},
}

IN_TRANSACTION = frozenset({Phase.MAIL, Phase.RCPT, Phase.CONTENT, Phase.CHUNK, Phase.CHUNKED, Phase.ANSWER})
"""The phases in which something would be lost if the session ended."""


def after(phase: Phase, step: Step) -> Phase | None:
    """Return the phase that `step` leads to, or None if it cannot be taken in `phase`."""
    return TABLE[phase].get(step)
