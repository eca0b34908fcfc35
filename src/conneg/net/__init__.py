"""SMTP on asyncio: the server's listener and the client's connector around the sans-IO sessions of `conneg.smtp`."""

from conneg.net.connector import (
    ConnectionLostError,
    Deadlines,
    RcptResult,
    SmtpClient,
    TransactionOpened,
    Transcript,
    connect,
)
from conneg.net.listener import (
    Listener,
    ListenerLimits,
    MessageSink,
    Peer,
    RcptAnswer,
    SessionInfo,
    SmtpHandler,
    start_listener,
)
from conneg.smtp import MailCommand, RcptCommand, RcptRequest

__all__ = [
    "ConnectionLostError",
    "Deadlines",
    "Listener",
    "ListenerLimits",
    "MailCommand",
    "MessageSink",
    "Peer",
    "RcptAnswer",
    "RcptCommand",
    "RcptRequest",
    "RcptResult",
    "SessionInfo",
    "SmtpClient",
    "SmtpHandler",
    "TransactionOpened",
    "Transcript",
    "connect",
    "start_listener",
]
