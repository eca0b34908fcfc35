"""SMTP on asyncio and uvloop: `start_listener` serves an `SmtpHandler`, `connect` opens a session with a server.

The dialogue itself is `conneg.smtp`; here are sockets, deadlines, flow control and limits.
"""

from conneg.net.connector import DeadlineError, RefusedError, SmtpClient, Transcript, connect
from conneg.net.dane import DaneError, TlsaRecord
from conneg.net.deadlines import Deadlines
from conneg.net.handler import MessageSink, Peer, SessionInfo, SmtpHandler
from conneg.net.listener import Listener, ListenerLimits, new_listener, start_listener
from conneg.net.securing import ClientTls, TlsPolicy, TlsUnavailableError
from conneg.net.tls import CertificateFiles, ServerTls, TlsChannel, TlsError
from conneg.smtp import MailCommand, RcptAnswer, RcptCommand, RcptRequest, RcptResult, TransactionOpened

__all__ = [
    "CertificateFiles",
    "ClientTls",
    "DaneError",
    "DeadlineError",
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
    "RefusedError",
    "ServerTls",
    "SessionInfo",
    "SmtpClient",
    "SmtpHandler",
    "TlsChannel",
    "TlsError",
    "TlsPolicy",
    "TlsUnavailableError",
    "TlsaRecord",
    "TransactionOpened",
    "Transcript",
    "connect",
    "new_listener",
    "start_listener",
]
