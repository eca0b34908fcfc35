"""From the tree of an expression to the conjunctions of its meaning (RFC 2533 section 5, by domains for each tag).

Calls are put in place on the way (RFC 2533 6.1.4), not beforehand, so that a text cannot blow itself up.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final, TypeAlias

from conneg.bounds import Bound
from conneg.features.composite import hash_name, is_hash_name
from conneg.features.conjunction import MAX_CONJUNCTIONS, Conjunction, Work, absorb, complement, product
from conneg.features.domain import Domain
from conneg.features.errors import FeatureReferenceError
from conneg.features.expression import (
    And,
    Call,
    Comparison,
    Expression,
    NamedPredicate,
    Not,
    Operator,
    Or,
    Range,
    SetOf,
)
from conneg.features.reading import parse
from conneg.features.registry import spelling
from conneg.features.values import TRUE, Quantity, TagName, Token, Value, feature_key

MAX_EXPANDED_DEPTH = Bound(
    name="features.expanded-depth",
    value=96,
    unit="levels of parentheses with all named predicates in place",
    reason="predicates may use predicates; each level costs stack, and a resolver may go round in circles",
    answer="BoundExceededError; the recipient has no usable capability",
)

Resolver: TypeAlias = Callable[[str], str | Expression | None]
"""Asked for a predicate without arguments that the expression does not define: its text, its tree, or None.

For an `h.` name only a text that hashes to the name is taken; a tree is taken as it is.
"""


class _Scope:
    """The definitions that can be seen from a place, and what the formal parameters stand for there."""

    __slots__ = ("actual", "definitions")

    def __init__(
        self,
        definitions: Mapping[str, tuple[NamedPredicate, "_Scope"]],
        actual: Mapping[str, Value | TagName],
    ) -> None:
        self.definitions: Final = definitions
        self.actual: Final = actual

    def inside(self, expression: Expression) -> "_Scope":
        """Return the scope inside a filter with its where-clause; the definitions do not see each other (6.1.3)."""
        if not expression.where:
            return self
        own: dict[str, tuple[NamedPredicate, _Scope]] = {
            definition.name: (definition, self) for definition in expression.where
        }
        return _Scope({**self.definitions, **own}, self.actual)

    def tag(self, name: TagName) -> TagName:
        """Return the tag that `name` stands for here."""
        actual = self.actual.get(name, name)
        if isinstance(actual, Token):
            return TagName(actual.text)
        if isinstance(actual, TagName):
            return actual
        raise FeatureReferenceError(f"{actual} is given for {name.spelling}, where a feature tag must stand")


_NOWHERE = _Scope({}, {})


class Expander:
    """Works out the meaning of one expression."""

    def __init__(self, resolver: Resolver | None, *, lenient: bool) -> None:
        self._resolver = resolver
        self._lenient = lenient
        self._work = Work()
        self._resolved: dict[str, Expression | None] = {}

    def expand(self, expression: Expression) -> list[Sequence[Conjunction]]:
        """Return unions of conjunctions that must all hold.

        Only quality values of top-level clauses count (RFC 2533 3.6, 3.7); with such values there is one union.
        """
        scope = _NOWHERE
        outer: Fraction | None = None
        depth = 1
        while True:
            outer = expression.quality if outer is None else outer
            if not isinstance(expression, Call):
                break
            target = self._target(expression, scope.inside(expression))
            if target is None:
                break
            expression, scope = target
            depth = self._deeper(depth)
        inside = scope.inside(expression)
        if isinstance(expression, And) and outer in (None, 1):
            return self._parts(expression, inside, depth)
        clauses = expression.operands if isinstance(expression, Or) else (expression,)
        found: list[Conjunction] = []
        for clause in clauses:
            quality = clause.quality if clause.quality is not None else outer
            qualities = () if quality is None or quality == 1 else (quality,)
            found += [
                Conjunction(one.domains, qualities) for one in self._expand(clause, True, inside, depth)
            ]
        return [absorb(found, self._work)]

    def _parts(self, expression: And, scope: _Scope, depth: int) -> list[Sequence[Conjunction]]:
        """Return what the operands say, each by itself; those of an `&` among them too."""
        depth = self._deeper(depth)
        found: list[Sequence[Conjunction]] = []
        for operand in expression.operands:
            if isinstance(operand, And):
                found += self._parts(operand, scope.inside(operand), depth)
            else:
                found.append(self._expand(operand, True, scope, depth))
        return found

    def _expand(self, expression: Expression, is_true: bool, scope: _Scope, depth: int) -> list[Conjunction]:
        """Return the conjunctions of `expression`, or of its negation: De Morgan on the way down (RFC 2533 5.4)."""
        self._work.spend(1)
        depth = self._deeper(depth)
        scope = scope.inside(expression)
        match expression:
            case Not(operand=operand):
                return self._expand(operand, not is_true, scope, depth)
            case And(operands=operands) | Or(operands=operands):
                parts = [self._expand(operand, is_true, scope, depth) for operand in operands]
                if isinstance(expression, And) is is_true:
                    return product(parts, self._work)
                united = absorb([one for part in parts for one in part], self._work)
                MAX_CONJUNCTIONS.check(len(united))
                return united
            case Comparison(tag=tag, operator=operator, value=value):
                return _signed(feature_key(scope.tag(tag), value), Domain.compared(operator, value), is_true)
            case SetOf():
                return self._expand_set(expression, is_true, scope)
            case Call():
                return self._expand_call(expression, is_true, scope, depth)

    def _expand_set(self, expression: SetOf, is_true: bool, scope: _Scope) -> list[Conjunction]:
        """RFC 2533 5.3; entries with different units are about different features (6.2)."""
        tag = scope.tag(expression.tag)
        self._work.spend(len(expression.entries) // 4)
        if not any(isinstance(entry, Quantity | Range) for entry in expression.entries):
            entries = ((entry, entry) for entry in expression.entries if not isinstance(entry, Range))
            return _signed(tag, Domain.of_entries(entries), is_true)
        plain: dict[TagName, list[tuple[Value, Value]]] = {}
        mixed: list[Conjunction] = []
        for entry in expression.entries:
            low, high = (entry.low, entry.high) if isinstance(entry, Range) else (entry, entry)
            low_key, high_key = feature_key(tag, low), feature_key(tag, high)
            if low_key == high_key:
                plain.setdefault(low_key, []).append((low, high))
            else:
                ends: dict[str, Domain] = {low_key: Domain.compared(Operator.AT_LEAST, low)}
                mixed.append(Conjunction({**ends, high_key: Domain.compared(Operator.AT_MOST, high)}))
        if len(plain) == 1 and not mixed:
            key, ranges = next(iter(plain.items()))
            return _signed(key, Domain.of_entries(ranges), is_true)
        union = [
            one for key, entries in plain.items() for one in _signed(key, Domain.of_entries(entries), True)
        ]
        union += mixed
        return union if is_true else complement(union, self._work)

    def _expand_call(self, call: Call, is_true: bool, scope: _Scope, depth: int) -> list[Conjunction]:
        """Put the definition in place; what nobody defines is a Boolean feature named by the call."""
        target = self._target(call, scope)
        if target is not None:
            body, inside = target
            return self._expand(body, is_true, inside, depth)
        return _signed(_call_key(call, scope), Domain.of(TRUE), is_true)

    def _target(self, call: Call, scope: _Scope) -> tuple[Expression, _Scope] | None:
        """Return the definition of what is called and the scope of its body."""
        known = scope.definitions.get(call.name)
        if known is None:
            body = None if call.arguments else self._resolve(call.name)
            return None if body is None else (body, _NOWHERE)
        definition, outside = known
        if len(call.arguments) != len(definition.formals):
            raise FeatureReferenceError(
                f"{call.name.spelling} takes {len(definition.formals)} arguments and is given {len(call.arguments)}"
            )
        actual = dict(outside.actual)
        for formal, argument in zip(definition.formals, call.arguments, strict=True):
            actual[formal] = _actual(argument, scope)
        return definition.body, _Scope(outside.definitions, actual)

    def _resolve(self, name: TagName) -> Expression | None:
        """Ask the resolver, once for each name; a text for an `h.` name must hash to it (RFC 2938 3.2.2)."""
        if self._resolver is None:
            return None
        if name not in self._resolved:
            answer = self._resolver(name.spelling)
            if isinstance(answer, str):
                if is_hash_name(name) and hash_name(answer).lower() != name:
                    raise FeatureReferenceError(
                        f"the text found for {name.spelling} is that of {hash_name(answer)}"
                    )
                answer = parse(answer, lenient=self._lenient)
            self._resolved[name] = answer
        return self._resolved[name]

    def _deeper(self, depth: int) -> int:
        MAX_EXPANDED_DEPTH.check(depth)
        return depth + 1


def _signed(key: TagName, domain: Domain, is_true: bool) -> list[Conjunction]:
    domain = domain if is_true else domain.complement()
    if domain.is_empty:
        return []
    return [Conjunction({} if domain.is_everything else {key: domain})]


def _actual(argument: Value | TagName, scope: _Scope) -> Value | TagName:
    """Return what an argument stands for where the call is: it may itself be a formal parameter there."""
    if isinstance(argument, TagName):
        return scope.actual.get(argument, argument)
    if isinstance(argument, Token):
        return scope.actual.get(argument.folded, argument)
    return argument


def _call_key(call: Call, scope: _Scope) -> TagName:
    """Return the call in parentheses, the key of a feature that is only known by it."""
    arguments = [_actual(argument, scope) for argument in call.arguments]
    shown = [spelling(given) if isinstance(given, TagName) else str(given) for given in arguments]
    return TagName(f"({' '.join([call.name.spelling, *shown])})")
