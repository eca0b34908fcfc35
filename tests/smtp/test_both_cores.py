"""Both cores wired to each other: what the client is told was taken is what the driver took, octet for octet."""

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.smtp import (
    AuthAnswered,
    ChunkAnswered,
    ClientConfig,
    ClientEvent,
    ClientSession,
    CommandAnswered,
    ConnegArgument,
    ContentAnswered,
    ContentChunk,
    ContentEnd,
    DataAnswered,
    DataCommand,
    KeysWanted,
    MailCommand,
    Phase,
    RcptAnswer,
    RcptBatch,
    RcptRequest,
    Reply,
    ServerConfig,
    ServerSession,
    SessionReady,
    TransactionOpened,
)
from conneg.smtp.sasl import MECHANISMS, derive_scram_keys

_OK, _NO, _LATER = Reply(250, ("ok",), "2.0.0"), Reply(550, ("no",), "5.1.1"), Reply(451, ("later",), "4.3.0")
_KEYS = derive_scram_keys("swordfish", salt=b"salt", iterations=4096)
_CAPABILITY = "(& (color=Binary) (image-coding=[MH,MR]))"

lines = st.lists(
    st.sampled_from([b"", b".", b"..", b".x", b"text", b"QUIT", b"x" * 900, "ü".encode()]), max_size=5
)
contents = lines.map(lambda found: b"".join(line + b"\r\n" for line in found))


@dataclass
class Message:
    """What a caller wants: how to ask for each recipient, whom the driver takes, the content and how it is sent."""

    asked: list[ConnegArgument | None]
    taken: list[bool]
    content: bytes
    pieces: int
    way: str
    is_taken: bool


messages = st.builds(
    Message,
    asked=st.lists(st.sampled_from([None, *ConnegArgument]), min_size=4, max_size=4),
    taken=st.lists(st.booleans(), min_size=4, max_size=4),
    content=contents,
    pieces=st.integers(1, 3),
    way=st.sampled_from(["DATA", "BDAT", "DATA with RCPT"]),
    is_taken=st.booleans(),
)


@dataclass
class Wire:
    """The two cores, the octets between them cut by chance, and a driver that does as the message in hand says."""

    client: ClientSession
    server: ServerSession
    chance: random.Random
    message: Message | None = None
    content: bytes = b""
    kept: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)
    recipients: tuple[str, ...] = ()

    def run(self) -> ClientEvent:
        """Carry octets until the client has an event."""
        while (event := self.client.next_event()) is None:
            to_server, to_client = self.client.data_to_send(), b""
            for piece in self._cut(to_server):
                self.server.receive_data(piece)
                to_client += self._serve()
            to_client += self._serve()
            assert to_server or to_client, "both wait for each other"
            for piece in self._cut(to_client):
                self.client.receive_data(piece)
        return event

    def _cut(self, octets: bytes) -> list[bytes]:
        size = self.chance.choice([1, 3, 50, 10_000])
        return [octets[at : at + size] for at in range(0, len(octets), size)]

    def _serve(self) -> bytes:
        while (event := self.server.next_event()) is not None:
            match event:
                case MailCommand():
                    self.content, self.recipients = b"", ()
                    self.server.answer_mail(_OK)
                case RcptBatch():
                    assert self.message is not None
                    answers = []
                    for command in event.commands:
                        is_taken = self.message.taken[int(command.forward_path[0])]
                        answers.append(RcptAnswer(_OK, _CAPABILITY) if is_taken else RcptAnswer(_NO))
                        self.recipients += (command.forward_path,) * is_taken
                    assert self.server.answer_rcpts(answers) == tuple(one.reply is _OK for one in answers)
                case DataCommand():
                    self.server.accept_content()
                case ContentChunk():
                    self.content += event.octets
                case ContentEnd():
                    assert self.message is not None
                    if self.message.is_taken:
                        self.kept.append((self.recipients, self.content))
                    self.server.answer_content(_OK if self.message.is_taken else _LATER)
                case KeysWanted():
                    self.server.answer_keys(_KEYS if event.username == "june" else None)
                case _:
                    pass
        return self.server.data_to_send()


@settings(max_examples=250, deadline=None)
@given(
    st.lists(messages, max_size=5),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_what_the_client_is_told_is_what_the_server_has(
    wanted: list[Message], lmtp: bool, pipelining: bool, with_auth: bool, chance: random.Random
) -> None:
    config = ServerConfig("mx.example", lmtp=lmtp, auth=MECHANISMS, needs_auth=with_auth)
    if not pipelining:
        config = ServerConfig(
            "mx.example", lmtp=lmtp, auth=MECHANISMS, needs_auth=with_auth,
            extensions=config.extensions - {"PIPELINING"},
        )  # fmt: skip
    server = ServerSession(config)
    server.greet()
    wire = Wire(ClientSession(ClientConfig("c.example", lmtp=lmtp)), server, chance)
    client = wire.client
    assert isinstance(wire.run(), SessionReady)
    if with_auth:
        client.authenticate("anna", "swordfish")
        assert isinstance(event := wire.run(), AuthAnswered)
        assert event.reply.code == 535
        client.authenticate("june", "swordfish")
        assert isinstance(event := wire.run(), AuthAnswered)
        assert event.reply.code == 235
    told = []
    for message in wanted:
        found = _send(wire, message, pipelining=pipelining)
        if found is not None:
            told.append((found, message.content))
    client.quit()
    assert isinstance(wire.run(), CommandAnswered)
    assert told == wire.kept
    assert client.phase is server.phase is Phase.CLOSED


def _send(wire: Wire, message: Message, *, pipelining: bool) -> tuple[str, ...] | None:
    """Send one message; return the recipients for whom it was taken, None if it was not."""
    client, wire.message = wire.client, message
    is_grouped = message.way == "DATA with RCPT" and pipelining
    requests = [
        RcptRequest(f"{number}@d.example", None if is_grouped else argument)
        for number, argument in enumerate(message.asked)
    ]
    client.open_transaction("a@b.example", requests, with_data=is_grouped)
    opened = wire.run()
    assert isinstance(opened, TransactionOpened)
    for request, result, is_taken in zip(requests, opened.rcpts, message.taken, strict=True):
        assert result.reply.is_positive == is_taken
        assert (result.capability is not None) == (is_taken and request.conneg is not None)
        if result.capability is not None:
            assert result.capability.expression == _CAPABILITY
    accepted = tuple(result.request_path for result in opened.rcpts if result.reply.is_positive)
    if not accepted and not is_grouped:
        client.reset()
        assert isinstance(wire.run(), CommandAnswered)
        return None
    if message.way == "BDAT":
        return accepted if _send_chunks(wire, message) else None
    if not is_grouped:
        client.send_data()
    answered = wire.run()
    assert isinstance(answered, DataAnswered)
    if client.phase is not Phase.CONTENT:
        assert not accepted
        client.reset()
        assert isinstance(wire.run(), CommandAnswered)
        return None
    for piece in _pieces(message):
        client.send_content(piece)
    client.end_content()
    return accepted if _is_taken(wire.run(), len(accepted), client) else None


def _send_chunks(wire: Wire, message: Message) -> bool:
    *first, last = _pieces(message)
    for piece in first:
        wire.client.send_chunk(piece, is_last=False)
        answered = wire.run()
        assert isinstance(answered, ChunkAnswered)
        assert answered.reply.is_positive
    wire.client.send_chunk(last, is_last=True)
    return _is_taken(wire.run(), sum(message.taken), wire.client)


def _is_taken(event: ClientEvent, accepted: int, client: ClientSession) -> bool:
    assert isinstance(event, ContentAnswered)
    assert len(event.replies) == (accepted if client.config.lmtp else 1)
    return event.replies[0].is_positive


def _pieces(message: Message) -> list[bytes]:
    size = len(message.content) // message.pieces + 1
    return [message.content[at : at + size] for at in range(0, len(message.content), size)] or [b""]
