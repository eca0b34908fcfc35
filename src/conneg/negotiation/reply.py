"""What an RCPT reply means for a client that asked, or did not ask, for the recipient's capabilities.

Pure: a reply code, what was asked and the capability text in; an `Outcome` out. The table is that of draft -03 (4.1,
4.2, 6.3 to 6.5) with the decisions for what it leaves open; section numbers stand at the rows.
"""

from dataclasses import dataclass
from enum import StrEnum

from conneg.errors import ConnegError
from conneg.negotiation.capability import Provenance, read_capability

NOT_SUPPORTED_CODES = frozenset({500, 501, 502, 504, 555})
"""Codes by which servers say that they do not know CONNEG: 504 by the draft (4.3), 555 by RFC 5321 (4.1.1.11), and
500, 501, 502 by servers that know no RCPT parameters at all."""

NOT_SUPPORTED_STATUS = "5.3.3"
"""System not capable of selected features (RFC 3463, 3.4), the draft's code for a refused CONNEG (4.3)."""


class Outcome(StrEnum):
    """What the client does about the recipient next."""

    CAPABILITY = "capability"
    """The recipient is accepted and the reply says what it can take: plan with that."""
    BASELINE = "baseline"
    """The recipient is accepted and nothing is known of it from the reply: ask the directory, then the baseline."""
    REPEAT = "repeat"
    """The server does not know CONNEG, and the client can do without: repeat RCPT once without the parameter."""
    DEFER = "defer"
    """A temporary failure: give the recipient up for now, ask again in another session (draft 4.2)."""
    FAIL = "fail"
    """A permanent failure of the recipient; `failure_status` has the enhanced status code if it is due to CONNEG."""


@dataclass(frozen=True, slots=True)
class RcptPolicy:
    """What the operator decided where the draft leaves a choice to the client.

    `without_capability`: what a REQUIRED that is accepted without any capability leads to, which the draft forbids the
    server to do (4.3): "defer" treats it as 404, "baseline" goes on without. `not_listed`: what REQUIRED leads to when
    the EHLO reply has no CONNEG: "fail" or "baseline".
    """

    without_capability: str = "defer"
    not_listed: str = "fail"

    def __post_init__(self) -> None:
        if self.without_capability not in ("defer", "baseline"):
            raise ValueError(f"without_capability is defer or baseline, not {self.without_capability!r}")
        if self.not_listed not in ("fail", "baseline"):
            raise ValueError(f"not_listed is fail or baseline, not {self.not_listed!r}")


def after_rcpt(
    code: int, argument: str | None, capability: str | None = None, policy: RcptPolicy | None = None
) -> Outcome:
    """Return what follows from the reply to one RCPT.

    `code` is the reply code; `argument` is "REQUIRED", "OPTIONAL", or None when CONNEG was not sent; `capability` is
    the expression joined from the CONNEG lines, None when there were none. One that cannot be read counts as none.
    """
    policy = policy or RcptPolicy()
    is_required = argument is not None and argument.upper() == "REQUIRED"
    match code // 100:
        case 2:
            if argument is not None and capability is not None and _is_usable(capability):
                return Outcome.CAPABILITY  # 4.3; under 251 as under 250
            if is_required and policy.without_capability == "defer":
                return Outcome.DEFER
            return Outcome.BASELINE  # 6.5
        case 5:
            if argument is not None and not is_required and code in NOT_SUPPORTED_CODES:
                return (
                    Outcome.REPEAT
                )  # 4.1: as if CONNEG were absent; a server ignorant of it cannot do that itself
            return Outcome.FAIL  # 6.3, and any 5yz about the address
        case _:
            return (
                Outcome.DEFER
            )  # 6.4; 404 is any 4yz (RFC 5321, 4.2), and 1yz or 3yz here is a server out of step


def when_not_listed(argument: str | None, policy: RcptPolicy | None = None) -> Outcome:
    """Return what to do with a recipient when EHLO does not list CONNEG: the parameter must not be sent (4.2).

    FAIL as if 504 had been the reply; BASELINE means RCPT without the parameter.
    """
    policy = policy or RcptPolicy()
    is_required = argument is not None and argument.upper() == "REQUIRED"
    return Outcome.FAIL if is_required and policy.not_listed == "fail" else Outcome.BASELINE


def failure_status(code: int, argument: str | None) -> str | None:
    """Return the enhanced status code of a FAIL that CONNEG caused; None when the reply is about the address."""
    return NOT_SUPPORTED_STATUS if argument is not None and code in NOT_SUPPORTED_CODES else None


def _is_usable(capability: str) -> bool:
    try:
        read_capability(capability, Provenance.REPLY, "reply")
    except ConnegError:
        return False
    return True
