"""Every printed expression: that it reads or fails as stated, and that it means what its RFC says."""

from fractions import Fraction

import pytest

from conneg.features import (
    FeatureSyntaxError,
    Or,
    collection,
    feature_set,
    hash_name,
    parse,
    read_field,
    unfold,
    write,
)

from .vectors import Vector, expanded, meaning, vectors

VECTORS = list(vectors().values())


def having(name: str) -> pytest.MarkDecorator:
    """Parametrise over the vectors that have the field `name`, and say so when none has."""
    chosen = [vector for vector in VECTORS if getattr(vector, name) not in ("", None, (), {})]
    assert chosen, f"no vector has {name}"
    return pytest.mark.parametrize("vector", chosen, ids=lambda vector: vector.id)


every = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.id)


def read(vector: Vector, text: str) -> str:
    """Read strictly, and return the canonical text."""
    return write(read_field(text) if vector.field else parse(vector.source(text)))


@every
def test_printed_text_reads_or_fails_as_stated(vector: Vector) -> None:
    if vector.fails_at is None:
        assert read(vector, vector.text)
        return
    source = unfold(vector.text.partition(":")[2]) if vector.field else vector.source(vector.text)
    with pytest.raises(FeatureSyntaxError) as caught:
        read(vector, vector.text)
    lines = source.splitlines(keepends=True)
    place = sum(map(len, lines[: caught.value.line - 1])) + caught.value.column - 1
    rest = " ".join(source[place:].split())
    assert rest.startswith(vector.fails_at)
    assert bool(rest) is bool(vector.fails_at)


@every
def test_a_misprint_is_named_and_repaired(vector: Vector) -> None:
    is_wrong = vector.fails_at is not None or vector.repaired is not None
    assert bool(vector.misprint) is is_wrong
    assert (vector.repaired is not None) is is_wrong
    assert vector.repaired != vector.text


@every
def test_good_text_survives_writing(vector: Vector) -> None:
    features = meaning(vector, vector.good)
    assert feature_set(read(vector, vector.good)).equivalent(features)
    assert feature_set(str(features)).equivalent(features)


@having("conjunctions")
def test_number_of_conjunctions(vector: Vector) -> None:
    """RFC 2533 section 5: of single values and ranges."""
    assert expanded(meaning(vector, vector.good)) == vector.conjunctions


@having("alternatives")
def test_number_of_alternatives_in_the_text(vector: Vector) -> None:
    tree = parse(vector.good)
    assert isinstance(tree, Or)
    assert len(tree.operands) == vector.alternatives


@having("qualities")
def test_quality_values(vector: Vector) -> None:
    """RFC 2533 3.7: those of top-level clauses count, 1 is assumed."""
    stated = {Fraction(quality) for quality in vector.qualities}
    features = meaning(vector, vector.good)
    assert {one.quality for one in features.conjunctions} == stated
    for quality in stated:
        part = [one for one in features.conjunctions if one.quality == quality]
        assert expanded(type(features)(tuple(part))) == [Fraction(q) for q in vector.qualities].count(quality)


@having("accepts")
def test_accepted_collections(vector: Vector) -> None:
    features = meaning(vector, vector.good)
    for text in vector.accepts:
        assert features.accepts(collection(text)), text
        assert not (features & feature_set(text)).is_empty, text


@having("rejects")
def test_rejected_collections(vector: Vector) -> None:
    features = meaning(vector, vector.good)
    for text in vector.rejects:
        assert not features.accepts(collection(text)), text
        assert (features & feature_set(text)).is_empty, text


@having("unresolved")
def test_names_that_nobody_defines(vector: Vector) -> None:
    """RFC 2533 6.1.2: a predicate that is not introduced; it is kept and never taken for true."""
    features = meaning(vector, vector.good)
    assert features.unresolved == vector.unresolved
    assert not features.is_empty


@having("values")
def test_values_of_a_tag(vector: Vector) -> None:
    features = meaning(vector, vector.good)
    for tag, text in vector.values.items():
        stated = feature_set(text).conjunctions
        domains = {one.domains[tag] for one in stated}
        assert {one.domain(tag) for one in features.conjunctions} == domains


@having("hash")
def test_hash(vector: Vector) -> None:
    """RFC 2938 3.1."""
    assert hash_name(vector.good) == f"h.{vector.hash}"


@having("lenient")
def test_lenient_reading(vector: Vector) -> None:
    """What is no expression by RFC 2533 but in print elsewhere, read leniently."""
    with pytest.raises(FeatureSyntaxError):
        parse(vector.source(vector.text))
    read_leniently = feature_set(vector.source(vector.text), lenient=True)
    assert read_leniently.equivalent(feature_set(vector.source(vector.lenient or ""), lenient=True))
