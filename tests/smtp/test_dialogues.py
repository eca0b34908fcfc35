"""The examples of draft-ietf-fax-esmtp-conneg-03, section 6, octet for octet, through both cores."""

import pytest

from conneg.smtp import (
    ClientConfig,
    ClientSession,
    CommandAnswered,
    ContentAnswered,
    DataAnswered,
    Phase,
    ServerSession,
    SessionReady,
    TransactionOpened,
)

from .dialogue import Dialogue, answer_all, dialogues, octets


def test_every_example_of_the_draft_is_there() -> None:
    names = [dialogue.name for core in ("server", "client", "smtplib") for dialogue in dialogues(core)]
    assert {name.split("-")[0] for name in names} >= {"6.1", "6.2", "6.3", "6.4", "6.5"}


@pytest.mark.shows("S-1", "S-2", "S-3", "S-4", "S-5", "S-6", "S-7", "A5-17", "A5-18")
@pytest.mark.parametrize("dialogue", dialogues("server"), ids=lambda d: d.name)
def test_server(dialogue: Dialogue) -> None:
    session = ServerSession(dialogue.config)
    session.greet()
    for side, lines in dialogue.turns:
        if side == "C":
            session.receive_data(octets(lines))
        else:
            assert answer_all(session, dialogue.head["recipient"]) == octets(lines)
    assert session.phase is Phase.CLOSED


@pytest.mark.shows("C-1", "C-3", "A5-1")
@pytest.mark.parametrize("dialogue", dialogues("client"), ids=lambda d: d.name)
def test_client(dialogue: Dialogue) -> None:
    session = ClientSession(ClientConfig("ifax1.jp"))
    opened: list[TransactionOpened] = []
    for side, lines in dialogue.turns:
        if side == "S":
            session.receive_data(octets(lines))
            while (event := session.next_event()) is not None:
                if isinstance(event, TransactionOpened):
                    opened.append(event)
                elif isinstance(event, DataAnswered):
                    assert event.reply.code == 354
                elif isinstance(event, ContentAnswered):
                    assert [reply.code for reply in event.replies] == [250]
                else:
                    assert isinstance(event, SessionReady | CommandAnswered)
        else:
            ask(session, dialogue, lines)
            assert session.data_to_send() == octets(lines)
    assert session.phase is Phase.CLOSED
    check_result(dialogue, opened[0])


def ask(session: ClientSession, dialogue: Dialogue, lines: tuple[str, ...]) -> None:
    """Ask the client for what leads to these lines; EHLO, and RCPT after MAIL, it says by itself."""
    match lines[0].split()[0]:
        case "MAIL":
            session.open_transaction("May@ifax2.jp", dialogue.requests)
        case "DATA":
            session.send_data()
        case "RSET":
            session.reset()
        case "QUIT":
            session.quit()
        case "EHLO" | "RCPT":
            pass
        case _:
            session.send_content(octets(lines[:-1]))
            session.end_content()


def check_result(dialogue: Dialogue, opened: TransactionOpened) -> None:
    (result,) = opened.rcpts
    wants = dialogue.head.get("wants", "known")
    if wants.isdigit():
        assert result.reply.code == int(wants)
        assert result.capability is None
    elif wants == "nothing":
        assert result.reply.is_positive
        assert result.capability is None
    else:
        assert result.capability is not None
        expression = result.capability.expression
        assert expression is not None
        assert "".join(expression.split()) == "".join(dialogue_capability(dialogue).split())


def dialogue_capability(dialogue: Dialogue) -> str:
    if "wants" in dialogue.head:
        return dialogue.head["wants"]
    return "".join(line.partition("CONNEG ")[2] for line in dialogue.said_by_server if "CONNEG (" in line)
