"""Feature collections: one concrete rendering, a value for each tag that it states (RFC 2533, 2 and 7.2)."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from conneg.features.conjunction import Conjunction
from conneg.features.domain import Domain
from conneg.features.errors import FeatureValueError
from conneg.features.expression import And, Expression, Or
from conneg.features.normal import fold, normal_form
from conneg.features.sets import FeatureSet, feature_set
from conneg.features.values import FALSE, TRUE, Quantity, TagName, Value, split_key
from conneg.features.writing import write


class FeatureCollection(Mapping[str, Value]):
    """Tags with their values; immutable. Looking up takes a tag in any letter case.

    The keys are those of `conneg.features.conjunction.Conjunction`. Two collections are equal if their tags and values
    are. `str()` is an expression that `collection` reads.
    """

    __slots__ = ("_text", "_values")

    def __init__(self, values: Mapping[str, Value]) -> None:
        named = ((tag if isinstance(tag, TagName) else TagName(tag), value) for tag, value in values.items())
        self._values: dict[str, Value] = dict(sorted(named, key=lambda item: item[0]))
        self._text: str | None = None

    def __getitem__(self, tag: str) -> Value:
        return self._values[tag.lower()]

    def __contains__(self, tag: object) -> bool:
        return isinstance(tag, str) and tag.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"collection({str(self)!r})"

    def __str__(self) -> str:
        if self._text is None:
            self._text = write(self.as_expression())
        return self._text

    def as_feature_set(self) -> FeatureSet:
        """Return the set of all collections that agree with this one in the tags that it states."""
        return FeatureSet((self._conjunction(),))

    def as_expression(self) -> Expression:
        """Return the expression `(& (tag=value) ...)`, sorted by tag; always with the `&`, were there but one tag."""
        expression = normal_form((self._conjunction(),))
        return expression if isinstance(expression, And | Or) else And((expression,))

    def _conjunction(self) -> Conjunction:
        return Conjunction({tag: Domain.of(value) for tag, value in self._values.items()})


def collection(source: str | Expression) -> FeatureCollection:
    """Return the collection that an expression of equalities describes, such as `(& (dpi=200) (color=Binary))`.

    Raises `FeatureValueError` if some tag is left more than one value or none, and what `feature_set` raises.
    """
    forms = fold(feature_set(source).conjunctions)
    if len(forms) != 1:
        raise FeatureValueError(f"a collection is one form, and this expression has {len(forms)}")
    values: dict[str, Value] = {}
    for tag, domain in forms[0].domains.items():
        value = domain.single
        if tag.startswith("("):
            value = TRUE if domain.contains(TRUE) else FALSE
        if value is None:
            raise FeatureValueError(
                f"{tag} must have one value in a collection, and it may be {domain.describe()}"
            )
        values[tag] = with_unit(tag, value)
    return FeatureCollection(values)


def with_unit(key: str, value: Value) -> Value:
    """Return `value` with the unit that `key` names, if it names one."""
    if key.startswith("(") or not isinstance(value, Fraction):
        return value
    unit = split_key(key)[1]
    return value if unit is None else Quantity(value, unit)
