"""Section A7 as a table: what a client does after an RCPT reply (draft 4.1, 4.2, 6.3 to 6.5)."""

import pytest

from conneg.negotiation import Outcome, RcptPolicy, after_rcpt, failure_status, when_not_listed

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


def test_policy_decides_what_the_draft_leaves_open() -> None:
    assert after_rcpt(250, "REQUIRED", None, RcptPolicy(without_capability="baseline")) is Outcome.BASELINE
    assert when_not_listed("REQUIRED") is Outcome.FAIL
    assert when_not_listed("REQUIRED", RcptPolicy(not_listed="baseline")) is Outcome.BASELINE
    assert when_not_listed("OPTIONAL") is Outcome.BASELINE
    assert when_not_listed(None) is Outcome.BASELINE


def test_a_failure_because_of_conneg_has_the_drafts_status() -> None:
    assert failure_status(504, "REQUIRED") == "5.3.3"
    assert failure_status(550, "REQUIRED") is None
    assert failure_status(555, None) is None


def test_a_policy_with_a_misprint_is_refused() -> None:
    with pytest.raises(ValueError, match="without_capability"):
        RcptPolicy(without_capability="defe")
    with pytest.raises(ValueError, match="not_listed"):
        RcptPolicy(not_listed="ignore")
