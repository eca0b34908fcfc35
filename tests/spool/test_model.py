"""The table of states."""

import itertools

from conneg.spool import Event, RecipientState
from conneg.spool.model import FINAL, OUTCOME_EVENTS, TRANSITIONS


def test_final_states_are_final() -> None:
    assert not [row for row in TRANSITIONS if row[0] in FINAL]
    assert {state for state in RecipientState if state.is_final} == FINAL


def test_every_state_can_be_reached_and_left_unless_final() -> None:
    reached = {RecipientState.QUEUED}
    while True:
        further = reached | {after for (before, _), after in TRANSITIONS.items() if before in reached}
        if further == reached:
            break
        reached = further
    assert reached == set(RecipientState)
    for state in set(RecipientState) - FINAL:
        assert {after for (before, _), after in TRANSITIONS.items() if before == state} & FINAL


def test_what_happened_is_never_undone_by_an_operator() -> None:
    """A delivery or failure that comes in after a hold counts; a deferral does not undo the hold."""
    assert TRANSITIONS[RecipientState.HELD, Event.DELIVER] is RecipientState.DELIVERED
    assert TRANSITIONS[RecipientState.HELD, Event.FAIL] is RecipientState.FAILED
    assert TRANSITIONS[RecipientState.HELD, Event.DEFER] is RecipientState.HELD
    assert (RecipientState.HELD, Event.RETRY) not in TRANSITIONS


def test_an_outcome_is_an_event_that_gives_its_state() -> None:
    for state, event in OUTCOME_EVENTS.items():
        assert TRANSITIONS[RecipientState.QUEUED, event] is state
    assert RecipientState.REMOVED not in OUTCOME_EVENTS


def test_twice_is_once() -> None:
    """Every event leads to a state in which the same event changes nothing more."""
    for state, event in itertools.product(RecipientState, Event):
        once = TRANSITIONS.get((state, event), state)
        assert TRANSITIONS.get((once, event), once) is once
