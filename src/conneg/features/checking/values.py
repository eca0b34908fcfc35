"""Rules about the values of one constraint: of the registered type, registered, within range, without a unit."""

import re
from collections.abc import Iterator
from fractions import Fraction

from conneg.features.checking.context import Checked, Leaf, numbers_of, values_of
from conneg.features.checking.oddity import Finding, notes, warns
from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.expression import Comparison, Operator
from conneg.features.registry import find_tag, value_spelling
from conneg.features.repair import repair
from conneg.features.schema import DataType, Tag
from conneg.features.values import FALSE, TRUE, Quantity, Text, Token, Value

_TOKENS = (DataType.TOKEN, DataType.ORDERED_TOKEN)
_STRINGS = (DataType.STRING, DataType.COMPARED_STRING)
_BIG_COUNTS = (65536, 16777216, 68719476736)
_MEDIA_TYPE = re.compile(r"[!#$&^_.+a-zA-Z0-9-]+/[!#$&^_.+a-zA-Z0-9-]+")
_WORDS_IN_SMALL_LETTERS = ("charset", "language")


def _known(checked: Checked) -> Iterator[tuple[Leaf, Tag, Value]]:
    """Yield the written values of registered tags, each once for its constraint."""
    for leaf, _ in checked.leaves:
        tag = find_tag(leaf.tag)
        if tag.type is not None:
            for value in dict.fromkeys(values_of(leaf)):
                yield leaf, tag, value


@warns("RFC 2506 2.3")
def wrong_type(checked: Checked) -> Iterator[Finding]:
    """A value of another type than its tag is registered with.

    A string never equals a token, and neither equals a number. RFC 2533 3.4 prints `color=15`.
    """
    for leaf, tag, value in _known(checked):
        if isinstance(value, Quantity) or _is_of_type(tag, value):
            continue
        yield leaf, f"{tag.name} takes a {_noun(tag)}, not {_kind(value)} {value}; {_instead(tag, value)}"


def _is_of_type(tag: Tag, value: Value) -> bool:
    if isinstance(value, Token):
        return tag.type in _TOKENS and value not in (TRUE, FALSE)
    if isinstance(value, Text):
        return tag.type in _STRINGS or (tag.type in _TOKENS and not tag.values and not _can_be_token(value))
    return tag.type is not None and tag.type.is_number


def _can_be_token(value: Text) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value.text) is not None


def _kind(value: Value) -> str:
    if value in (TRUE, FALSE):
        return "the Boolean"
    return (
        "the token" if isinstance(value, Token) else "the string" if isinstance(value, Text) else "the number"
    )


def _noun(tag: Tag) -> str:
    return str(tag.type).partition(" (")[0]


def _instead(tag: Tag, value: Value) -> str:
    """Return what to write instead."""
    if isinstance(value, Text) and tag.type in _TOKENS and _can_be_token(value):
        return f"write {value_spelling(tag.name, Token(value.text))} without quotation marks"
    if isinstance(value, Token) and tag.type in _STRINGS and not tag.values:
        return "write it in quotation marks"
    return f"permitted: {tag.permitted}" if tag.values else "write a number"


@warns("RFC 2879 3")
def unregistered_value(checked: Checked) -> Iterator[Finding]:
    """A token or string that is not among the registered ones.

    Values in print that stand for a registered one are another rule's: obsolete-value.
    """
    for leaf, tag, value in _known(checked):
        if not isinstance(value, Token | Text) or not _is_of_type(tag, value) or tag.is_listed(value):
            continue
        if _registered(tag, value) != value:
            continue
        names = {str(known): known for known in tag.values}
        near = checked.guesses.near(str(value), names)
        hint = f"did you mean {near}?" if near else f"registered: {tag.permitted}"
        yield leaf, f"{value} is no registered value of {tag.name}; {hint}"


@warns("RFC 2879 3.7, C")
def obsolete_value(checked: Checked) -> Iterator[Finding]:
    """A value left over from an older schema.

    RFC 2879 appendix B and RFC 2913 4.2 write the structures of RFC 2531 (`TIFF-S`, ...), A.13 `color-space=LAB`.
    """
    for leaf, tag, value in _known(checked):
        if isinstance(value, Token) and _registered(tag, value) != value:
            meant = value_spelling(tag.name, _registered(tag, value))
            yield leaf, f"{value} is no registered value of {tag.name}; write {meant}"


def _registered(tag: Tag, value: Value) -> Value:
    """Return the registered value that a word in print stands for, else the word itself."""
    name = tag.name.lower()
    (one,) = repair([Conjunction({name: Domain.of(value)})])
    return one.domains[name].single or value


@warns("RFC 2879 3")
def number_out_of_range(checked: Checked) -> Iterator[Finding]:
    """A number outside the limits that the tag is registered with."""
    for leaf, tag, number in _numbers(checked):
        if not tag.is_in_range(number):
            yield leaf, f"{tag.name} is {tag.permitted}, never {number}"


@warns("RFC 2506 2.3")
def fraction_for_integer(checked: Checked) -> Iterator[Finding]:
    """A fraction for a tag that is registered with integers."""
    for leaf, tag, number in _numbers(checked):
        if tag.type is DataType.SIGNED_INTEGER and number.denominator != 1:
            yield leaf, f"{tag.name} takes integers, not {number}"


def _numbers(checked: Checked) -> Iterator[tuple[Leaf, Tag, Fraction]]:
    """Yield the numbers written for registered tags that take numbers."""
    for leaf, tag, value in _known(checked):
        if tag.type is not None and tag.type.is_number and isinstance(value, Fraction):
            yield leaf, tag, value


@notes("RFC 2879 3.2")
def fractional_dpi(checked: Checked) -> Iterator[Finding]:
    """A resolution that is no integer.

    RFC 2534 2.2 allows it, RFC 2879 3.2 does not, so fax receivers may not expect it.
    """
    for leaf, _ in checked.on("dpi"):
        for number in numbers_of(leaf):
            if number.denominator != 1:
                yield leaf, f"dpi={number} is no integer, as RFC 2879 wants it; write {round(number)}"


@warns("RFC 2533 6.2")
def unit_on_tag(checked: Checked) -> Iterator[Finding]:
    """A unit behind the number of a registered tag.

    A constraint with a unit is about another feature, so it never meets the one without.
    """
    for leaf, tag, value in _known(checked):
        if isinstance(value, Quantity):
            yield leaf, f"{value} makes {tag.name} another feature; write the number without {value.unit}"


@warns("RFC 2533 4.2.2")
def order_of_unordered(checked: Checked) -> Iterator[Finding]:
    """A word compared by `<=` or `>=` where no order is registered: it means `=`."""
    for leaf, _ in checked.leaves:
        if isinstance(leaf, Comparison) and leaf.operator is not Operator.EQUAL:
            data_type = find_tag(leaf.tag).type
            if isinstance(leaf.value, Token | Text) and not (data_type and data_type.is_ordered):
                tag = leaf.tag.spelling
                yield (
                    leaf,
                    f"{tag}{leaf.operator}{leaf.value} means {tag}={leaf.value}, words have no order;"
                    f" list the values: {tag}=[...]",
                )


@warns("RFC 2913 3")
def media_type(checked: Checked) -> Iterator[Finding]:
    """A media type with capitals or parameters, or no media type.

    It is compared octet by octet, so only small letters without parameters meet.
    """
    for leaf, _ in checked.leaves:
        for value in values_of(leaf) if leaf.tag == "type" else ():
            if not isinstance(value, Text):
                continue
            bare = value.text.partition(";")[0].strip()
            if not _MEDIA_TYPE.fullmatch(bare):
                yield leaf, f'{value} is no media type; write "type/subtype"'
            elif bare != value.text:
                yield (
                    leaf,
                    f'{value} has more than the media type; write "{bare.lower()}" and tags for the rest',
                )
            elif bare != bare.lower():
                yield leaf, f'media types are written in small letters: "{bare.lower()}"'


@notes("RFC 2987 1, 2")
def small_letters(checked: Checked) -> Iterator[Finding]:
    """A charset or language with capitals.

    They compare in any letter case here, but not everybody's do.
    """
    for leaf, _ in checked.leaves:
        for value in values_of(leaf) if leaf.tag in _WORDS_IN_SMALL_LETTERS else ():
            if isinstance(value, Token | Text) and value.text != value.text.lower():
                yield leaf, f"{leaf.tag} is best written in small letters: {str(value).lower()}"


@warns("RFC 2880 3.12")
def misprinted_count(checked: Checked) -> Iterator[Finding]:
    """A number of colours that is 65536, 16777216 or 68719476736 with a digit missing or too much.

    RFC 2880 3.12 prints 6871946736 for 68719476736, which is 4096 cubed.
    """
    for leaf, _ in checked.on("color-levels"):
        for number in numbers_of(leaf):
            for count in _BIG_COUNTS:
                if _is_one_digit_off(str(number), str(count)):
                    yield leaf, f"{number} colours; did you mean {count}?"


def _is_one_digit_off(one: str, other: str) -> bool:
    """Tell whether one of them is the other with one digit more."""
    short, long = sorted((one, other), key=len)
    return len(long) == len(short) + 1 and any(
        long[:place] + long[place + 1 :] == short for place in range(len(long))
    )


RULES = (
    wrong_type,
    unregistered_value,
    obsolete_value,
    number_out_of_range,
    fraction_for_integer,
    fractional_dpi,
    unit_on_tag,
    order_of_unordered,
    media_type,
    small_letters,
    misprinted_count,
)
