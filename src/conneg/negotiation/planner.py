"""Who gets what: a message's offer and a recipient's capability in, a plan with its reasons out.

A device that takes only page images gets one document, whose pages are the message's parts in reading order. Any other
recipient's capability is held against each body part by itself: what is accepted stays, octet for octet; of
alternatives the best one accepted is chosen; the rest is converted. Nothing here reads, converts or sends an octet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from conneg.features import (
    Conflict,
    FeatureSet,
    Preference,
    explain_mismatch,
)
from conneg.negotiation.capability import Capability
from conneg.negotiation.legibility import Chosen, choose_legible
from conneg.negotiation.matching import common_forms, is_accepted
from conneg.negotiation.offer import MessageOffer, OfferedPart, SmallType
from conneg.negotiation.plan import (
    AsItIs,
    ByPart,
    Convert,
    Drop,
    Keep,
    OneDocument,
    PartAction,
    Plan,
    Stage,
    StageCause,
    Undeliverable,
)
from conneg.negotiation.staging import StagePolicy
from conneg.negotiation.summary import describe_capability, describe_form, describe_loss, describe_page_device
from conneg.words import octets

MEDIA_NOT_SUPPORTED = "5.6.1"
"""The recipient takes none of the forms that can be made (RFC 3463, 3.7)."""
CONVERSION_NOT_SUPPORTED = "5.6.3"
"""The recipient does not take the content, and it cannot be converted (RFC 3463, 3.7)."""

_LONGEST_LABEL = 80
_TIFF_TYPES = ("image/tiff", "image/tiff-fx")


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """What the operator decided.

    `on_no_common_form`: "refuse" the message, as the draft's 4.2 demands of a client that asked, send the "original"
    part, or "stage" it (appendix B.2); `stage_above_octets`: what is larger is staged in any case. `on_protected`: what
    becomes of signed or encrypted parts that are not accepted: "keep" them as they are, or "refuse" the message.
    `on_illegible`: what becomes of a message whose small type no form shows legibly:
    "send" it and say so in the reason, or "refuse" it. `preference` replaces the order among the common forms
    (`conneg.features.default_preference`).
    """

    on_no_common_form: str = "refuse"
    on_protected: str = "keep"
    on_illegible: str = "send"
    preference: Preference | None = None
    stage_above_octets: int | None = None

    @property
    def stages(self) -> bool:
        """Whether parts may be staged at all."""
        return self.on_no_common_form == "stage" or self.stage_above_octets is not None

    def __post_init__(self) -> None:
        if self.on_no_common_form not in ("refuse", "original", "stage"):
            raise ValueError(
                f"on_no_common_form is refuse, original or stage, not {self.on_no_common_form!r}"
            )
        if self.on_protected not in ("keep", "refuse"):
            raise ValueError(f"on_protected is keep or refuse, not {self.on_protected!r}")
        if self.on_illegible not in ("send", "refuse"):
            raise ValueError(f"on_illegible is send or refuse, not {self.on_illegible!r}")


def make_plan(offer: MessageOffer, capability: Capability, policy: PlanPolicy | None = None) -> Plan:
    """Decide what a recipient who can take `capability` gets of the message.

    Raises `conneg.errors.BoundExceededError` only for sets so large that they cannot be compared.
    """
    policy = policy or PlanPolicy()
    if not offer.parts:
        return AsItIs("the message has no content that could be held against the capability")
    if capability.is_page_device:
        return _plan_document(offer, capability, policy)
    return _PartPlanner(offer, capability, policy).plan()


def _plan_document(offer: MessageOffer, capability: Capability, policy: PlanPolicy) -> Plan:
    """One document, all parts as its pages in reading order."""
    accepted = capability.features
    device = describe_page_device(capability)
    if _is_accepted_tiff(offer.parts, accepted):
        return AsItIs(f"{device}; the message is one TIFF document of that kind and goes as it is")
    pages = _page_parts(offer, accepted)
    protected = [part for part in pages if part.protected]
    if protected:
        what = f"{device}; {_protected_words(protected)} and not converted"
        if policy.on_protected == "keep":
            return AsItIs(f"{what}; policy sends the message as it is")
        return Undeliverable(CONVERSION_NOT_SUPPORTED, what)
    choice = _choose(
        common_forms(offer.document, accepted),
        policy,
        offer.document_preference,
        tuple(size for part in pages for size in part.small_type),
    )
    if choice is None:
        return _no_document(offer, pages, capability, policy, device)
    if choice.is_illegible and policy.on_illegible == "refuse":
        return Undeliverable(MEDIA_NOT_SUPPORTED, f"{device}; {choice.remark}; policy returns the message")
    count = (
        f"{len(pages)} parts become the pages of one document" if len(pages) > 1 else "becomes one document"
    )
    words = [
        device,
        count if len(pages) > 1 else f"{_label(pages[0])} {count}",
        describe_form(choice.collection),
        *_signed_again(offer),
        *([choice.remark] if choice.remark else []),
    ]
    loss = describe_loss(choice.collection, offer.document_colour, offer.document_dpi)
    return OneDocument(
        choice.collection,
        tuple(part.id for part in pages),
        "; ".join([*words, *([f"given up: {loss}"] if loss else [])]),
        loss,
    )


def _no_document(
    offer: MessageOffer, pages: Sequence[OfferedPart], capability: Capability, policy: PlanPolicy, device: str
) -> Plan:
    """There is no document that could be sent: say which parts cannot be rendered, or which tag stands in the way."""
    unreadable = [part for part in pages if part.offer.is_empty]
    conflicts: tuple[Conflict, ...] = ()
    if offer.document.is_empty:
        status = CONVERSION_NOT_SUPPORTED
        named = _labels(unreadable or pages)
        reason = f"{device}; {named} cannot be turned into pages"
    else:
        status = MEDIA_NOT_SUPPORTED
        mismatch = explain_mismatch(offer.document, capability.features)
        conflicts = mismatch.conflicts
        reason = f"no common form: {mismatch}"
    if policy.on_no_common_form == "original":
        return AsItIs(f"{reason}; policy sends the original")
    return Undeliverable(status, reason, conflicts)


def _is_accepted_tiff(parts: Sequence[OfferedPart], accepted: FeatureSet) -> bool:
    """The whole content is one TIFF file whose structure is stated, and the device accepts every page of it."""
    if len(parts) != 1 or parts[0].media_type not in _TIFF_TYPES:
        return False
    part = parts[0]
    return part.features.mentions("image-file-structure") and is_accepted(
        part.features, accepted, part.octets
    )


def _page_parts(offer: MessageOffer, accepted: FeatureSet) -> tuple[OfferedPart, ...]:
    """The parts that become pages: of alternatives only the best that can be rendered for this device."""
    left_out: set[str] = set()
    for group in _outer_first(offer.alternatives):
        members = {member: offer.members(member) for member in group if offer.members(member)}
        if not members or any(part.id in left_out for parts in members.values() for part in parts):
            continue
        ranked = [
            member
            for member, parts in members.items()
            if all(not common_forms(part.offer, accepted).is_empty for part in parts)
        ] or [member for member, parts in members.items() if all(not part.offer.is_empty for part in parts)]
        chosen = ranked[-1] if ranked else list(members)[-1]
        left_out |= {part.id for member, parts in members.items() if member != chosen for part in parts}
    return tuple(part for part in offer.parts if part.id not in left_out)


class _PartPlanner:
    """Plans each body part by itself; made for one plan."""

    def __init__(self, offer: MessageOffer, capability: Capability, policy: PlanPolicy) -> None:
        self._offer = offer
        self._accepted = capability.features
        self._takes = f"takes {describe_capability(capability)}"
        self._policy = policy
        self._dropped: set[str] = set()
        self._drops: list[Drop] = []
        self._problems: list[Undeliverable] = []
        self._staging = StagePolicy(
            self._accepted,
            on_no_common_form=policy.on_no_common_form == "stage",
            above_octets=policy.stage_above_octets,
        )
        self._fits = {
            part.id: is_accepted(part.features, self._accepted, part.octets)
            and not self._staging.is_too_large(part)
            for part in offer.parts
        }

    def plan(self) -> Plan:
        if all(self._fits.values()):
            return AsItIs(f"{self._takes}; every part is accepted as it is")
        for group in _outer_first(self._offer.alternatives):
            self._choose_alternative(group)
        actions: list[PartAction] = [*self._drops]
        actions += [self._decide(part) for part in self._offer.parts if part.id not in self._dropped]
        if self._problems:
            return self._undeliverable()
        told = [action.reason for action in actions if not self._is_plain_keep(action)]
        if all(isinstance(action, Keep) for action in actions):
            return AsItIs("; ".join([self._takes, *told]))
        return ByPart(tuple(actions), "; ".join([self._takes, *told, *_signed_again(self._offer)]))

    def _choose_alternative(self, group: Sequence[str]) -> None:
        """Keep the best alternative that is accepted, or else that can be converted; none is dropped without need."""
        members = {member: self._offer.members(member) for member in group if self._offer.members(member)}
        parts_of_group = [part for parts in members.values() for part in parts]
        if any(part.id in self._dropped or part.protected for part in parts_of_group):
            return  # an alternative that is left out breaks a signature over all of them
        good = [member for member, parts in members.items() if all(self._fits[part.id] for part in parts)]
        if len(good) == len(members):
            return
        usable = good or [m for m, parts in members.items() if all(self._is_usable(part) for part in parts)]
        why = "is accepted as it is" if good else "can be converted"
        if not usable and all(self._staging.takes(part) for part in parts_of_group):
            usable, why = list(members), "is staged"
        if not usable:
            return
        chosen = usable[-1]
        best = _labels(members[chosen])
        for member, parts in members.items():
            if member != chosen:
                self._drops.append(
                    Drop(member, f"{_labels(parts)} is left out: its alternative {best} {why}")
                )
                self._dropped |= {part.id for part in parts}

    def _is_usable(self, part: OfferedPart) -> bool:
        if self._fits[part.id]:
            return True
        if part.protected:
            return self._policy.on_protected == "keep"
        return not (self._staging.is_too_large(part) or common_forms(part.offer, self._accepted).is_empty)

    def _decide(self, part: OfferedPart) -> PartAction:
        if self._fits[part.id]:
            return Keep(part.id, f"{_label(part)} is accepted as it is")
        if part.protected:
            return self._decide_protected(part)
        if self._staging.is_too_large(part):
            limit = octets(self._policy.stage_above_octets or 0)
            reason = f"{_label(part)} ({octets(part.octets)}) is larger than {limit} and staged"
            return self._staging.action(part, StageCause.TOO_LARGE, reason)
        choice = _choose(
            common_forms(part.offer, self._accepted),
            self._policy,
            part.preference,
            part.small_type,
        )
        if choice is None:
            return self._no_common_form(part)
        if choice.is_illegible and self._policy.on_illegible == "refuse":
            problem = f"{_label(part)}: {choice.remark}; policy returns the message"
            self._problems.append(Undeliverable(MEDIA_NOT_SUPPORTED, problem))
        loss = describe_loss(choice.collection, part.colour, part.dpi, part.features)
        reason = f"{_label(part)} becomes {describe_form(choice.collection)}"
        remark = f"; {choice.remark}" if choice.remark else ""
        given_up = f" (given up: {loss})" if loss else ""
        return Convert(part.id, choice.collection, f"{reason}{given_up}{remark}", loss)

    def _decide_protected(self, part: OfferedPart) -> Keep:
        what = f"{_protected_words([part])} and not converted"
        if self._policy.on_protected == "refuse":
            self._problems.append(Undeliverable(CONVERSION_NOT_SUPPORTED, what))
        return Keep(part.id, f"{what}; policy keeps it")

    def _no_common_form(self, part: OfferedPart) -> Keep | Stage:
        what = f"no form of {_label(part)} is accepted"
        if self._staging.takes(part):
            return self._staging.action(part, StageCause.NOT_ACCEPTED, f"{what}; it is staged")
        if self._policy.on_no_common_form != "original":
            mismatch = explain_mismatch(part.features if part.offer.is_empty else part.offer, self._accepted)
            if part.offer.is_empty:
                problem = (
                    f"{_label(part)} ({part.media_type}) is not accepted and cannot be converted: {mismatch}"
                )
                status = CONVERSION_NOT_SUPPORTED
            else:
                problem, status = f"{what}: {mismatch}", MEDIA_NOT_SUPPORTED
            self._problems.append(Undeliverable(status, problem, mismatch.conflicts))
        return Keep(part.id, f"{what}; policy sends the original")

    def _undeliverable(self) -> Undeliverable:
        """All problems in one: 5.6.3 only if nothing that stands in the way could be converted at all."""
        statuses = {problem.status for problem in self._problems}
        return Undeliverable(
            CONVERSION_NOT_SUPPORTED if statuses == {CONVERSION_NOT_SUPPORTED} else MEDIA_NOT_SUPPORTED,
            "; ".join([self._takes, *(problem.reason for problem in self._problems)]),
            tuple(conflict for problem in self._problems for conflict in problem.conflicts),
        )

    def _is_plain_keep(self, action: PartAction) -> bool:
        return isinstance(action, Keep) and self._fits[action.part_id]


def _choose(
    common: FeatureSet, policy: PlanPolicy, preference: Preference, small_type: Sequence[SmallType]
) -> Chosen | None:
    return choose_legible(common, preference if policy.preference is None else policy.preference, small_type)


def _outer_first(groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Groups inside an alternative of another group come after that group."""
    return sorted(groups, key=lambda group: min((member.count(".") for member in group), default=0))


def _label(part: OfferedPart) -> str:
    """Return the part's name for a line of text; it came with the message and may hold anything."""
    shown = "".join(char if char.isprintable() else "?" for char in part.label)
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[: _LONGEST_LABEL - 3]}..."


def _labels(parts: Sequence[OfferedPart]) -> str:
    names = [_label(part) for part in parts]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _protected_words(parts: Sequence[OfferedPart]) -> str:
    """Say what protects these parts, each protection once."""
    by_protection: dict[str | None, list[OfferedPart]] = {}
    for part in parts:
        by_protection.setdefault(part.protection, []).append(part)
    return ", ".join(
        f"{_labels(alike)} {'is' if len(alike) == 1 else 'are'} {protection}"
        for protection, alike in by_protection.items()
    )


def _signed_again(offer: MessageOffer) -> list[str]:
    return [] if offer.signed_again is None else [f"it is {offer.signed_again}, and signed again"]
