"""An expression laid out for the rules: its nodes, and for each what is certain of the other tags where it stands.

What is certain at a node is what the members of the `&` around it say, at every level; of an `|` among them, what all
its alternatives say, taken together. It is known for each tag alone, as a `Domain`. So that one slip is not reported
twice, a misspelt tag counts here as a word about the tag that is meant, whatever its value, and an alias of a value as
the registered value.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple, TypeAlias

from conneg.bounds import Bound
from conneg.features.checking.guessing import Guesses, assignment
from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.expression import And, Call, Comparison, Expression, Not, Operator, Or, Range, SetOf
from conneg.features.repair import repair
from conneg.features.values import Quantity, Value

MAX_CHECKING = Bound(
    name="features.checking",
    value=2_000_000,
    unit="steps of comparing what an expression says about one tag",
    reason="some 700 milliseconds; the largest published schema takes 1,000",
    answer="BoundExceededError; the expression is not checked",
)

_ANYTHING = "("
"""In place of a tag: a predicate is called whose meaning is not looked at, so any tag may be limited."""

_FAX_FILES = (
    "image-file-structure",
    "image-coding-constraint",
    "image-interleave",
    "jbig-stripe-size",
    "mrc-mode",
    "mrc-max-stripe-size",
)

Says: TypeAlias = dict[str, Domain]
"""What a part of an expression says, for each tag alone."""

_Names: TypeAlias = tuple[frozenset[str], frozenset[str]]
"""Formal parameters, and defined predicates."""

Leaf: TypeAlias = Comparison | SetOf
"""A constraint on one tag."""


class Scope:
    """What is certain at a place: what `says` tells, and what the scope `outside` tells."""

    __slots__ = ("_checked", "_known", "_outside", "says")

    def __init__(self, checked: "Checked", says: Says, outside: "Scope | None" = None) -> None:
        self.says: Final = says
        self._checked = checked
        self._outside = outside
        self._known: dict[str, Domain | None] = {}

    @property
    def is_open(self) -> bool:
        """Whether a predicate may say more here than can be seen."""
        return _ANYTHING in self.says or (self._outside is not None and self._outside.is_open)

    def domain(self, tag: str) -> Domain | None:
        """Return what the tag (in small letters) can be here; None if nothing is said."""
        if tag not in self._known:
            self._known[tag] = self._find(tag)
        return self._known[tag]

    def _find(self, tag: str) -> Domain | None:
        inside = self.says.get(tag)
        outside = None if self._outside is None else self._outside.domain(tag)
        if inside is None or outside is None:
            return outside if inside is None else inside
        self._checked.spend(inside.size + outside.size)
        return inside & outside

    def lacks(self, tag: str) -> bool:
        """Tell whether it is certain that nothing is said about the tag."""
        return self.domain(tag) is None and not self.is_open

    def excludes(self, tag: str, *values: Value) -> bool:
        """Tell whether something is said about the tag, and none of `values` is left, but others are."""
        domain = self.domain(tag)
        return domain is not None and not domain.is_empty and not any(domain.contains(v) for v in values)

    def conflicts(self) -> Iterator[str]:
        """Yield the tags, of those that the innermost part says something about, that can have no value here."""
        for tag in self.says:
            domain = self.domain(tag)
            if domain is not None and domain.is_empty:
                yield tag


class Place(NamedTuple):
    """A node, and what is certain there."""

    node: Expression
    scope: Scope
    is_plain: bool
    """Whether it stands neither inside a `!` nor in the definition of a predicate."""
    formals: frozenset[str]
    """The names that are formal parameters here, not tags."""
    defined: frozenset[str]
    """The names of the predicates that are defined here."""


class Checked:
    """One expression under check.

    `places` are its nodes in the order of the text; `root` is what is certain everywhere; `is_capability` tells whether
    it is a receiver's, which leaves a choice, or a document's.
    """

    def __init__(self, expression: Expression) -> None:
        self.expression: Final = expression
        self.guesses: Final = Guesses()
        self._left = MAX_CHECKING.value
        self._memo: dict[tuple[int, bool], Says] = {}
        self.root: Final = Scope(self, self.says(expression))
        self.places: Final = tuple(self._lay_out(expression, self.root, True, (frozenset(), frozenset())))
        self.is_capability: Final = self._leaves_choice()
        self._by_tag: Final = self._leaves_by_tag()

    def spend(self, steps: int) -> None:
        """Count work; raises `BoundExceededError` when it is too much."""
        self._left -= steps
        if self._left < 0:
            raise MAX_CHECKING.exceeded()

    @property
    def leaves(self) -> Iterator[tuple[Leaf, Place]]:
        """All constraints on tags, in the order of the text."""
        for place in self.places:
            if isinstance(place.node, Comparison | SetOf) and place.node.tag not in place.formals:
                yield place.node, place

    def on(self, *tags: str) -> Iterator[tuple[Leaf, Scope]]:
        """Yield the constraints on registered tags (in small letters) that hold as they stand, not negated."""
        for tag in tags:
            for leaf, place in self._by_tag.get(tag, ()):
                if place.is_plain:
                    yield leaf, place.scope

    def mentions(self, *tags: str) -> bool:
        """Tell whether one of the tags (in small letters) occurs, in whatever place."""
        return any(tag in self._by_tag for tag in tags)

    def _leaves_choice(self) -> bool:
        """Tell whether there is a choice below the clauses, as receivers leave it (RFC 2879, A.3)."""
        return any(
            isinstance(node, Or | Call | Not)
            or (isinstance(node, Comparison) and node.operator is not Operator.EQUAL)
            or (isinstance(node, SetOf) and (len(node.entries) > 1 or isinstance(node.entries[0], Range)))
            for node in (place.node for place in self.places)
            if not (isinstance(node, Or) and node is self.expression)
        )

    @property
    def is_fax(self) -> bool:
        """Whether it has tags that only fax has a use for."""
        return self.is_fax_file or self.mentions("image-coding", "color-subsampling")

    @property
    def is_fax_file(self) -> bool:
        """Whether it speaks of the files of fax, not only of codings that are used elsewhere too (RFC 2879, 3.7)."""
        return self.mentions(*_FAX_FILES)

    def says(self, node: Expression, is_true: bool = True) -> Says:
        """Return what a node says, or what its negation says (De Morgan, RFC 2533 5.4)."""
        key = (id(node), is_true)
        if key not in self._memo:
            self._memo[key] = self._says(node, is_true)
        return self._memo[key]

    def _says(self, node: Expression, is_true: bool) -> Says:
        if isinstance(node, Not):
            return self.says(node.operand, not is_true)
        if isinstance(node, And | Or):
            parts = [self.says(operand, is_true) for operand in node.operands]
            self.spend(sum(map(len, parts)))
            return _all_of(parts) if isinstance(node, And) is is_true else _one_of(parts)
        if isinstance(node, Call):
            meant = assignment(node)
            return {meant[0] if meant else _ANYTHING: Domain.everything()}
        guess = self.guesses.tag(node.tag)
        if guess is not None or any(isinstance(value, Quantity) for value in values_of(node)):
            return {(guess or node.tag).lower(): Domain.everything()}
        domain = meaning_of(node)
        return {str(node.tag): _repaired(node.tag, domain) if is_true else domain.complement()}

    def _lay_out(self, node: Expression, scope: Scope, is_plain: bool, names: _Names) -> Iterator[Place]:
        """Yield the node and all below it, definitions last."""
        formals, defined = names
        below = (formals, defined | {definition.name for definition in node.where} if node.where else defined)
        yield Place(node, scope, is_plain, formals, below[1])
        if isinstance(node, And):
            for operand in node.operands:
                yield from self._lay_out(operand, scope, is_plain, below)
        elif isinstance(node, Or):
            for operand in node.operands:
                inside = Scope(self, self.says(operand), scope)
                yield from self._lay_out(operand, inside, is_plain, below)
        elif isinstance(node, Not):
            yield from self._lay_out(node.operand, self._open_scope(), False, below)
        for definition in node.where:
            inner = (formals | frozenset(definition.formals), defined)
            yield from self._lay_out(definition.body, self._open_scope(), False, inner)

    def _open_scope(self) -> Scope:
        return Scope(self, {_ANYTHING: Domain.everything()})

    def _leaves_by_tag(self) -> Mapping[str, list[tuple[Leaf, Place]]]:
        found: dict[str, list[tuple[Leaf, Place]]] = {}
        for leaf, place in self.leaves:
            found.setdefault(leaf.tag, []).append((leaf, place))
        return found


def values_of(leaf: Leaf) -> tuple[Value, ...]:
    """Return every value that is written in a constraint, both ends of ranges too."""
    if isinstance(leaf, Comparison):
        return (leaf.value,)
    return tuple(
        value
        for entry in leaf.entries
        for value in ((entry.low, entry.high) if isinstance(entry, Range) else (entry,))
    )


def meaning_of(leaf: Leaf) -> Domain:
    """Return what a constraint leaves over of its tag's values."""
    if isinstance(leaf, Comparison):
        return Domain.compared(leaf.operator, leaf.value)
    return Domain.of_entries(
        (entry.low, entry.high) if isinstance(entry, Range) else (entry, entry) for entry in leaf.entries
    )


def numbers_of(leaf: Leaf) -> tuple[Fraction, ...]:
    """Return the numbers without a unit that are written in a constraint."""
    return tuple(value for value in values_of(leaf) if isinstance(value, Fraction))


def _all_of(parts: list[Says]) -> Says:
    """Return what several parts say together: what all of them leave over, for each tag."""
    found: dict[str, list[Domain]] = {}
    for part in parts:
        for tag, domain in part.items():
            found.setdefault(tag, []).append(domain)
    return {tag: _meet(domains) for tag, domains in found.items()}


def _one_of(parts: list[Says]) -> Says:
    """Return what is said whichever part holds: of tags that every part speaks of, the union."""
    common = {
        tag: Domain.union(part[tag] for part in parts)
        for tag in parts[0]
        if all(tag in part for part in parts)
    }
    if any(_ANYTHING in part for part in parts):
        common[_ANYTHING] = Domain.everything()
    return common


def _meet(domains: list[Domain]) -> Domain:
    """Return what is in all of them; by their complements, because a union takes them all at once."""
    if len(domains) == 1:
        return domains[0]
    return Domain.union(domain.complement() for domain in domains).complement()


def _repaired(tag: str, domain: Domain) -> Domain:
    """Put registered values for aliases such as TIFF-S."""
    (one,) = repair([Conjunction({tag: domain})])
    return one.domains[tag]
