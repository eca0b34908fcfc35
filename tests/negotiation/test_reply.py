"""Section A7 as a table: what a client does after an RCPT reply (draft 4.1, 4.2, 6.3 to 6.5)."""

import pytest

from conneg.negotiation import (
    OnNotSupported,
    OnUnreadable,
    Outcome,
    RcptCase,
    RcptPolicy,
    after_rcpt,
    failure_status,
    rcpt_case,
    when_not_listed,
)
from conneg.smtp import Reply, is_not_supported

CAP1 = "(& (color=Binary) (image-coding=[MH,MR]))"


@pytest.mark.shows("A5-15", "A5-19", "A5-21", "A7-5", "A7-6", "A7-7", "A7-8")
@pytest.mark.parametrize(
    ("code", "argument", "capability", "outcome"),
    [
        (250, "REQUIRED", CAP1, Outcome.CAPABILITY),  # 4.3
        (250, "OPTIONAL", CAP1, Outcome.CAPABILITY),  # V-11
        (251, "REQUIRED", CAP1, Outcome.CAPABILITY),  # A5 item 21
        (250, "REQUIRED", None, Outcome.DEFER),  # A5 item 19: as 404
        (250, "OPTIONAL", None, Outcome.BASELINE),  # 6.5, V-14
        (250, None, None, Outcome.BASELINE),
        (250, "OPTIONAL", "accepted", Outcome.BASELINE),  # V-17: no usable capability
        (250, "REQUIRED", "(color=Binary", Outcome.DEFER),
        (404, "REQUIRED", None, Outcome.DEFER),  # 6.4
        (404, "OPTIONAL", None, Outcome.DEFER),
        (451, None, None, Outcome.DEFER),
        (504, "REQUIRED", None, Outcome.FAIL),  # 6.3, V-20
        (504, "OPTIONAL", None, Outcome.REPEAT),  # A5 item 16
        (555, "OPTIONAL", None, Outcome.REPEAT),  # V-21
        (500, "OPTIONAL", None, Outcome.REPEAT),
        (501, "OPTIONAL", None, Outcome.REPEAT),
        (502, "OPTIONAL", None, Outcome.REPEAT),
        (555, None, None, Outcome.FAIL),  # the repeated RCPT
        (550, "REQUIRED", None, Outcome.FAIL),
        (550, "OPTIONAL", None, Outcome.FAIL),
        (599, "OPTIONAL", None, Outcome.FAIL),  # unknown codes go by their first digit (RFC 5321, 4.3.2)
        (354, "OPTIONAL", None, Outcome.DEFER),  # out of step
    ],
)
def test_after_rcpt(code: int, argument: str | None, capability: str | None, outcome: Outcome) -> None:
    assert after_rcpt(code, argument, capability) is outcome


def test_the_argument_is_read_without_regard_to_case() -> None:
    assert after_rcpt(250, "required") is Outcome.DEFER
    assert after_rcpt(504, "Optional") is Outcome.REPEAT


WORDS = {"return": Outcome.FAIL, "baseline": Outcome.BASELINE, "original": Outcome.ORIGINAL}
UNREADABLE = [None, "", "accepted", "(color=Binary", '(color="Bin', "(h.SBB5REAOMHC09CP2GM4V07PQP0)"]


@pytest.mark.shows("A7-1")
@pytest.mark.parametrize("word", WORDS)
def test_required_where_conneg_is_not_listed(word: OnNotSupported) -> None:
    """4.2: the parameter must not be sent; what then becomes of the recipient is the client's to choose."""
    policy = RcptPolicy(on_not_supported=word)
    assert when_not_listed("REQUIRED", policy) is WORDS[word]
    assert when_not_listed("OPTIONAL", policy) is Outcome.BASELINE
    assert when_not_listed(None, policy) is Outcome.BASELINE
    assert policy.may_go_without("REQUIRED") is (word != "return")
    assert policy.may_go_without("OPTIONAL")


@pytest.mark.shows("A7-7")
@pytest.mark.parametrize("code", [500, 501, 502, 504, 555])
@pytest.mark.parametrize("word", WORDS)
def test_required_where_conneg_is_not_known(word: OnNotSupported, code: int) -> None:
    """4.1: rejected with 504, or by a server that has never heard of it with its like."""
    policy = RcptPolicy(on_not_supported=word)
    first = after_rcpt(code, "REQUIRED", None, policy)
    assert first is (Outcome.FAIL if word == "return" else Outcome.REPEAT)
    assert after_rcpt(250, "REQUIRED", None, policy, is_given_up=True) is WORDS[word]
    again = after_rcpt(code, "REQUIRED", None, policy, is_given_up=True)
    assert again is Outcome.FAIL, "repeated once"


@pytest.mark.parametrize("said", [None, "(color=Binary)"])
def test_what_is_said_to_a_command_without_conneg_is_not_asked_for(said: str | None) -> None:
    policy = RcptPolicy("original", "return")
    assert after_rcpt(250, "REQUIRED", said, policy, is_given_up=True) is Outcome.ORIGINAL
    assert after_rcpt(250, "OPTIONAL", said, policy, is_given_up=True) is Outcome.BASELINE
    assert after_rcpt(250, None, said, policy) is Outcome.BASELINE


@pytest.mark.shows("A5-19", "A6-5")
@pytest.mark.parametrize("word", [None, "defer", *WORDS])
@pytest.mark.parametrize("said", UNREADABLE)
@pytest.mark.parametrize("code", [250, 251])
def test_an_answer_that_is_none(code: int, said: str | None, word: OnUnreadable | None) -> None:
    """4.3: 250 to REQUIRED has the capability; a client that is told nothing of use goes by its policy."""
    policy = RcptPolicy(on_unreadable=word)
    outcomes = {**WORDS, "defer": Outcome.DEFER}
    assert after_rcpt(code, "REQUIRED", said, policy) is outcomes[word or "defer"]
    optional = outcomes[word or "baseline"] if said is not None else Outcome.BASELINE
    assert after_rcpt(code, "OPTIONAL", said, policy) is optional, (
        "OPTIONAL may be answered with a plain 250 (6.5)"
    )


@pytest.mark.shows("A5-22", "A7-6")
@pytest.mark.parametrize("code", [404, 421, 450, 451, 455])
@pytest.mark.parametrize("argument", ["REQUIRED", "OPTIONAL", None])
def test_a_temporary_failure_is_one_whatever_the_policy(code: int, argument: str | None) -> None:
    """6.4."""
    for policy in (RcptPolicy("baseline", "baseline"), RcptPolicy("original", "original"), RcptPolicy()):
        for is_given_up in (False, True):
            outcome = after_rcpt(code, argument, None, policy, is_given_up=is_given_up)
            assert outcome is Outcome.DEFER


@pytest.mark.parametrize("word", WORDS)
def test_a_refusal_of_the_address_is_one_whatever_the_policy(word: OnNotSupported) -> None:
    policy = RcptPolicy(word, word)
    assert after_rcpt(550, "REQUIRED", None, policy) is Outcome.FAIL
    assert after_rcpt(501, "REQUIRED", None, policy, enhanced="5.1.3") is Outcome.FAIL
    assert after_rcpt(501, "OPTIONAL", None, policy, enhanced="5.1.3") is Outcome.FAIL


def test_the_client_core_reads_refusals_alike() -> None:
    for code in range(400, 600):
        for enhanced in (None, "5.1.3", "5.2.1", "5.3.3", "5.5.4", "5.7.1"):
            reply = Reply(code, ("text",), enhanced)
            is_unknown = rcpt_case(code, "OPTIONAL", enhanced=enhanced) is RcptCase.NOT_SUPPORTED
            assert is_unknown is is_not_supported(reply), reply


def test_a_failure_because_of_conneg_has_the_drafts_status() -> None:
    assert failure_status(504, "REQUIRED") == "5.3.3"
    assert failure_status(550, "REQUIRED") is None
    assert failure_status(555, None) is None
    assert failure_status(501, "REQUIRED", "5.1.3") is None


def test_a_policy_with_a_misprint_is_refused() -> None:
    with pytest.raises(ValueError, match="on_not_supported is return, baseline or original"):
        RcptPolicy(on_not_supported="defer")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="on_unreadable"):
        RcptPolicy(on_unreadable="ignore")  # type: ignore[arg-type]
