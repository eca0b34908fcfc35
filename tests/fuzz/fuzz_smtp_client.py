"""Fuzz target: any octets as what a server says. The client raises nothing but its own errors, and ends."""

from conneg.errors import ConnegError
from conneg.smtp import (
    ClientConfig,
    ClientSession,
    CommandAnswered,
    ConnegArgument,
    ContentAnswered,
    DataAnswered,
    Phase,
    RcptRequest,
    SessionReady,
    TransactionOpened,
)

_REQUESTS = [
    RcptRequest("a@b", ConnegArgument.REQUIRED),
    RcptRequest("c@d", ConnegArgument.OPTIONAL),
    RcptRequest("e@f"),
]
_GREETING = b"220 mx.example\r\n250-mx.example\r\n250-PIPELINING\r\n250-CONNEG\r\n250 DSN\r\n"


def fuzz_one(data: bytes) -> None:
    """The first two octets choose settings and the size of the pieces; the rest is the stream. Raises only on a bug."""
    if len(data) < 2:
        return
    config = ClientConfig(
        "client.example", lmtp=bool(data[0] & 1), dialect="both" if data[0] & 2 else "draft"
    )
    session = ClientSession(config)
    stream = (_GREETING if data[0] & 4 else b"") + data[2:]
    step = data[1] or len(stream) or 1
    try:
        for at in range(0, len(stream), step):
            session.receive_data(stream[at : at + step])
            _go_on(session)
        session.receive_eof()
    except ConnegError:
        pass
    said = session.data_to_send()
    assert not said or said.endswith(b"\r\n")


def _go_on(session: ClientSession) -> None:
    while (event := session.next_event()) is not None:
        if session.phase is Phase.CLOSED:
            return
        match event:
            case SessionReady() | ContentAnswered():
                session.open_transaction("", _REQUESTS)
            case TransactionOpened():
                _check(event)
                if session.phase is Phase.RCPT:
                    session.send_data()
                else:
                    session.reset()
            case DataAnswered():
                if session.phase is Phase.CONTENT:
                    session.send_content(b"x\r\n")
                    session.end_content()
                else:
                    session.quit()
            case CommandAnswered():
                session.quit()


def _check(event: TransactionOpened) -> None:
    assert len(event.rcpts) == (len(_REQUESTS) if event.mail.is_positive else 0)
    for result in event.rcpts:
        assert result.capability is None or result.reply.is_positive
        assert not (result.repeated and result.asked is ConnegArgument.REQUIRED)
