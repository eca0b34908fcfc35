"""The bidirectional algorithm (UAX 9) for plain text without embeddings and isolates. Pure.

A paragraph's characters get levels: even ones run from left to right, odd ones from right to left. Names of rules are
those of the annex.
"""

import unicodedata
from collections.abc import Sequence

_STRONG_OR_NUMBER = frozenset({"L", "R", "EN", "AN"})
_NEUTRAL = frozenset({"B", "S", "WS", "ON"})
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_MIRRORED = str.maketrans("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤")
MAX_OPEN_BRACKETS = 63
"""As in the annex (BD16): beyond so many nested brackets none of the paragraph is paired."""


def has_right_to_left(text: str) -> bool:
    """Whether any character makes reordering necessary."""
    return not text.isascii() and any(
        unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in text
    )


def base_level(text: str) -> int:
    """Return the paragraph's level: that of its first strong character, 0 where there is none (P2, P3)."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in {"L", "R", "AL"}:
            return int(kind != "L")
    return 0


def levels_of(text: str, base: int) -> list[int]:
    """Return the level of each character of a paragraph whose own level is `base`.

    White space at the end of a line (L1) is the caller's: the layout drops it.
    """
    edge = "R" if base else "L"
    kinds = _resolve_weak([_kind(character) for character in text], edge)
    original = [unicodedata.bidirectional(character) for character in text]
    _resolve_brackets(text, kinds, original, edge)
    _resolve_neutrals(kinds, edge)
    return [base + _raised(kind, base) for kind in kinds]


def visual_order(levels: Sequence[int]) -> list[int]:
    """Return the places of a line's characters from left to right (L2)."""
    order = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and levels[order[end]] >= level:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = max(end, start + 1)
    return order


def mirrored(text: str) -> str:
    """Return the text with brackets and their like turned round, as they look from right to left (L4)."""
    return text.translate(_MIRRORED)


def _kind(character: str) -> str:
    return unicodedata.bidirectional(character) or "L"


def _resolve_weak(kinds: list[str], edge: str) -> list[str]:
    """Return the kinds after W1 to W7: L, R, EN, AN and neutrals."""
    before, strong = edge, edge
    for place, kind in enumerate(kinds):
        if kind in {
            "NSM",
            "BN",
        }:  # W1; BN are left out by the layout, but for joiners, which belong to letters
            kind = before
        if kind in {"L", "R", "AL"}:
            strong = kind
        elif kind == "EN" and strong == "AL":  # W2
            kind = "AN"
        kinds[place] = before = kind
    kinds = ["R" if kind == "AL" else kind for kind in kinds]  # W3
    for place in range(1, len(kinds) - 1):  # W4
        around = {kinds[place - 1], kinds[place + 1]}
        if kinds[place] in {"ES", "CS"} and around == {"EN"}:
            kinds[place] = "EN"
        elif kinds[place] == "CS" and around == {"AN"}:
            kinds[place] = "AN"
    _spread_numbers(kinds)
    strong = edge
    for place, kind in enumerate(kinds):
        if kind in {"ES", "ET", "CS"}:  # W6
            kinds[place] = "ON"
        elif kind in {"L", "R"}:
            strong = kind
        elif kind == "EN" and strong == "L":  # W7
            kinds[place] = "L"
    return kinds


def _spread_numbers(kinds: list[str]) -> None:
    """Make terminators beside European numbers part of them (W5)."""
    place = 0
    while place < len(kinds):
        end = place
        while end < len(kinds) and kinds[end] == "ET":
            end += 1
        if end > place and (
            (place and kinds[place - 1] == "EN") or (end < len(kinds) and kinds[end] == "EN")
        ):
            kinds[place:end] = ["EN"] * (end - place)
        place = max(end, place + 1)


def _resolve_brackets(text: str, kinds: list[str], original: Sequence[str], edge: str) -> None:
    """Give both of a pair of brackets the direction of what they hold (N0)."""
    for opening, closing in _pairs(text, kinds):
        inside = {_direction(kind) for kind in kinds[opening + 1 : closing]} - {None}
        if edge in inside:
            found = edge
        elif inside:
            earlier = (_direction(kinds[place]) for place in range(opening - 1, -1, -1))
            before = next((direction for direction in earlier if direction), edge)
            found = before if before != edge else edge
        else:
            continue
        for place in (opening, closing):
            kinds[place] = found
            after = place + 1
            while after < len(kinds) and original[after] in {"NSM", "BN"}:
                kinds[after] = found
                after += 1


def _pairs(text: str, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of brackets that are neutral, in the order of their openings (BD16)."""
    pairs: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    for place, character in enumerate(text):
        if kinds[place] != "ON":
            continue
        if character in _BRACKETS.values():
            if len(opened) == MAX_OPEN_BRACKETS:
                return []
            opened.append((character, place))
        elif character in _BRACKETS:
            for depth in range(len(opened) - 1, -1, -1):
                if opened[depth][0] == _BRACKETS[character]:
                    pairs.append((opened[depth][1], place))
                    del opened[depth:]
                    break
    return sorted(pairs)


def _resolve_neutrals(kinds: list[str], edge: str) -> None:
    """Give neutrals the direction on both sides of them if it is the same, else the paragraph's (N1, N2)."""
    place = 0
    while place < len(kinds):
        end = place
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        if end > place:
            left = (_direction(kinds[place - 1]) if place else None) or edge
            right = (_direction(kinds[end]) if end < len(kinds) else None) or edge
            kinds[place:end] = [left if left == right else edge] * (end - place)
        place = max(end, place + 1)


def _direction(kind: str) -> str | None:
    """Return the direction of a kind as neutrals see it: numbers are as letters from right to left."""
    if kind == "L":
        return "L"
    return "R" if kind in _STRONG_OR_NUMBER else None


def _raised(kind: str, base: int) -> int:
    """Return by how much a kind is above the paragraph's level (I1, I2)."""
    if base % 2 == 0:
        return {"R": 1, "EN": 2, "AN": 2}.get(kind, 0)
    return 0 if kind == "R" else 1
