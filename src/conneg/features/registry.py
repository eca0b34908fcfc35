"""Looking registered tags up: what they are, how they and their values are spelt, and in which order they are printed.

The facts are in `conneg.features.schema`. A tag that is not there is an ordinary tag (RFC 2533, 4.2.3): it keeps the
spelling in which it was received, and its values have no order.
"""

from conneg.features.schema import SCHEMA, Pick, Tag
from conneg.features.values import FALSE, TRUE, Token, Value

__all__ = [
    "TAGS",
    "Pick",
    "Tag",
    "describe_tag",
    "find_tag",
    "spelling",
    "value_rank",
    "value_spelling",
]

TAGS: dict[str, Tag] = {tag.name.lower(): tag for tag in SCHEMA}
"""The registered tags by their names in small letters; not to be changed."""

_UNKNOWN = Tag("")
_WORDS: dict[tuple[str, Value], str] = {
    (name, value): value.text
    for name, tag in TAGS.items()
    for value in tag.values
    if isinstance(value, Token)
}
_RANKS: dict[str, dict[Value, int]] = {
    name: {value: place for place, value in enumerate(tag.values)} for name, tag in TAGS.items()
}


def describe_tag(name: str) -> Tag | None:
    """Return the registered tag called `name` in any letter case; None if there is none."""
    return TAGS.get(name.lower())


def find_tag(name: str) -> Tag:
    """Return the registered tag called `name` in any letter case; a tag without a name and values if there is none."""
    return TAGS.get(name.lower(), _UNKNOWN)


def spelling(name: str) -> str:
    """Return the registered spelling of a tag; that of an unknown tag is as received."""
    known = TAGS.get(name.lower())
    if known is not None:
        return known.name
    received: str = getattr(name, "spelling", name)
    return received


def value_spelling(name: str, value: Value) -> str:
    """Return how `value` is written as a value of the tag `name`: registered tokens so, Booleans in capitals."""
    if isinstance(value, Token):
        if value in (TRUE, FALSE):
            return value.text.upper()
        return _WORDS.get((name.lower(), value), value.text)
    return str(value)


def value_rank(name: str, value: Value) -> int:
    """Return the place of `value` in the registered order of the tag's values; unknown ones come last."""
    order = _RANKS.get(name.lower(), {})
    return order.get(value, len(order))
