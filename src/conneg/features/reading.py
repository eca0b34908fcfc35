"""Feature expressions from text to tree: a function for each rule of the grammar, whose docstring is the rule.

The grammar is RFC 2533 section 4.1 with units (6.2), named predicates (6.1) and `setentry` as RFC 2738 section 2
corrects it. Raises `FeatureSyntaxError` with the place, or `BoundExceededError`; never anything else. Time is linear in
the text. The common elements are taken in bites of one regular expression each, with the white space before them.
"""

import re
from fractions import Fraction
from functools import lru_cache

from conneg.bounds import Bound
from conneg.features.composite import hash_name, is_hash_name
from conneg.features.expression import (
    And,
    Call,
    Comparison,
    Expression,
    NamedPredicate,
    Not,
    Operator,
    Or,
    Parameter,
    Range,
    SetOf,
    with_parameters,
)
from conneg.features.memo import Memo
from conneg.features.source import EXT_VALUE, FTAG, MAX_DIGITS, QVALUE, TOKEN, Source
from conneg.features.values import Quantity, TagName, Text, Token, Value

MAX_DEPTH = Bound(
    name="features.depth",
    value=32,
    unit="levels of parentheses",
    reason="published expressions nest seven deep; each level costs stack",
    answer="BoundExceededError; the recipient has no usable capability",
)

_WS = r"[ \t\r\n]*+"
_OPEN = re.compile(rf"{_WS}\({_WS}([&|!])?")
_ATTR = re.compile(rf"{_WS}({FTAG.pattern}){_WS}([<>]?=|[<>])?")
_NUMBER_PATTERN = rf"([+-]?[0-9]+)(?:{_WS}/{_WS}([0-9]+)(?![0-9]))?"
_VALUE_PATTERN = rf'(?:({TOKEN.pattern})|"([ !#-~]*)"|{_NUMBER_PATTERN}(?:{_WS}({TOKEN.pattern}))?)'
_VALUE = re.compile(_WS + _VALUE_PATTERN)
_END = re.compile(rf"{_WS}{_VALUE_PATTERN}{_WS}(,|\]|\.\.)")
_ARGUMENT = rf'(?:({TOKEN.pattern})|"([ !#-~]*)"|{_NUMBER_PATTERN}({TOKEN.pattern})?)'
"""A value where white space separates: the unit must follow its number at once."""
_CLOSE_PATTERN = rf"{_WS}\){_WS}(?![;wW])"
_CLOSE = re.compile(_CLOSE_PATTERN)
_SIMPLE = re.compile(rf"{_WS}\({_WS}({FTAG.pattern}){_WS}([<>]?=){_WS}{_VALUE_PATTERN}{_CLOSE_PATTERN}")

_A_VALUE = "a value (number, token, string or TRUE/FALSE)"
_OPERATORS = {operator.value: operator for operator in Operator}
_STRICT_ORDERS = {">": Operator.AT_MOST, "<": Operator.AT_LEAST}
"""For the lenient reading of `(f>v)` as `(!(f<=v))`: the operator that is negated."""

KNOWN_TEXT = 4096
"""What was read from texts up to so many octets is remembered."""

_TREES: Memo[tuple[str, bool], Expression] = Memo(256)

_KNOWN_WORD = 64
"""Names, tokens and numbers up to so many characters are made once."""


def parse(text: str, *, lenient: bool = False) -> Expression:
    """Read a feature expression; the trees of texts that were read lately are remembered.

    `lenient` accepts `(f>v)` and `(f<v)`, which RFC 2879 prints although RFC 2533 has no such operators, as `(!(f<=v))`
    and `(!(f>=v))`. Raises `FeatureSyntaxError` and `conneg.errors.BoundExceededError`.
    """
    known = _TREES.get((text, lenient))
    if known is not None:
        return known
    expression = read_expression(text, lenient=lenient)
    return _TREES.keep((text, lenient), expression) if len(text) <= KNOWN_TEXT else expression


def read_expression(text: str, *, lenient: bool = False) -> Expression:
    """Do what `parse` does, without remembering."""
    expression, end = parse_front(text, lenient=lenient)
    if end < len(text):
        Source(text).fail("the end of the expression", end)
    return expression


def forget_trees() -> None:
    """Forget the trees of texts that were read lately."""
    _TREES.forget()


def parse_front(text: str, *, lenient: bool = False) -> tuple[Expression, int]:
    """Read the expression at the front of `text`; return it and the place where what is behind it begins."""
    reader = _Reader(text, lenient)
    expression = reader.read_filter(1)
    return expression, reader.skip()


class _Reader(Source):
    """One run over one text."""

    __slots__ = ("_lenient",)

    def __init__(self, text: str, lenient: bool) -> None:
        super().__init__(text)
        self._lenient = lenient

    def read_filter(self, depth: int) -> Expression:
        """filter = "(" filtercomp ")" *( ";" parameter ) [ where-clause ]"""
        if depth > MAX_DEPTH.value:
            raise MAX_DEPTH.exceeded()
        simple = _SIMPLE.match(self.text, self.at)
        if simple is not None:
            tag, sign, *value = simple.groups()
            operator = _OPERATORS[sign]
            item = Comparison(
                _tag_name(tag), operator, self._value(simple.start(5), *value), at=simple.start(1)
            )
            self.at = simple.end()
            return item
        opening = _OPEN.match(self.text, self.at)
        if opening is None:
            self.fail("'('")
        self.at = opening.end()
        expression = self._read_filtercomp(opening[1], opening.start(1), depth)
        closing = _CLOSE.match(self.text, self.at)
        if closing is None:
            return self._read_tail(expression, depth)
        self.at = closing.end()
        return expression

    def _read_tail(self, expression: Expression, depth: int) -> Expression:
        """Read what stands behind a filtercomp if it is more than `)`.

        RFC 2533 6.1.3 prints the parameters inside the parentheses when a where-clause follows; both are read, though
        behind the last filter of a list they can only be that filter's.
        """
        inner_at = self.skip()
        parameters = self._read_parameters()
        is_inner = bool(parameters)
        self.expect(")", "')'")
        parameters += self._read_parameters()
        where: tuple[NamedPredicate, ...] = ()
        if self.is_word("where"):
            where = self._read_where_clause(depth)
        elif is_inner:
            self.fail("')'", inner_at)
        return with_parameters(expression, tuple(parameters), where)

    def _read_parameters(self) -> list[Parameter]:
        """*( ";" parameter )"""
        found: list[Parameter] = []
        while self.take(";"):
            found.append(self._read_parameter())
        return found

    def _read_parameter(self) -> Parameter:
        """parameter = "q" "=" qvalue / ext-param "=" ext-value ; ext-param = ALPHA *( ALPHA / DIGIT / "-" )"""
        self.skip()
        name = self.take_match(TOKEN)
        if name is None:
            self.fail("the name of a parameter")
        self.expect("=")
        self.skip()
        if name[0].lower() == "q":
            return Parameter(TagName(name[0]), self._read_qvalue())
        value = self.take_match(EXT_VALUE)
        if value is None:
            self.fail("the value of a parameter")
        return Parameter(TagName(name[0]), value[0])

    def _read_qvalue(self) -> str:
        """qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )"""
        match = self.take_match(QVALUE)
        if match is None:
            self.fail("a quality value from 0 to 1 with at most three decimals")
        return match[0].rstrip("0").rstrip(".") if "." in match[0] else match[0]

    def _read_filtercomp(self, sign: str | None, at: int, depth: int) -> Expression:
        """filtercomp = and / or / not / item                      ; the "&", "|" or "!" at `at` has been read"""
        if sign is None:
            return self._read_item()
        if sign == "&":
            return And(self._read_filterlist(depth), at=at)
        if sign == "|":
            return Or(self._read_filterlist(depth), at=at)
        return Not(self.read_filter(depth + 1), at=at)

    def _read_filterlist(self, depth: int) -> tuple[Expression, ...]:
        """filterlist = 1*filter"""
        text, deeper = self.text, depth + 1
        found = [self.read_filter(deeper)]
        while text.startswith("(", self.at) or text.startswith("(", self.skip()):
            found.append(self.read_filter(deeper))
        return tuple(found)

    def _read_item(self) -> Expression:
        """item = simple / set / ext-pred ; simple = attr ( "=" / ">=" / "<=" ) value"""
        match = _ATTR.match(self.text, self.at)
        if match is None:
            self.fail("'&', '|', '!' or a feature tag")
        at, sign = match.start(1), match[2]
        tag = _tag_name(match[1])
        operator = _OPERATORS.get(sign)
        if operator is None:
            self.at = match.end(1)
            return self._read_ext_pred(tag, at) if sign is None else self._read_strict_order(tag, sign, at)
        self.at = match.end()
        if sign == "=" and self._is_set():
            return SetOf(tag, self._read_set(), at=at)
        return Comparison(tag, operator, self._read_value(_VALUE), at=at)

    def _is_set(self) -> bool:
        """Tell whether a "[" comes next, and pass over it."""
        return self.text.startswith("[", self.at) or (
            self.text[self.at : self.at + 1] in " \t\r\n" and self.text.startswith("[", self.skip())
        )

    def _read_strict_order(self, tag: TagName, sign: str, at: int) -> Expression:
        """No rule: `(f>v)` and `(f<v)`, printed by RFC 2879 A.11 and understood only leniently."""
        self.skip()
        if not self._lenient:
            self.fail(f"'=', '>=' or '<=' (there is no operator {sign!r})")
        self.take(sign)
        return Not(Comparison(tag, _STRICT_ORDERS[sign], self._read_value(_VALUE), at=at), at=at)

    def _read_ftag(self, expected: str) -> TagName:
        """ftag = ALPHA *( ALPHA / DIGIT / ":" / "/" / "." / "-" / "%" )        ; RFC 2506 2.2"""
        self.skip()
        match = self.take_match(FTAG)
        if match is None:
            self.fail(expected)
        return _tag_name(match[0])

    def _read_set(self) -> tuple[Value | Range, ...]:
        """set = attr "=" "[" setentry *( "," setentry ) "]"                    ; attr and "=" have been read"""
        self.expect("[")
        entries: list[Value | Range] = []
        while True:
            entry, delimiter = self._read_setentry()
            entries.append(entry)
            if delimiter == "]":
                return tuple(entries)

    def _read_setentry(self) -> tuple[Value | Range, str]:
        """setentry = value / range ; range = value ".." value                  ; RFC 2738 2; and what is behind it"""
        value, delimiter = self._read_end()
        if delimiter != "..":
            return value, delimiter
        high, delimiter = self._read_end()
        if delimiter == "..":
            self.fail("',' or ']'", self.at - len(delimiter))
        return Range(value, high), delimiter

    def _read_end(self) -> tuple[Value, str]:
        """Return a value and the ",", "]" or ".." that follows it in a set."""
        match = _END.match(self.text, self.at)
        if match is None:
            self._read_value(_VALUE)
            self.fail("',' or ']'")
        *value, delimiter = match.groups()
        found = self._value(match.start(3), *value)
        self.at = match.end()
        return found, delimiter

    def _read_value(self, pattern: re.Pattern[str]) -> Value:
        """value = Boolean / number / token / string / number *WSP token        ; the last: RFC 2533 6.2

        number = integer / rational ; [ "+" / "-" ] 1*DIGIT [ "/" 1*DIGIT ]
        """
        match = pattern.match(self.text, self.at)
        if match is None:
            self.fail(_A_VALUE)
        value = self._value(match.start(3), *match.groups())
        self.at = match.end()
        return value

    def _value(
        self,
        at: int,
        token: str | None,
        string: str | None,
        numerator: str,
        denominator: str | None,
        unit: str | None,
    ) -> Value:
        """Return the value that the groups of `_VALUE` are; `at` is where its number begins."""
        if token is not None:
            return _token(token)
        if string is not None:
            return Text(string)
        MAX_DIGITS.check(max(len(numerator.lstrip("+-")), len(denominator or "")))
        number = _number(numerator, denominator or "1")
        if number is None:
            self.fail("a denominator above zero", at)
        return number if unit is None else Quantity(number, _token(unit))

    def _read_ext_pred(self, name: TagName, at: int) -> Call:
        """ext-pred = fname *param ; fname = ftag ; param = value / ftag         ; RFC 2533 6.1.2"""
        arguments: list[Value | TagName] = []
        while self.skip() < len(self.text) and self.text[self.at] not in ");":
            arguments.append(self._read_param())
        if self.at >= len(self.text):
            self.fail("'=', '>=', '<=' or ')'")
        return Call(name, tuple(arguments), at=at)

    def _read_param(self) -> Value | TagName:
        """param = value / ftag"""
        start = self.at
        if start and self.text[start - 1] not in " \t\r\n":
            self.fail("'=', '>=', '<=' or ')'")
        match = FTAG.match(self.text, start)
        if match is not None and not TOKEN.fullmatch(match[0]):
            self.at = match.end()
            return TagName(match[0])
        return self._read_value(re.compile(_ARGUMENT))

    def _read_where_clause(self, depth: int) -> tuple[NamedPredicate, ...]:
        """where-clause = "where" 1*named-pred "end"                            ; RFC 2533 6.1.3"""
        self.at += len("where")
        found = [self._read_named_pred(depth)]
        while not self.is_word("end"):
            found.append(self._read_named_pred(depth))
        self.at += len("end")
        return tuple(found)

    def _read_named_pred(self, depth: int) -> NamedPredicate:
        """named-pred = "(" fname *pname ")" ":-" filter ; pname = token        ; RFC 2533 6.1.1"""
        self.expect("(", "'(' of a definition, or 'end'")
        name_at = self.skip()
        name = self._read_ftag("the name of a predicate")
        formals: list[TagName] = []
        while not self.take(")"):
            match = self.take_match(TOKEN)
            if match is None:
                self.fail("the name of a parameter, or ')'")
            formals.append(TagName(match[0]))
        self.expect(":-")
        start = self.skip()
        body = self.read_filter(depth + 1)
        definition = NamedPredicate(name, tuple(formals), body, self.text[start : self.at].rstrip(" \t\r\n"))
        self._check_hash(definition, name_at)
        return definition

    def _check_hash(self, definition: NamedPredicate, at: int) -> None:
        """RFC 2938 3: the definition of an `h.` name must hash to it."""
        if is_hash_name(definition.name) and not definition.formals and definition.source is not None:
            real = hash_name(definition.source)
            if real.lower() != definition.name:
                self.fail(f"{real}, the hash of its definition", at)


def _tag_name(text: str) -> TagName:
    return _known_tag_name(text) if len(text) <= _KNOWN_WORD else TagName(text)


def _token(text: str) -> Token:
    return _known_token(text) if len(text) <= _KNOWN_WORD else Token(text)


_known_tag_name = lru_cache(maxsize=1024)(TagName)
_known_token = lru_cache(maxsize=1024)(Token)


@lru_cache(maxsize=1024)
def _number(numerator: str, denominator: str) -> Fraction | None:
    """Return the number, made once; None if the denominator is zero."""
    below = int(denominator)
    return Fraction(int(numerator), below) if below else None
