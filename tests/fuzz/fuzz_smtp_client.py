"""Fuzz target: any octets as what a server says. The client raises nothing but its own errors, and ends."""

from conneg.errors import ConnegError
from conneg.smtp import (
    AuthAnswered,
    ChunkAnswered,
    ClientConfig,
    ClientSession,
    CommandAnswered,
    ConnegArgument,
    ContentAnswered,
    DataAnswered,
    LocalProtocolError,
    Phase,
    RcptRequest,
    SessionReady,
    StartTlsAnswered,
    TransactionOpened,
)

_REQUESTS = [
    RcptRequest("a@b", ConnegArgument.REQUIRED),
    RcptRequest("c@d", ConnegArgument.OPTIONAL),
    RcptRequest("e@f"),
]
_YIELDING_REQUESTS = [RcptRequest("a@b", ConnegArgument.REQUIRED, or_without=True), *_REQUESTS[1:]]
_PLAIN_REQUESTS = [RcptRequest("a@b"), RcptRequest("c@d")]
_GREETING = (
    b"220 mx.example\r\n250-mx.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-STARTTLS\r\n"
    b"250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n250-CONNEG\r\n250 DSN\r\n"
)
_LMTP, _BOTH, _GREETED, _AUTH, _TLS, _CHUNKS, _GROUPED, _YIELDING = (1 << bit for bit in range(8))


def fuzz_one(data: bytes) -> None:
    """The first two octets choose settings and the size of the pieces; the rest is the stream. Raises only on a bug."""
    if len(data) < 2:
        return
    choice = data[0]
    config = ClientConfig(
        "client.example", lmtp=bool(choice & _LMTP), dialect="both" if choice & _BOTH else "draft"
    )
    session = ClientSession(config)
    stream = (_GREETING if choice & _GREETED else b"") + data[2:]
    step = data[1] or len(stream) or 1
    try:
        for at in range(0, len(stream), step):
            session.receive_data(stream[at : at + step])
            _go_on(session, choice)
        session.receive_eof()
    except ConnegError:
        pass
    said = session.data_to_send()
    assert not said or said.endswith(b"\r\n")


def _go_on(session: ClientSession, choice: int) -> None:
    while (event := session.next_event()) is not None:
        if session.phase is Phase.CLOSED:
            return
        match event:
            case SessionReady() if choice & _TLS and not session.is_secure and session.supports("STARTTLS"):
                session.starttls()
            case StartTlsAnswered() if event.reply.is_positive:
                session.secured()
            case SessionReady() if choice & _AUTH:
                _authenticate(session, choice)
            case SessionReady() | ContentAnswered() | AuthAnswered() | StartTlsAnswered():
                _open(session, choice)
            case TransactionOpened():
                _check(event)
                _send(session, choice)
            case DataAnswered():
                if session.phase is Phase.CONTENT:
                    session.send_content(b"x\r\n")
                    session.end_content()
                else:
                    session.quit()
            case ChunkAnswered():
                if event.reply.is_positive:
                    session.send_chunk(b"y", is_last=True)
                else:
                    session.reset()
            case CommandAnswered():
                session.quit()


def _authenticate(session: ClientSession, choice: int) -> None:
    try:
        session.authenticate("june", "swordfish")
    except LocalProtocolError:  # nothing is offered that can be used
        _open(session, choice)


def _open(session: ClientSession, choice: int) -> None:
    if choice & _GROUPED and session.supports("PIPELINING"):
        session.open_transaction("", _PLAIN_REQUESTS, with_data=True)
    else:
        session.open_transaction("", _YIELDING_REQUESTS if choice & _YIELDING else _REQUESTS)


def _send(session: ClientSession, choice: int) -> None:
    if session.awaited:  # DATA has gone with RCPT
        return
    if session.phase is not Phase.RCPT:
        session.reset()
    elif choice & _CHUNKS and session.supports("CHUNKING"):
        session.send_chunk(b"x\r\n", is_last=False)
    else:
        session.send_data()


def _check(event: TransactionOpened) -> None:
    assert len(event.rcpts) in ((len(_REQUESTS), len(_PLAIN_REQUESTS)) if event.mail.is_positive else (0,))
    for result in event.rcpts:
        assert result.capability is None or result.reply.is_positive
        assert not (result.repeated and result.asked is ConnegArgument.REQUIRED)
