"""Feature expressions from text to tree: a function for each rule of the grammar, whose docstring is the rule.

The grammar is RFC 2533 section 4.1 with units (6.2), named predicates (6.1) and `setentry` as RFC 2738 section 2
corrects it. Raises `FeatureSyntaxError` with the place, or `BoundExceededError`; never anything else. Time is linear in
the text.
"""

from dataclasses import replace
from fractions import Fraction

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
)
from conneg.features.source import EXT_VALUE, FTAG, MAX_DIGITS, NUMBER, QVALUE, STRING, TOKEN, Source
from conneg.features.values import Quantity, TagName, Text, Token, Value

MAX_DEPTH = Bound(
    name="features.depth",
    value=32,
    unit="levels of parentheses",
    reason="published expressions nest seven deep; each level costs stack",
    answer="BoundExceededError; the recipient has no usable capability",
)

_VALUE = "a value (number, token, string or TRUE/FALSE)"
_FILTER_START = "'&', '|', '!' or a feature tag"
_ORDER_OPERATORS = {">": Operator.AT_MOST, "<": Operator.AT_LEAST}
"""For the lenient reading of `(f>v)` as `(!(f<=v))`: the operator that is negated."""


def parse(text: str, *, lenient: bool = False) -> Expression:
    """Read a feature expression.

    `lenient` accepts `(f>v)` and `(f<v)`, which RFC 2879 prints although RFC 2533 has no such operators, as `(!(f<=v))`
    and `(!(f>=v))`. Raises `FeatureSyntaxError` and `conneg.errors.BoundExceededError`.
    """
    reader = _Reader(Source(text), lenient)
    expression = reader.read_filter(1)
    if reader.source.skip() < len(text):
        reader.source.fail("the end of the expression")
    return expression


class _Reader:
    """One run over one text."""

    def __init__(self, source: Source, lenient: bool) -> None:
        self.source = source
        self._lenient = lenient

    def read_filter(self, depth: int) -> Expression:
        """filter = "(" filtercomp ")" *( ";" parameter ) [ where-clause ]

        RFC 2533 6.1.3 prints the parameters inside the parentheses when a where-clause follows; both are read, though
        behind the last filter of a list they can only be that filter's.
        """
        MAX_DEPTH.check(depth)
        source = self.source
        source.expect("(")
        expression = self._read_filtercomp(depth)
        inner_at = source.skip()
        parameters = self._read_parameters()
        is_inner = bool(parameters)
        source.expect(")", "')'")
        parameters += self._read_parameters()
        where: tuple[NamedPredicate, ...] = ()
        if source.is_word("where"):
            where = self._read_where_clause(depth)
        elif is_inner:
            source.fail("')'", inner_at)
        if parameters or where:
            return replace(expression, parameters=tuple(parameters), where=where)
        return expression

    def _read_parameters(self) -> list[Parameter]:
        """*( ";" parameter )"""
        found: list[Parameter] = []
        while self.source.take(";"):
            found.append(self._read_parameter())
        return found

    def _read_parameter(self) -> Parameter:
        """parameter = "q" "=" qvalue / ext-param "=" ext-value ; ext-param = ALPHA *( ALPHA / DIGIT / "-" )"""
        source = self.source
        source.skip()
        name = source.take_match(TOKEN)
        if name is None:
            source.fail("the name of a parameter")
        source.expect("=")
        source.skip()
        if name[0].lower() == "q":
            return Parameter(TagName(name[0]), self._read_qvalue())
        value = source.take_match(EXT_VALUE)
        if value is None:
            source.fail("the value of a parameter")
        return Parameter(TagName(name[0]), value[0])

    def _read_qvalue(self) -> str:
        """qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )"""
        match = self.source.take_match(QVALUE)
        if match is None:
            self.source.fail("a quality value from 0 to 1 with at most three decimals")
        return match[0].rstrip("0").rstrip(".") if "." in match[0] else match[0]

    def _read_filtercomp(self, depth: int) -> Expression:
        """filtercomp = and / or / not / item"""
        source = self.source
        if source.take("&"):
            return And(self._read_filterlist(depth))
        if source.take("|"):
            return Or(self._read_filterlist(depth))
        if source.take("!"):
            return Not(self.read_filter(depth + 1))
        return self._read_item()

    def _read_filterlist(self, depth: int) -> tuple[Expression, ...]:
        """filterlist = 1*filter"""
        found = [self.read_filter(depth + 1)]
        while self.source.text.startswith("(", self.source.skip()):
            found.append(self.read_filter(depth + 1))
        return tuple(found)

    def _read_item(self) -> Expression:
        """item = simple / set / ext-pred ; simple = attr ( "=" / ">=" / "<=" ) value"""
        source = self.source
        tag = self._read_ftag(_FILTER_START)
        source.skip()
        for operator in (Operator.AT_LEAST, Operator.AT_MOST):
            if source.take(operator):
                return Comparison(tag, operator, self._read_value())
        if source.take("="):
            if source.take("["):
                return self._read_set(tag)
            return Comparison(tag, Operator.EQUAL, self._read_value())
        for sign, operator in _ORDER_OPERATORS.items():
            if source.text.startswith(sign, source.at):
                return self._read_strict_order(tag, sign, operator)
        return self._read_ext_pred(tag)

    def _read_strict_order(self, tag: TagName, sign: str, operator: Operator) -> Expression:
        """No rule: `(f>v)` and `(f<v)`, printed by RFC 2879 A.11 and understood only leniently."""
        if not self._lenient:
            self.source.fail(f"'=', '>=' or '<=' (there is no operator {sign!r})")
        self.source.take(sign)
        return Not(Comparison(tag, operator, self._read_value()))

    def _read_ftag(self, expected: str) -> TagName:
        """ftag = ALPHA *( ALPHA / DIGIT / ":" / "/" / "." / "-" / "%" )        ; RFC 2506 2.2"""
        self.source.skip()
        match = self.source.take_match(FTAG)
        if match is None:
            self.source.fail(expected)
        return TagName(match[0])

    def _read_set(self, tag: TagName) -> SetOf:
        """set = attr "=" "[" setentry *( "," setentry ) "]"      ; the "[" has been read"""
        entries = [self._read_setentry()]
        while self.source.take(","):
            entries.append(self._read_setentry())
        self.source.expect("]", "',' or ']'")
        return SetOf(tag, tuple(entries))

    def _read_setentry(self) -> Value | Range:
        """setentry = value / range ; range = value ".." value                  ; RFC 2738 2"""
        value = self._read_value()
        if self.source.take(".."):
            return Range(value, self._read_value())
        return value

    def _read_value(self, *, may_be_apart: bool = True) -> Value:
        """value = Boolean / number / token / string / number *WSP token        ; the last: RFC 2533 6.2

        Where white space separates (arguments of a call), the unit must follow its number at once.
        """
        source = self.source
        source.skip()
        string = source.take_match(STRING)
        if string is not None:
            return Text(string[0][1:-1])
        token = source.take_match(TOKEN)
        if token is not None:
            return Token(token[0])
        number = self._read_number()
        after = source.at
        if may_be_apart:
            source.skip()
        unit = source.take_match(TOKEN)
        if unit is not None:
            return Quantity(number, Token(unit[0]))
        source.at = after
        return number

    def _read_number(self) -> Fraction:
        """number = integer / rational ; [ "+" / "-" ] 1*DIGIT [ "/" 1*DIGIT ]"""
        start = self.source.at
        match = self.source.take_match(NUMBER)
        if match is None:
            self.source.fail(_VALUE)
        MAX_DIGITS.check(max(len(match[1].lstrip("+-")), len(match[2] or "")))
        denominator = int(match[2] or "1")
        if denominator == 0:
            self.source.fail("a denominator above zero", start)
        return Fraction(int(match[1]), denominator)

    def _read_ext_pred(self, name: TagName) -> Call:
        """ext-pred = fname *param ; fname = ftag ; param = value / ftag         ; RFC 2533 6.1.2"""
        arguments: list[Value | TagName] = []
        source = self.source
        while source.skip() < len(source.text) and source.text[source.at] not in ");":
            arguments.append(self._read_param())
        if source.at >= len(source.text):
            source.fail("'=', '>=', '<=' or ')'")
        return Call(name, tuple(arguments))

    def _read_param(self) -> Value | TagName:
        """param = value / ftag"""
        start = self.source.at
        if start and self.source.text[start - 1] not in " \t\r\n":
            self.source.fail("'=', '>=', '<=' or ')'")
        match = FTAG.match(self.source.text, start)
        if match is not None and not TOKEN.fullmatch(match[0]):
            self.source.at = match.end()
            return TagName(match[0])
        return self._read_value(may_be_apart=False)

    def _read_where_clause(self, depth: int) -> tuple[NamedPredicate, ...]:
        """where-clause = "where" 1*named-pred "end"                            ; RFC 2533 6.1.3"""
        source = self.source
        source.at += len("where")
        found = [self._read_named_pred(depth)]
        while not source.is_word("end"):
            found.append(self._read_named_pred(depth))
        source.at += len("end")
        return tuple(found)

    def _read_named_pred(self, depth: int) -> NamedPredicate:
        """named-pred = "(" fname *pname ")" ":-" filter ; pname = token        ; RFC 2533 6.1.1"""
        source = self.source
        source.expect("(", "'(' of a definition, or 'end'")
        name_at = source.skip()
        name = self._read_ftag("the name of a predicate")
        formals: list[TagName] = []
        while not source.take(")"):
            match = source.take_match(TOKEN)
            if match is None:
                source.fail("the name of a parameter, or ')'")
            formals.append(TagName(match[0]))
        source.expect(":-")
        start = source.skip()
        body = self.read_filter(depth + 1)
        definition = NamedPredicate(name, tuple(formals), body, source.text[start : source.at])
        self._check_hash(definition, name_at)
        return definition

    def _check_hash(self, definition: NamedPredicate, at: int) -> None:
        """RFC 2938 3: the definition of an `h.` name must hash to it."""
        if is_hash_name(definition.name) and not definition.formals and definition.source is not None:
            real = hash_name(definition.source)
            if real.lower() != definition.name:
                self.source.fail(f"{real}, the hash of its definition", at)
