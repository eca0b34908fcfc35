"""Plans for when a rendition came out larger than the device or the next hop takes: what gives up least comes first.

Each is planned as any other, for a capability that leaves out a little more: the quality of lossy pictures, then
resolution, then colour. The best coding that is accepted has been chosen before there is anything to give up.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import TypeVar

from conneg.features import FeatureCollection, FeatureSet, feature_set
from conneg.features.private import OCTETS_TAG, QUALITY_TAG
from conneg.negotiation.capability import Capability
from conneg.negotiation.offer import MessageOffer
from conneg.negotiation.plan import ByPart, Convert, OneDocument, Plan
from conneg.negotiation.planner import PlanPolicy, make_plan

LOWER_QUALITY = 60
"""What lossy codings are brought down to, on libjpeg's scale: edges show noise at a second look."""

_FEWER_DOTS = Fraction(4, 5)
_FLATTER = Fraction(8, 5)
"""The next resolution has at most so much of the dots an inch, or so much fewer lines for its dots."""

_FEWER_PIXELS = Fraction(7, 10)
"""The next size of a picture: half the pixels."""

_PDF_DPI = Fraction(300)
"""What a PDF's pages have at most that states no resolution."""

_PICTURES = '(type=["image/jpeg","image/png","image/webp"])'
_PAGES = '(type=["image/tiff","image/tiff-fx"])'
_PDF = '(type="application/pdf")'


def smaller_plans(
    offer: MessageOffer, capability: Capability, policy: PlanPolicy, plan: Plan, octets: int | None = None
) -> Iterator[Plan]:
    """Yield plans whose content is smaller than that of `plan`, at most eight, the one that gives up least first.

    No part or document is larger than `octets` then, where that is said.
    """
    accepted, seen = capability.features, {plan.key}

    def replanned(features: FeatureSet) -> Plan | None:
        """Return the plan for these features, if it is a new one with something to convert."""
        found = make_plan(offer, replace(capability, features=features), policy)
        return found if isinstance(found, ByPart | OneDocument) and found.key not in seen else None

    if octets is not None:
        accepted &= feature_set(f"({OCTETS_TAG}<={octets})")
        found = replanned(accepted)
        if found is not None:
            seen.add(found.key)
            plan = found
            yield plan
    for found, given_up in _giving_up(
        accepted, plan, replanned, _targets, of_pages=capability.is_page_device
    ):
        seen.add(found.key)
        yield replace(found, reason=f"{found.reason}; {given_up}")


Form = TypeVar("Form")


def smaller_forms(
    accepted: FeatureSet,
    first: Form,
    choose: Callable[[FeatureSet], Form | None],
    target_of: Callable[[Form], FeatureCollection],
    *,
    of_pages: bool,
) -> Iterator[tuple[Form, str]]:
    """Yield what `choose` finds in `accepted` without a little more each time, and in words what was given up for it.

    `first` was chosen from all of `accepted`. A form is anything that has a target (`target_of`), such as
    `conneg.negotiation.Chosen`; `of_pages` says that the device takes pages only.
    """
    seen = {str(target_of(first))}

    def chosen(features: FeatureSet) -> Form | None:
        found = choose(features)
        return None if found is None or str(target_of(found)) in seen else found

    for found, given_up in _giving_up(
        accepted, first, chosen, lambda form: [target_of(form)], of_pages=of_pages
    ):
        seen.add(str(target_of(found)))
        yield found, given_up


def _giving_up(
    accepted: FeatureSet,
    first: Form,
    choose: Callable[[FeatureSet], Form | None],
    targets_of: Callable[[Form], Sequence[FeatureCollection]],
    *,
    of_pages: bool,
) -> Iterator[tuple[Form, str]]:
    """Yield what is chosen after each step that changes anything; the next goes on from there."""
    given_up: Counter[str] = Counter()
    current = first
    for what, narrow in _STEPS:
        narrowed = narrow(accepted, targets_of(current), of_pages)
        found = None if narrowed is None else choose(narrowed)
        if narrowed is None or found is None:
            continue
        accepted, current = narrowed, found
        given_up[what] += 1
        yield found, f"given up for the limit on octets: {_listed(given_up)}"


def staging_plans(
    offer: MessageOffer, capability: Capability, policy: PlanPolicy, octets: int
) -> Iterator[Plan]:
    """Yield plans, at most three, that stage the largest parts, so that the others fit into so many `octets`.

    The first stages as few as may do, each of the others some more.
    """
    plans = _staging_plans(offer, capability, policy, octets)
    for plan in islice(plans, _STAGING_PLANS):
        yield replace(plan, reason=f"{plan.reason}; the next hop takes {octets} octets")


_STAGING_PLANS = 3


def _staging_plans(
    offer: MessageOffer, capability: Capability, policy: PlanPolicy, octets: int
) -> Iterator[ByPart]:
    sizes = sorted({part.octets for part in offer.parts}, reverse=True)
    left = sum(part.octets for part in offer.parts)
    for larger, size in zip(sizes, [*sizes[1:], 0], strict=True):
        left -= sum(part.octets for part in offer.parts if part.octets == larger)
        if left < octets:
            found = make_plan(offer, capability, replace(policy, stage_above_octets=size))
            if isinstance(found, ByPart) and found.staged:
                yield found


def _listed(given_up: Counter[str]) -> str:
    return ", ".join(what if times == 1 else f"{what} ({times} times)" for what, times in given_up.items())


def _targets(plan: Plan) -> list[FeatureCollection]:
    match plan:
        case OneDocument(target=target):
            return [target]
        case ByPart(actions=actions):
            return [action.target for action in actions if isinstance(action, Convert)]
        case _:
            return []


def _with_less_quality(
    accepted: FeatureSet, targets: Sequence[FeatureCollection], of_pages: bool
) -> FeatureSet | None:
    if not any(_is_lossy(target) for target in targets):
        return None
    return accepted & feature_set(f"({QUALITY_TAG}<={LOWER_QUALITY})")


def _is_lossy(target: FeatureCollection) -> bool:
    texts = {_text(target, "type"), _text(target, "image-coding")}
    return bool(texts & {"image/jpeg", "image/webp", "application/pdf", "jpeg"})


def _coarser(accepted: FeatureSet, targets: Sequence[FeatureCollection], of_pages: bool) -> FeatureSet | None:
    """Leave out each target's own resolution and all that are near it or finer."""
    terms = [term for target in targets for term in _too_fine(target, of_pages)]
    for term in terms:
        accepted -= feature_set(term)
    return accepted if terms else None


def _too_fine(target: FeatureCollection, of_pages: bool) -> Iterator[str]:
    dpi, ratio = _number(target, "dpi"), _number(target, "dpi-xyratio")
    match _text(target, "type"):
        case "application/pdf":
            yield f"(& {_PDF} (dpi>={_FEWER_DOTS * (dpi or _PDF_DPI)}))"
        case "image/jpeg" | "image/png" | "image/webp":
            for tag in ("pix-x", "pix-y"):
                pixels = _number(target, tag)
                if pixels is not None and pixels > 1:
                    yield f"(& {_PICTURES} ({tag}>={max(2, int(_FEWER_PIXELS * pixels))}))"
        case _:
            if dpi is not None:
                lines = f"(dpi-xyratio<={_FLATTER * (ratio or 1)})"
                yield f"(& {'' if of_pages else _PAGES} (dpi>={_FEWER_DOTS * dpi}) {lines})"


def _with_less_colour(
    accepted: FeatureSet, targets: Sequence[FeatureCollection], of_pages: bool
) -> FeatureSet | None:
    richest = "full" if any(_text(target, "color") == "full" for target in targets) else "grey"
    if not any(_text(target, "color") == richest for target in targets):
        return None
    made = "" if of_pages else f"(| {_PICTURES} {_PAGES} {_PDF})"
    return accepted - feature_set(f"(& {made} (color={richest}))")


_STEPS = (
    ("quality of pictures", _with_less_quality),
    ("resolution", _coarser),
    ("resolution", _coarser),
    ("colour", _with_less_colour),
    ("resolution", _coarser),
    ("shades", _with_less_colour),
    ("resolution", _coarser),
)
"""What is given up, in this order, each in addition to those before it."""


def _text(target: FeatureCollection, tag: str) -> str | None:
    value = target.get(tag)
    return None if value is None else str(value).strip('"').lower()


def _number(target: FeatureCollection, tag: str) -> Fraction | None:
    value = target.get(tag)
    return value if isinstance(value, Fraction) else None
