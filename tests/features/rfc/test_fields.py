"""The header fields of RFC 2912, 2530 and 3297: their printed forms, folded and written anew."""

import pytest

from conneg.features import (
    Expression,
    parse,
    read_content_features,
    read_field,
    write,
    write_content_features,
    write_field,
)

from .vectors import Vector, vectors

FIELDS = [vector for vector in vectors().values() if vector.field]
NAMES = {"content-features", "content-alternative", "media-accept-features"}


def read(vector: Vector) -> Expression:
    return read_field(vector.good)


def test_each_field_has_examples() -> None:
    assert {vector.text.split(":")[0].lower() for vector in FIELDS} == NAMES


@pytest.mark.parametrize("vector", FIELDS, ids=lambda vector: vector.id)
def test_the_value_is_one_filter(vector: Vector) -> None:
    """RFC 2912 section 3: Feature-expr is a filter of RFC 2533; its parentheses are no comment."""
    value = vector.good.partition(":")[2]
    tree = parse(" ".join(value.split()))
    assert read(vector) == tree
    assert read_field(value) == tree
    assert read_field(vector.good.replace("\n", "\r\n ")) == tree
    assert read_field(vector.good + " (a comment)\r\n") == tree


@pytest.mark.parametrize("vector", FIELDS, ids=lambda vector: vector.id)
@pytest.mark.parametrize("width", [40, 76, 998])
def test_written_and_read_again(vector: Vector, width: int) -> None:
    """RFC 2912 section 3.1: folded where white space is allowed."""
    name = vector.text.split(":")[0]
    written = write_field(name, read(vector), width=width)
    assert written.startswith(f"{name}: (")
    assert all(len(line) <= width or " " not in line.strip() for line in written.split("\r\n"))
    assert read_field(written) == read(vector)
    if name.lower() == "content-features":
        assert read_content_features(write_content_features(vector.good.partition(":")[2])) == read(vector)


def test_a_type_of_a_field_is_a_string() -> None:
    """RFC 2913 section 3: the type and subtype as a string."""
    tree = read(vectors()["2912 §4.2"])
    assert '(type="image/tiff")' in write(tree)
