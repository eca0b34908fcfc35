"""A text for what a set means: the same for two sets if, and only if, they are equivalent.

The set is worked out as a decision diagram: one tag after the other in alphabetical order, each value of a tag leading
on to what may stand in the tags behind it, values that lead to the same being one branch, and a tag that decides
nothing being left out. For a given order such a diagram is unique (R. E. Bryant, Graph-Based Algorithms for Boolean
Function Manipulation, IEEE Transactions on Computers C-35(8), 1986, for two values; the proof holds for more).
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from conneg.bounds import Bound
from conneg.features.conjunction import Conjunction, Work
from conneg.features.domain import Domain
from conneg.features.values import Token, value_order

MAX_TAGS = Bound(
    name="features.tags",
    value=200,
    unit="tags in a set whose meaning is to be a text",
    reason="all registered tags are 32; each level costs stack",
    answer="BoundExceededError; compare with equivalent()",
)

_Row: TypeAlias = tuple[tuple[str, Domain], ...]
"""What is left of a conjunction: its tags in order, each with what it may be."""

_NONE, _ALL = 0, 1
"""The numbers of the two ends of every diagram."""


def meaning(conjunctions: Iterable[Conjunction]) -> str:
    """Return a text that says which collections are in the union of `conjunctions`, their qualities left out.

    Raises `conneg.errors.BoundExceededError` for sets that take too much work.
    """
    rows = {tuple(sorted(one.domains.items(), key=lambda item: item[0])) for one in conjunctions}
    MAX_TAGS.check(len({tag for row in rows for tag, _ in row}))
    diagram = _Diagram()
    top = diagram.build(frozenset(rows))
    return diagram.describe(top)


class _Diagram:
    """Nodes by number; each is a tag and its branches: a domain, and the number of what it leads to."""

    def __init__(self) -> None:
        self._work: Final = Work()
        self._built: Final[dict[frozenset[_Row], int]] = {}
        self._numbers: Final[dict[tuple[str, frozenset[tuple[Domain, int]]], int]] = {}
        self._nodes: Final[list[tuple[str, frozenset[tuple[Domain, int]]]]] = []

    def build(self, rows: frozenset[_Row]) -> int:
        """Return the number of the node for the union of `rows`."""
        if not rows:
            return _NONE
        if () in rows:
            return _ALL
        known = self._built.get(rows)
        if known is None:
            known = self._built[rows] = self._branch(rows)
        return known

    def _branch(self, rows: frozenset[_Row]) -> int:
        tag = min(row[0][0] for row in rows)
        behind: dict[int, list[Domain]] = {}
        for domain, following in self._split(tag, rows):
            behind.setdefault(self.build(following), []).append(domain)
        if len(behind) == 1:
            return next(iter(behind))
        node = (tag, frozenset((Domain.union(domains), number) for number, domains in behind.items()))
        known = self._numbers.get(node)
        if known is None:
            self._nodes.append(node)
            known = self._numbers[node] = len(self._nodes) + _ALL
        return known

    def _split(self, tag: str, rows: frozenset[_Row]) -> Iterable[tuple[Domain, frozenset[_Row]]]:
        """Return parts of all values of `tag`, each with what `rows` say about the tags behind it there."""
        others = frozenset(row for row in rows if row[0][0] != tag)
        parts = [(Domain.everything(), others)]
        for row in rows - others:
            domain, following = row[0][1], row[1:]
            self._work.spend(1 + len(parts) * (1 + domain.size // 4))
            cut = []
            for part, known in parts:
                inside = part & domain
                if not inside.is_empty:
                    cut.append((inside, known | {following}))
                outside = part & domain.complement()
                if not outside.is_empty:
                    cut.append((outside, known))
            parts = cut
        return parts

    def describe(self, top: int) -> str:
        """Return the diagram as text: each node once, numbered as they are met from the top."""
        names = {_NONE: "nothing", _ALL: "anything"}
        lines: list[str] = []

        def name(number: int) -> str:
            if number not in names:
                names[number] = f"#{len(names) - 1}"
                tag, branches = self._nodes[number - _ALL - 1]
                ordered = sorted((_text(domain), child) for domain, child in branches)
                lines.append(
                    f"{names[number]} {tag} " + " ".join(f"{text}:{name(child)}" for text, child in ordered)
                )
            return names[number]

        return " / ".join(sorted((name(top), *lines)))


def _text(domain: Domain) -> str:
    words = sorted(domain.words, key=value_order)
    ends = ",".join(f"{number}{'+' if is_above else '-'}" for number, is_above in domain.cuts)
    shown = ",".join(word.folded if isinstance(word, Token) else str(word) for word in words)
    return f"[{ends}]{'~' if domain.is_cofinite else ''}{{{shown}}}"
