"""Tags and their legal values (RFC 2506, 2534, 2879 section 3, 2913, 2987)."""

from fractions import Fraction
from typing import NamedTuple

import pytest

from conneg.features import (
    FeatureCollection,
    FeatureSyntaxError,
    TagName,
    Text,
    Token,
    feature_set,
    parse,
    spelling,
    write,
)

from .vectors import SOURCES, document


class Tag(NamedTuple):
    """A tag that an RFC registers or gives as an example, its type, and the values that it lists."""

    id: str
    name: str
    kind: str
    values: tuple[str, ...] = ()


TAGS = [Tag(**row) for source in SOURCES for row in document(source).get("tag", ())]
SCHEMA = {tag.name: tag for tag in TAGS if tag.id.startswith("2879")}
LISTED = [(tag, value) for tag in TAGS for value in tag.values]


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: f"{tag.id} {tag.name}")
def test_tags_in_any_letter_case(tag: Tag) -> None:
    """RFC 2506 section 2.2: feature tags are case-insensitive."""
    for name in (tag.name.upper(), tag.name.lower(), tag.name.title()):
        assert TagName(name) == TagName(tag.name)
        assert feature_set(f"({name}=1)").equivalent(feature_set(f"({tag.name}=1)"))
    if tag.name in SCHEMA or tag.id.startswith(("2534", "2913")):
        assert spelling(tag.name.upper()) == tag.name


@pytest.mark.parametrize(("tag", "value"), LISTED, ids=lambda part: str(part))
def test_listed_value(tag: Tag, value: str) -> None:
    if tag.kind == "string":
        features = feature_set(f'({tag.name}="{value}")')
        assert features.accepts(FeatureCollection({tag.name: Text(value)}))
        assert not features.accepts(FeatureCollection({tag.name: Text("other")}))
        return
    features = feature_set(f"({tag.name}={value})")
    for written in (value.upper(), value.lower()):
        assert features.accepts(FeatureCollection({tag.name: Token(written)}))
        assert feature_set(f"({tag.name}={written})").equivalent(features)
    assert not features.accepts(FeatureCollection({tag.name: Text(value)}))
    others = set(tag.values) - {value}
    assert not any(features.accepts(FeatureCollection({tag.name: Token(other)})) for other in others)


@pytest.mark.parametrize(
    ("tag", "value"), [(tag, value) for tag in SCHEMA.values() for value in tag.values], ids=str
)
def test_registered_spelling_is_written(tag: Tag, value: str) -> None:
    """RFC 2879 section 3: what is read in any letter case is written as the schema spells it."""
    if tag.kind == "string":
        assert write(parse(f'({tag.name.upper()}="{value}")')) == f'({tag.name}="{value}")'
        return
    if value.startswith("CT"):
        value = value.upper()
        assert write(parse(f"({tag.name.upper()}={value})")) == f"({tag.name}={value})"
        return
    for written in (value.upper(), value.lower()):
        assert write(parse(f"({tag.name.upper()}={written})")) == f"({tag.name}={value})"


@pytest.mark.parametrize(
    "tag", [tag for tag in TAGS if tag.kind in ("integer", "rational")], ids=lambda tag: tag.name
)
def test_numeric_tags(tag: Tag) -> None:
    features = feature_set(f"({tag.name}<=17/2)")
    assert features.accepts(FeatureCollection({tag.name: Fraction(8)}))
    assert not features.accepts(FeatureCollection({tag.name: Fraction(9)}))


def test_a_plain_mapping_in_registered_spelling() -> None:
    """RFC 2506 section 2.2: case-insensitive, also in a mapping that is no `FeatureCollection`."""
    assert not feature_set("(MRC-mode=0)").accepts({"MRC-mode": Fraction(1)})
    assert feature_set("(MRC-mode=0)").accepts({"MRC-mode": Fraction(0)})


def test_schema_and_registration_list_the_same_values() -> None:
    """RFC 2879 section 3 refers to RFC 2534 for these."""
    for tag in TAGS:
        if tag.id.startswith("2534") and tag.values:
            assert {value.lower() for value in SCHEMA[tag.name].values} == {
                value.lower() for value in tag.values
            }


@pytest.mark.parametrize(
    "name", ["a", "a1", "a:b", "a/b", "a.b", "a%b", "a-b", "u.http://example.com/f%20", "g.x.y"]
)
def test_characters_of_a_tag(name: str) -> None:
    """RFC 2506 section 2.2: ALPHA *( ALPHA / DIGIT / ":" / "/" / "." / "-" / "%" ); 3.1.3: the URI tree."""
    assert feature_set(f"({name}=TRUE)").mentions(name)
    assert write(parse(f"({name}=TRUE)")) == f"({name}=TRUE)"


@pytest.mark.parametrize("name", ["1a", "-a", ".a", ":a", "%41", "a_b", "a+b", "a@b", "a,b", "a\u00e9", ""])
def test_no_tag(name: str) -> None:
    with pytest.raises(FeatureSyntaxError):
        parse(f"({name}=TRUE)")


@pytest.mark.parametrize("value", ["3pt", "a.b", "a+b", "a_b", "!x", "x#y"])
def test_tokens_of_rfc_2506_that_are_none_in_rfc_2533(value: str) -> None:
    """RFC 2506 section 2.3 has MIME tokens, RFC 2533 section 4.1 fewer: as strings they can be written."""
    if value == "3pt":
        assert feature_set(f"(x={value})").equivalent(feature_set("(x=3 pt)")), "by RFC 2533 6.2 a unit"
    else:
        with pytest.raises(FeatureSyntaxError):
            parse(f"(x={value})")
    assert feature_set(f'(x="{value}")').accepts({"x": Text(value)})
