"""Fuzz target: a server with every extension, a driver that answers anyhow, and somebody watching who knows the RFCs.

`tests.smtp.watching.Watcher` cuts the same octets into commands and content by itself, and holds replies, phase and
what the driver was given against that.
"""

import random

from conneg.smtp import (
    ContentChunk,
    ContentEnd,
    ContentRefused,
    DataCommand,
    KeysWanted,
    MailCommand,
    PasswordClaim,
    RcptAnswer,
    RcptBatch,
    Reply,
    ServerConfig,
    ServerEvent,
    ServerSession,
    StartTlsCommand,
    VrfyCommand,
    XclientCommand,
)
from conneg.smtp.extension import DEFAULT_EXTENSIONS
from conneg.smtp.sasl import MECHANISMS, derive_scram_keys
from tests.smtp.watching import SAID_BY_DRIVER, Watcher

_OK = Reply(250, (f"{SAID_BY_DRIVER} yes",), "2.1.0")
_NO = Reply(550, (f"{SAID_BY_DRIVER} no",), "5.1.1")
_TAKEN = Reply(250, (f"{SAID_BY_DRIVER} content taken",), "2.0.0")
_NOT_TAKEN = Reply(451, (f"{SAID_BY_DRIVER} content not taken",), "4.3.0")
_KEYS = derive_scram_keys("x", salt=b"salt", iterations=4096)
_EXTENSIONS = DEFAULT_EXTENSIONS | {"BINARYMIME", "SMTPUTF8", "REQUIRETLS", "STARTTLS"}
_MOST_OCTETS, _MOST_RECIPIENTS = 300, 3


class _Driver:
    """Answers by chance; keeps what it was given."""

    def __init__(self, session: ServerSession, seed: int) -> None:
        self._session = session
        self._chance = random.Random(seed)
        self._content = bytearray()
        self.said = b""
        self.contents: list[bytes] = []

    def go_on(self) -> None:
        while (event := self._session.next_event()) is not None:
            self._answer(event)
            self.said += self._session.data_to_send()
        self.said += self._session.data_to_send()

    def _is_good(self) -> bool:
        """Decide once for each thing asked, so that it does not matter how the stream is cut."""
        return self._chance.random() < 0.85

    def _answer(self, event: ServerEvent) -> None:
        session = self._session
        match event:
            case MailCommand():
                session.answer_mail(_OK if self._is_good() else _NO)
            case RcptBatch():
                session.answer_rcpts(
                    [RcptAnswer(_OK, "(a=1)") if self._is_good() else RcptAnswer(_NO) for _ in event.commands]
                )
            case DataCommand():
                self._content.clear()
                if self._is_good():
                    session.accept_content()
                else:
                    session.refuse_content(_NO)
            case ContentChunk():
                self._content += event.octets
            case ContentRefused():
                self._content.clear()
            case ContentEnd():
                self.contents.append(bytes(self._content))
                session.answer_content(_TAKEN if self._is_good() else _NOT_TAKEN)
            case VrfyCommand():
                session.answer_vrfy(_OK)
            case StartTlsCommand():
                session.secured()
            case PasswordClaim():
                session.answer_password(self._is_good())
            case KeysWanted():
                session.answer_keys(_KEYS if self._is_good() else None)
            case XclientCommand():
                session.answer_xclient(session.config)
            case _:
                pass


def fuzz_one(data: bytes) -> None:
    """Three octets choose settings, the driver's chances and the size of the pieces; the rest is the stream."""
    if len(data) >= 3:
        replies_to(data)


def replies_to(data: bytes) -> bytes:
    """Do so, and return all that the server has said."""
    choice, seed, step, stream = data[0], data[1], data[2] or 1000, data[3:]
    auth = MECHANISMS if choice & 2 else ()
    config = ServerConfig(
        "mx.example",
        extensions=_EXTENSIONS,
        lmtp=bool(choice & 1),
        auth=auth,
        needs_tls=bool(choice & 4),
        needs_auth=bool(choice & 8) and bool(auth),
        xclient=bool(choice & 16),
        bare_newlines="keep" if choice & 32 else "refuse",
        max_message_octets=_MOST_OCTETS,
        max_recipients=_MOST_RECIPIENTS,
        decoy_secret=b"fuzz",
    )
    session = ServerSession(config, is_secure=bool(choice & 64))
    session.greet()
    driver = _Driver(session, seed)
    driver.go_on()
    for at in range(0, len(stream), step):
        session.receive_data(stream[at : at + step])
        driver.go_on()
    watcher = Watcher(
        lmtp=config.lmtp,
        needs_tls=config.needs_tls,
        needs_auth=config.needs_auth,
        is_secure=bool(choice & 64),
        refuses_bare=config.bare_newlines == "refuse",
        max_octets=_MOST_OCTETS,
        max_recipients=_MOST_RECIPIENTS,
    )
    watcher.watch(stream, driver.said)
    assert session.phase in watcher.phases, (session.phase, watcher.phases)
    assert watcher.contents == driver.contents
    assert session.backlog <= max(len(stream), 0)
    return driver.said
