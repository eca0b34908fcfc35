"""What an RCPT reply means for a client that asked, or did not ask, for the recipient's capabilities.

Pure: a reply code, what was asked and the capability text in; an `Outcome` out. The table is that of draft -03 (4.1,
4.2, 6.3 to 6.5) with the decisions for what it leaves open; section numbers stand at the rows. It has two steps: which
`RcptCase` a reply is, and by `RcptPolicy` what follows from that.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

from conneg.errors import ConnegError
from conneg.negotiation.capability import Provenance, read_capability

NOT_SUPPORTED_CODES = frozenset({500, 501, 502, 504, 555})
"""Codes by which servers say that they do not know CONNEG: 504 by the draft (4.3), 555 by RFC 5321 (4.1.1.11), and
500, 501, 502 by servers that know no RCPT parameters at all."""

NOT_SUPPORTED_STATUS = "5.3.3"
"""System not capable of selected features (RFC 3463, 3.4), the draft's code for a refused CONNEG (4.3)."""

OnNotSupported = Literal["return", "baseline", "original"]
OnUnreadable = Literal["return", "defer", "baseline", "original"]


class RcptCase(StrEnum):
    """Which row of the table a reply is."""

    CAPABILITY = "capability"
    """The recipient is accepted, and what it can take is said and can be used."""
    SILENT = "silent"
    """It is accepted, and nothing is said of it, as may be where nothing was REQUIRED."""
    UNREADABLE = "unreadable"
    """It is accepted, and what is said of it cannot be used; or nothing is said although it was REQUIRED."""
    NOT_SUPPORTED = "not supported"
    """It is refused because the server does not know CONNEG, or would be, since EHLO does not list it."""
    GIVEN_UP = "given up"
    """It is accepted without CONNEG, which the server does not know."""
    TEMPORARY = "temporary"
    """A temporary failure; 404 is one."""
    REFUSED = "refused"
    """A permanent failure that has nothing to do with CONNEG."""


class Outcome(StrEnum):
    """What the client does about the recipient next."""

    CAPABILITY = "capability"
    """The recipient is accepted and the reply says what it can take: plan with that."""
    BASELINE = "baseline"
    """The recipient is accepted and nothing is known of it from the reply: ask the directory, then the baseline."""
    ORIGINAL = "original"
    """The recipient is accepted, and by policy the message goes to it as it came, whoever knows what of it."""
    REPEAT = "repeat"
    """The server does not know CONNEG, and the client can do without: repeat RCPT once without the parameter."""
    DEFER = "defer"
    """A temporary failure: give the recipient up for now, ask again in another session (draft 4.2)."""
    FAIL = "fail"
    """A permanent failure of the recipient; `failure_status` has the enhanced status code if it is due to CONNEG."""


@dataclass(frozen=True, slots=True)
class RcptPolicy:
    """What the operator decided where the draft leaves a choice to the client.

    `on_not_supported`: what REQUIRED leads to where the server does not know CONNEG or does not list it: the message
    comes back ("return"), or RCPT goes without the parameter and the recipient counts as one of whom nothing is said
    ("baseline"), or gets the message as it came ("original"). `on_unreadable`: the same for a recipient that is
    accepted with a capability that cannot be used, or with none although it was REQUIRED, which the draft forbids
    (4.3); "defer" treats that as 404. None: "defer" where it was REQUIRED, and else "baseline".
    """

    on_not_supported: OnNotSupported = "return"
    on_unreadable: OnUnreadable | None = None

    def __post_init__(self) -> None:
        _check("on_not_supported", self.on_not_supported, get_args(OnNotSupported))
        if self.on_unreadable is not None:
            _check("on_unreadable", self.on_unreadable, get_args(OnUnreadable))

    def may_go_without(self, argument: str | None) -> bool:
        """Whether a recipient may be asked for without CONNEG where the server does not know it."""
        return not _is_required(argument) or self.on_not_supported != "return"

    def unreadable(self, argument: str | None) -> OnUnreadable:
        """Return what an answer leads to that cannot be used."""
        return self.on_unreadable or ("defer" if _is_required(argument) else "baseline")

    def outcome(self, case: RcptCase, argument: str | None) -> Outcome:
        """Return what follows from a case, by how CONNEG was asked."""
        match case:
            case RcptCase.CAPABILITY:
                return Outcome.CAPABILITY  # 4.3
            case RcptCase.SILENT:
                return Outcome.BASELINE  # 6.5
            case RcptCase.UNREADABLE:
                return _BY_WORD[self.unreadable(argument)]
            case RcptCase.NOT_SUPPORTED:
                # 4.1: as if CONNEG were absent; a server ignorant of it cannot do that itself
                return Outcome.REPEAT if self.may_go_without(argument) else Outcome.FAIL  # 6.3
            case RcptCase.GIVEN_UP:
                return _BY_WORD[self.on_not_supported] if _is_required(argument) else Outcome.BASELINE
            case RcptCase.TEMPORARY:
                return Outcome.DEFER  # 6.4
            case RcptCase.REFUSED:
                return Outcome.FAIL


_BY_WORD = {
    "return": Outcome.FAIL,
    "defer": Outcome.DEFER,
    "baseline": Outcome.BASELINE,
    "original": Outcome.ORIGINAL,
}


def rcpt_case(
    code: int,
    argument: str | None,
    capability: str | None = None,
    *,
    enhanced: str | None = None,
    is_given_up: bool = False,
) -> RcptCase:
    """Return which case the reply to one RCPT is.

    `code` and `enhanced` are its codes; `argument` is "REQUIRED", "OPTIONAL", or None when CONNEG was not wanted;
    `capability` is what its CONNEG lines say, be it an expression or not, None when there were none. `is_given_up`: the
    command went without CONNEG, since the server does not know it.
    """
    is_asked = argument is not None and not is_given_up
    match code // 100:
        case 2:
            if not is_asked:
                return RcptCase.SILENT if argument is None else RcptCase.GIVEN_UP
            if capability is not None:
                # under 251 as under 250
                return RcptCase.CAPABILITY if _is_usable(capability) else RcptCase.UNREADABLE
            return RcptCase.UNREADABLE if _is_required(argument) else RcptCase.SILENT
        case 5:
            is_unknown = is_asked and is_about_conneg(code, enhanced)
            return RcptCase.NOT_SUPPORTED if is_unknown else RcptCase.REFUSED
        case _:
            # 404 is any 4yz (RFC 5321, 4.2), and 1yz or 3yz here is a server out of step
            return RcptCase.TEMPORARY


def after_rcpt(
    code: int,
    argument: str | None,
    capability: str | None = None,
    policy: RcptPolicy | None = None,
    *,
    enhanced: str | None = None,
    is_given_up: bool = False,
) -> Outcome:
    """Return what follows from the reply to one RCPT; the arguments are those of `rcpt_case`."""
    case = rcpt_case(code, argument, capability, enhanced=enhanced, is_given_up=is_given_up)
    return (policy or RcptPolicy()).outcome(case, argument)


def when_not_listed(argument: str | None, policy: RcptPolicy | None = None) -> Outcome:
    """Return what to do with a recipient when EHLO does not list CONNEG: the parameter must not be sent (4.2).

    FAIL as if 504 had been the reply; else RCPT goes without the parameter, and this follows if it is accepted.
    """
    return after_rcpt(250, argument, None, policy, is_given_up=True)


def is_about_conneg(code: int, enhanced: str | None = None) -> bool:
    """Whether a refusal of RCPT with CONNEG says that the server does not know it.

    An enhanced status code of the subjects address, mailbox and policy (RFC 3463, 3.2, 3.3, 3.8) is about the
    recipient.
    """
    subject = None if enhanced is None else enhanced.split(".")[1]
    return code in NOT_SUPPORTED_CODES and subject not in ("1", "2", "7")


def failure_status(code: int, argument: str | None, enhanced: str | None = None) -> str | None:
    """Return the enhanced status code of a FAIL that CONNEG caused; None when the reply is about the address."""
    return NOT_SUPPORTED_STATUS if argument is not None and is_about_conneg(code, enhanced) else None


def _is_required(argument: str | None) -> bool:
    return argument is not None and argument.upper() == "REQUIRED"


def _is_usable(capability: str) -> bool:
    try:
        read_capability(capability, Provenance.REPLY, "reply")
    except ConnegError:
        return False
    return True


def _check(name: str, value: str, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ValueError(f"{name} is {', '.join(words[:-1])} or {words[-1]}, not {value!r}")
