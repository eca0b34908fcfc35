"""Rules about how an expression is put together: sets, quality values, alternatives, and what can be met at all."""

from collections.abc import Iterator
from fractions import Fraction

from conneg.bounds import Bound
from conneg.errors import BoundExceededError
from conneg.features.checking.context import Checked, Scope
from conneg.features.checking.oddity import Finding, notes, warns
from conneg.features.errors import FeatureReferenceError
from conneg.features.expression import And, Call, Comparison, Expression, Or, Range, SetOf
from conneg.features.registry import spelling
from conneg.features.sets import FeatureSet, feature_set
from conneg.features.values import Text, Token, number_of
from conneg.features.writing import write

MAX_COMPARED = Bound(
    name="features.compared-alternatives",
    value=100,
    unit="alternatives looked at one by one",
    reason="each may cost as much as a match; the largest published schema has 20",
    answer="the note too-many-alternatives; all other rules are applied",
)


@warns("RFC 2533 5.3, 4.2.2")
def empty_range(checked: Checked) -> Iterator[Finding]:
    """A range that holds nothing: reversed, of different types, or of words, which have no order."""
    for leaf, _ in checked.leaves:
        for entry in leaf.entries if isinstance(leaf, SetOf) else ():
            if not isinstance(entry, Range):
                continue
            low, high = number_of(entry.low), number_of(entry.high)
            if isinstance(entry.low, Token | Text) and isinstance(entry.high, Token | Text):
                if entry.low != entry.high:
                    yield (
                        leaf,
                        f"{entry.low}..{entry.high} holds nothing, words have no order; list the values",
                    )
            elif low is None or high is None:
                yield leaf, f"{entry.low}..{entry.high} holds nothing: its ends are of different types"
            elif low > high:
                yield leaf, f"{entry.low}..{entry.high} holds nothing; write {entry.high}..{entry.low}"


@notes("RFC 2533 4.2.5")
def repeated_value(checked: Checked) -> Iterator[Finding]:
    """A set that lists a value twice, `200/200` and `1` being the same number."""
    for leaf, _ in checked.leaves:
        if isinstance(leaf, SetOf):
            seen = set()
            for entry in leaf.entries:
                if entry in seen and not isinstance(entry, Range):
                    yield leaf, f"{entry} is listed twice in {leaf.tag.spelling}=[...]"
                seen.add(entry)


@notes("RFC 2533 3.3")
def repeated_clause(checked: Checked) -> Iterator[Finding]:
    """The same constraint twice in one `&` or `|`.

    RFC 2879 4.1 states `(MRC-mode=0)` twice.
    """
    for place in checked.places:
        if isinstance(place.node, And | Or):
            seen = set()
            for operand in place.node.operands:
                if isinstance(operand, Comparison | SetOf):
                    if operand in seen:
                        yield operand, f"{write(operand)} is said twice"
                    seen.add(operand)


@warns("RFC 2533 3.6, 4.1")
def idle_quality(checked: Checked) -> Iterator[Finding]:
    """A quality value that does not count.

    Only those of the whole expression and of the alternatives of its outermost `|` do.
    """
    root = checked.expression
    counting = {id(root)} | {id(one) for one in (root.operands if isinstance(root, Or) else ())}
    for place in checked.places:
        if place.node.quality is not None and id(place.node) not in counting:
            yield place.node, "a quality value counts only behind an alternative of the outermost |"


@notes("RFC 2533 3.6")
def zero_quality(checked: Checked) -> Iterator[Finding]:
    """A clause with the quality value 0: it is never chosen, so it might as well be left out."""
    for place in checked.places:
        if place.node.quality == 0:
            yield place.node, "q=0 means that this is never chosen; leave it out, or say q=0.001"


@warns("RFC 2533 3.3; RFC 2879 4.3")
def alternatives_of_different_tags(checked: Checked) -> Iterator[Finding]:
    """An `|` with bare constraints on different tags as its alternatives.

    Whoever says nothing about one of the tags meets it, so nearly every document matches. RFC 2879 4.3, as printed, has
    `size-x` and `paper-size` so by a misplaced parenthesis.
    """
    for place in checked.places:
        if isinstance(place.node, Or):
            bare = [one for one in place.node.operands if isinstance(one, Comparison | SetOf)]
            tags = list(dict.fromkeys(spelling(one.tag) for one in bare))
            if len(tags) > 1:
                yield (
                    place.node,
                    f"{tags[0]} and {tags[1]} are alternatives here, so a document matches that says nothing of"
                    " one of them; write &, or check the parentheses",
                )


@warns("RFC 2533 5")
def never_met(checked: Checked) -> Iterator[Finding]:
    """An expression that no document meets."""
    features = _set(checked.expression)
    if features is not None and features.is_empty:
        yield checked.expression, f"no document can meet this{_because(checked.root)}"


@warns("RFC 2533 5")
def clause_never_met(checked: Checked) -> Iterator[Finding]:
    """An alternative that no document meets, either at all or where it stands.

    Where nothing meets the whole expression, and that is no `|`, never-met says all there is to say.
    """
    features = _set(checked.expression)
    if features is None or not features.is_empty or isinstance(checked.expression, Or):
        yield from _dead_clauses(checked)


def _dead_clauses(checked: Checked) -> Iterator[Finding]:
    """Go through the alternatives from outside in, and not into those that are already dead."""
    scopes = {id(place.node): place.scope for place in checked.places}
    pending = [place.node for place in checked.places[:1]]
    left = MAX_COMPARED.value
    while pending:
        node = pending.pop()
        if isinstance(node, And):
            pending += reversed(node.operands)
        if not isinstance(node, Or):
            continue
        for clause in node.operands:
            left -= 1
            scope = scopes[id(clause)]
            features = _set(clause) if left > 0 else None
            if any(scope.conflicts()) or (features is not None and features.is_empty):
                yield clause, f"no document can meet this alternative{_because(scope)}"
            else:
                pending.append(clause)


def _because(scope: Scope) -> str:
    """Return the tags that have no value left, if it is as simple as that."""
    tags = ", ".join(spelling(tag) for tag in scope.conflicts())
    return f": there is no value left for {tags}" if tags else ": its parts contradict each other"


@warns("RFC 2533 3.3")
def always_met(checked: Checked) -> Iterator[Finding]:
    """An expression, or an `|` in it, that every document meets."""
    for node in _alternations(checked)[: MAX_COMPARED.value]:
        features = _set(node)
        if features is not None and _is_everything(features):
            yield node, "every document meets this; leave it out, or look for a wrong sign"


def _alternations(checked: Checked) -> list[Expression]:
    """Return the expression, and each `|` that stands in it as it is."""
    inner = [place.node for place in checked.places if place.is_plain and isinstance(place.node, Or)]
    return [checked.expression, *(node for node in inner if node is not checked.expression)]


def _is_everything(features: FeatureSet) -> bool:
    """Tell whether nothing is left out; of a tag that is compared with numbers only, no number."""
    try:
        rest = features.complement()
    except BoundExceededError:
        return False
    return all(
        any(domain.is_cofinite and not domain.cuts and not domain.words for domain in one.domains.values())
        for one in rest.conjunctions
    )


@warns("RFC 2533 3.3")
def swallowed_alternative(checked: Checked) -> Iterator[Finding]:
    """An alternative that adds nothing, since another one holds all of it.

    In the outermost `|` it may still be there for its higher quality value.
    """
    left = MAX_COMPARED.value
    for place in checked.places:
        if not isinstance(place.node, Or):
            continue
        clauses = place.node.operands[: MAX_COMPARED.value]
        for inner_at, inner in enumerate(clauses):
            for outer_at, outer in enumerate(clauses):
                if not _may_hold(checked, inner_at, inner, outer_at, outer):
                    continue
                left -= 1
                if left < 0:
                    return
                if _holds(outer, inner):
                    yield inner, f"adds nothing: {_shown(outer)} holds all of it"
                    break


def _may_hold(checked: Checked, inner_at: int, inner: Expression, outer_at: int, outer: Expression) -> bool:
    """Tell cheaply whether it is worth asking if `outer` holds `inner`; of two equal ones the second is swallowed."""
    ours, theirs = checked.says(inner), checked.says(outer)
    checked.spend(1)
    if inner_at == outer_at or _quality(inner) > _quality(outer):
        return False
    if any(tag not in ours for tag in theirs):
        return False
    checked.spend(sum(ours[tag].size + theirs[tag].size for tag in theirs))
    if not all(ours[tag].is_within(theirs[tag]) for tag in theirs):
        return False
    return inner_at > outer_at or ours != theirs


def _quality(clause: Expression) -> Fraction:
    return Fraction(1) if clause.quality is None else clause.quality


def _holds(outer: Expression, inner: Expression) -> bool:
    larger, smaller = _set(outer), _set(inner)
    if larger is None or smaller is None or smaller.is_empty:
        return False
    try:
        return larger.contains(smaller)
    except BoundExceededError:
        return False


def _shown(node: Expression) -> str:
    text = write(node)
    return text if len(text) <= 48 else f"{text[:45]}..."


@warns("RFC 2533 5.1")
def too_costly(checked: Checked) -> Iterator[Finding]:
    """An expression that costs more to work out than a recipient may spend on it."""
    try:
        feature_set(checked.expression)
    except BoundExceededError as error:
        yield checked.expression, f"too costly to match: {error}; write it with fewer alternatives inside &"
    except FeatureReferenceError:
        return


@notes("RFC 2533 5.1")
def too_many_alternatives(checked: Checked) -> Iterator[Finding]:
    """More alternatives than the checker compares one by one."""
    count = sum(len(place.node.operands) for place in checked.places if isinstance(place.node, Or))
    if count > MAX_COMPARED.value:
        yield checked.expression, f"{count} alternatives; only some of them were compared with each other"


@warns("RFC 2533 6.1.1; RFC 2938 3")
def wrong_call(checked: Checked) -> Iterator[Finding]:
    """A call that cannot be put in place: a wrong number of arguments, or a value where a tag must stand."""
    try:
        feature_set(checked.expression)
    except FeatureReferenceError as error:
        calls = [place.node for place in checked.places if isinstance(place.node, Call)]
        named = [call for call in calls if call.name.spelling in str(error) and call.arguments]
        yield next(iter(named or calls), checked.expression), str(error)
    except BoundExceededError:
        return


def _set(node: Expression) -> FeatureSet | None:
    """Return what a part means by itself; None if it costs too much or cannot be worked out."""
    try:
        return feature_set(node, lenient=True)
    except (BoundExceededError, FeatureReferenceError):
        return None


RULES = (
    empty_range,
    repeated_value,
    repeated_clause,
    idle_quality,
    zero_quality,
    alternatives_of_different_tags,
    never_met,
    clause_never_met,
    always_met,
    swallowed_alternative,
    too_costly,
    too_many_alternatives,
    wrong_call,
)
