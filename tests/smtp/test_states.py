"""The table of states: complete, and what RFC 5321 says of the order of commands (4.1.4)."""

from conneg.smtp.states import IN_TRANSACTION, TABLE, Phase, Step, after


def test_every_phase_has_a_row_and_can_be_left() -> None:
    assert set(TABLE) == set(Phase)
    for phase, row in TABLE.items():
        assert phase is Phase.CLOSED or row[Step.CLOSE] is Phase.CLOSED


def test_every_phase_can_be_reached() -> None:
    reached, new = {Phase.CONNECTED}, {Phase.CONNECTED}
    while new:
        new = {to for phase in new for to in TABLE[phase].values()} - reached
        reached |= new
    assert reached == set(Phase)


def test_order_of_commands() -> None:
    assert after(Phase.GREETED, Step.MAIL) is None
    assert after(Phase.READY, Step.RCPT) is None
    assert after(Phase.MAIL, Step.MAIL) is None
    assert after(Phase.MAIL, Step.DATA) is None
    assert after(Phase.RCPT, Step.RCPT) is Phase.RCPT
    assert after(Phase.RCPT, Step.HELLO) is Phase.READY
    for phase in IN_TRANSACTION - {Phase.CONTENT, Phase.CHUNK, Phase.ANSWER}:
        assert after(phase, Step.RESET) is Phase.READY
    assert set(TABLE[Phase.CONTENT]) == {Step.DOT, Step.CLOSE}
