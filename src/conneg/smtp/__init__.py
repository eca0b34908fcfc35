"""SMTP sessions with content negotiation, sans-IO: octets in, events out; answers in, octets out.

`ServerSession` and `ClientSession` are the two sides; they share the table of `conneg.smtp.states`. Nothing here opens
a socket, reads a clock, starts a task or writes a log: `conneg.net` does. CONNEG is that of
draft-ietf-fax-esmtp-conneg-03, with RFC 4141's spelling understood.
"""

from conneg.smtp.client import ClientConfig, ClientSession, SessionEndedError
from conneg.smtp.command import CommandError, EnvelopeSyntaxError, MailCommand, RcptCommand, RcptRequest
from conneg.smtp.config import ConnegSupport, ServerConfig
from conneg.smtp.conneg import (
    CapabilityFlag,
    CapabilityRead,
    ConnegArgument,
    is_not_supported,
    not_supported,
    read_capability,
    unavailable,
    write_capability_reply,
)
from conneg.smtp.data import BareNewlineError, ContentReader, ContentWriter, write_content
from conneg.smtp.events import (
    ClientEvent,
    CommandAnswered,
    ContentAnswered,
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataAnswered,
    DataCommand,
    Hello,
    RcptAnswer,
    RcptBatch,
    RcptResult,
    ServerEvent,
    SessionEnd,
    SessionReady,
    SessionRefused,
    StartTlsAnswered,
    StartTlsCommand,
    TransactionOpened,
    TransactionReset,
    VrfyCommand,
)
from conneg.smtp.reply import RemoteProtocolError, Reply, ReplyError, ReplyReader, Verdict, read_reply_lines
from conneg.smtp.server import ServerSession
from conneg.smtp.states import LocalProtocolError, Phase, Step

__all__ = [
    "BareNewlineError",
    "CapabilityFlag",
    "CapabilityRead",
    "ClientConfig",
    "ClientEvent",
    "ClientSession",
    "CommandAnswered",
    "CommandError",
    "ConnegArgument",
    "ConnegSupport",
    "ContentAnswered",
    "ContentChunk",
    "ContentEnd",
    "ContentReader",
    "ContentRefused",
    "ContentWriter",
    "DataAnswered",
    "DataCommand",
    "EnvelopeSyntaxError",
    "Hello",
    "LocalProtocolError",
    "MailCommand",
    "Phase",
    "RcptAnswer",
    "RcptBatch",
    "RcptCommand",
    "RcptRequest",
    "RcptResult",
    "RemoteProtocolError",
    "Reply",
    "ReplyError",
    "ReplyReader",
    "ServerConfig",
    "ServerEvent",
    "ServerSession",
    "SessionEnd",
    "SessionEndedError",
    "SessionReady",
    "SessionRefused",
    "StartTlsAnswered",
    "StartTlsCommand",
    "Step",
    "TransactionOpened",
    "TransactionReset",
    "Verdict",
    "VrfyCommand",
    "is_not_supported",
    "not_supported",
    "read_capability",
    "read_reply_lines",
    "unavailable",
    "write_capability_reply",
    "write_content",
]
