"""Fuzz target: any octets as what a client says. The server never raises, and what it says is replies, in order."""

from conneg.smtp import (
    ContentChunk,
    ContentEnd,
    DataCommand,
    MailCommand,
    Phase,
    RcptAnswer,
    RcptBatch,
    Reply,
    ReplyReader,
    ServerConfig,
    ServerSession,
    VrfyCommand,
)

_OK = Reply(250, ("ok",), "2.1.0")
_CONFIGS = tuple(
    ServerConfig("mx.example", conneg=mode, bare_newlines=newlines, max_message_octets=200, max_recipients=3)
    for mode in ("on", "off", "ignorant")
    for newlines in ("refuse", "keep")
)


def fuzz_one(data: bytes) -> None:
    """The first two octets choose settings and the size of the pieces; the rest is the stream. Raises only on a bug."""
    if len(data) < 2:
        return
    session = ServerSession(_CONFIGS[data[0] % len(_CONFIGS)])
    session.greet()
    said = session.data_to_send()
    step = data[1] or len(data)
    for at in range(2, len(data), step):
        session.receive_data(data[at : at + step])
        said += _answer(session)
    _check(said, session)


def _answer(session: ServerSession) -> bytes:
    said = b""
    while (event := session.next_event()) is not None:
        match event:
            case MailCommand():
                assert (event.size, event.body, event.ret, event.envid) is not None
                session.answer_mail(_OK)
            case RcptBatch():
                assert all(command.forward_path for command in event.commands)
                session.answer_rcpts(
                    [RcptAnswer(_OK, "(a=1)" if command.conneg else None) for command in event.commands]
                )
            case DataCommand():
                session.accept_content()
            case ContentChunk():
                assert event.octets
                if session.config.bare_newlines == "refuse":
                    pairs = event.octets.count(b"\r\n")
                    assert event.octets.count(b"\r") == event.octets.count(b"\n") == pairs
            case ContentEnd():
                session.answer_content(_OK)
            case VrfyCommand():
                session.answer_vrfy(_OK)
            case _:
                pass
        said += session.data_to_send()
    return said + session.data_to_send()


def _check(said: bytes, session: ServerSession) -> None:
    reader = ReplyReader()
    reader.receive(said)
    last = None
    while (reply := reader.next_reply()) is not None:
        last = reply
    assert not reader.pending
    assert last is not None
    if session.phase is Phase.CLOSED:  # by 501 after BDAT of unknown size
        assert last.code in (221, 421, 501)
    else:
        assert last.code not in (221, 421)
