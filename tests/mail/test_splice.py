"""Splicing: what is not replaced stays octet for octet, and what is put in is found again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.mail import (
    FieldError,
    NewPart,
    Part,
    Previous,
    SpliceError,
    decode_body,
    prepend_fields,
    read_parts,
    replace_body,
    splice,
)
from tests.mail.messages import Leaf, Multi, messages

TIFF = NewPart("image/tiff", b"II*\0page", "fax.tif")
PNG = NewPart("image/png", b"\x89PNG", None, disposition=None)
NO_MIME = b"From: a@example\r\nSubject: s\r\n\r\nhello\r\n"
MIXED = (
    b"From: a@example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n"
    b"--x\r\nContent-Type: text/plain\r\n\r\nfirst\r\n"
    b"--x \r\nContent-Type: image/png; name=a.png\r\nContent-ID: <a@b>\r\nContent-Description: a map\r\n"
    b"X-Other: kept\r\nContent-MD5: gone\r\nContent-Convert: ANY\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"iVBORw==\r\n"
    b"--x\r\n\r\nthird\r\n--x--\r\nepilogue\r\n"
)


def spliced(content: bytes, replacements: Mapping[str, Sequence[NewPart]], **options: object) -> bytes:
    return splice(content, read_parts(content), replacements, **options)  # type: ignore[arg-type]


def decoded(content: bytes) -> list[tuple[str, bytes]]:
    return [(part.media_type, decode_body(content, part)) for part in read_parts(content).leaves()]


@given(messages())
def test_without_replacements_it_is_the_identity(written: tuple[Leaf | Multi, bytes]) -> None:
    content = written[1]
    assert spliced(content, {}) == content


@given(st.binary(max_size=300))
def test_any_octets_without_replacements(octets: bytes) -> None:
    assert spliced(octets, {}) == octets


@given(messages(), st.data())
def test_other_leaves_stay_octet_for_octet(written: tuple[Leaf | Multi, bytes], data: st.DataObject) -> None:
    content = written[1]
    root = read_parts(content)
    leaves = root.leaves()
    chosen = data.draw(st.sets(st.sampled_from(range(len(leaves))), min_size=1))
    new = spliced(content, {leaves[position].id: [TIFF] for position in chosen})
    after = read_parts(new)
    assert [part.id for part in after.walk()] == [part.id for part in root.walk()]
    for position, (old_part, new_part) in enumerate(zip(leaves, after.leaves(), strict=True)):
        if position in chosen:
            assert (new_part.media_type, new_part.filename) == ("image/tiff", "fax.tif")
            assert decode_body(new, new_part) == TIFF.body
        else:
            assert (
                new[new_part.header_start : new_part.body_end]
                == content[old_part.header_start : old_part.body_end]
            )
    assert _outside(new, after) == _outside(content, root) or not leaves[-1].body_end < len(content)


def _outside(content: bytes, root: Part) -> list[bytes]:
    """What lies between the leaves: headers of multiparts, preambles, delimiters, epilogues."""
    pieces, position = [], 0
    for leaf in root.leaves():
        if leaf is not root:
            pieces.append(content[position : leaf.header_start])
        position = leaf.body_end
    return [*pieces, content[position:]]


@given(messages(), st.data())
def test_removed_leaves_are_gone_and_the_others_stay(
    written: tuple[Leaf | Multi, bytes], data: st.DataObject
) -> None:
    content = written[1]
    leaves = read_parts(content).leaves()
    chosen = data.draw(st.sets(st.sampled_from(range(len(leaves))), min_size=1))
    replacements: dict[str, list[NewPart]] = {leaves[position].id: [] for position in chosen}
    if len(chosen) == len(leaves):
        with pytest.raises(SpliceError, match="no part"):
            spliced(content, replacements)
        return
    new = spliced(content, replacements)
    kept = [content[leaf.header_start : leaf.body_end] for n, leaf in enumerate(leaves) if n not in chosen]
    found = [new[leaf.header_start : leaf.body_end] for leaf in read_parts(new).leaves()]
    assert [part.rstrip(b"\r\n") for part in found] == [part.rstrip(b"\r\n") for part in kept]


@given(messages(), st.data())
def test_several_new_parts_are_all_found(written: tuple[Leaf | Multi, bytes], data: st.DataObject) -> None:
    content = written[1]
    leaves = read_parts(content).leaves()
    chosen = data.draw(st.sampled_from(leaves))
    new = spliced(content, {chosen.id: [TIFF, PNG]})
    wanted: list[tuple[str, bytes]] = []
    for leaf in leaves:
        if leaf.id == chosen.id:
            wanted += [("image/tiff", TIFF.body), ("image/png", PNG.body)]
        else:
            wanted.append((leaf.media_type, decode_body(content, leaf)))
    assert [(kind, body.rstrip()) for kind, body in decoded(new)] == [
        (kind, body.rstrip()) for kind, body in wanted
    ]


_PIECES = [b"\r\n", b"\n", b"--x", b"--x--", b"Content-Type: multipart/mixed; boundary=x", b"text", b"a: b"]
_PIECES += [b"Content-Type: message/rfc822", b"From x\n", b" ", b"\r"]


@given(st.lists(st.sampled_from(_PIECES), max_size=25), st.data())
@settings(max_examples=400)
def test_bad_messages_take_new_parts_too(pieces: list[bytes], data: st.DataObject) -> None:
    content = b"".join(pieces)
    leaves = read_parts(content).leaves()
    chosen = data.draw(st.sampled_from(leaves))
    new = spliced(content, {chosen.id: [TIFF]})
    assert ("image/tiff", TIFF.body) in decoded(new)
    assert len(read_parts(new).leaves()) == len(leaves)


def test_one_replaces_one_in_place() -> None:
    new = spliced(MIXED, {"1.2": [TIFF]})
    part = read_parts(new).children[1]
    before, after = MIXED.partition(b"--x \r\n")[0], MIXED[MIXED.index(b"\r\n--x\r\n\r\nthird") :]
    assert new.startswith(before)
    assert new.endswith(after)
    assert (part.media_type, part.disposition, part.encoding) == ("image/tiff", "attachment", "base64")
    assert decode_body(new, part) == TIFF.body


def test_fields_that_still_hold_stay_and_those_about_the_old_body_go() -> None:
    """Content-Convert is carried unmodified (RFC 4141, 7)."""
    part = read_parts(
        spliced(MIXED, {"1.2": [NewPart("image/tiff", b"", content_id="new@b", description="new")]})
    )
    fields = part.children[1].fields
    assert fields.get_all("content-id") == ["<a@b>"]
    assert fields.get_all("content-description") == ["a map"]
    assert fields.get_all("x-other") == ["kept"]
    assert fields.get_all("content-convert") == ["ANY"]
    assert fields.get("content-md5") is None
    assert len(fields.get_all("content-type")) == 1


def test_several_in_a_mixed_parent_become_siblings() -> None:
    new = spliced(MIXED, {"1.2": [TIFF, PNG]})
    assert [part.media_type for part in read_parts(new).children] == [
        "text/plain",
        "image/tiff",
        "image/png",
        "text/plain",
    ]
    assert read_parts(new).children[2].disposition is None


def test_several_in_another_parent_become_a_multipart() -> None:
    new = spliced(MIXED.replace(b"multipart/mixed", b"multipart/alternative"), {"1.2": [TIFF, PNG]})
    inner = read_parts(new).children[1]
    assert inner.media_type == "multipart/mixed"
    assert [part.media_type for part in inner.children] == ["image/tiff", "image/png"]


def test_a_second_time_the_boundary_is_another() -> None:
    once = replace_body(NO_MIME, read_parts(NO_MIME), [TIFF, PNG])
    twice = spliced(once.replace(b"mixed", b"related"), {"1.1": [PNG, PNG]})
    assert [part.media_type for part in read_parts(twice).leaves()] == ["image/png"] * 3


def test_a_removed_last_part_leaves_a_closed_multipart() -> None:
    unclosed = MIXED.partition(b"\r\n--x--")[0]
    new = spliced(unclosed, {"1.3": []})
    assert new.endswith(b"--x--\r\n")
    assert len(read_parts(new).children) == 2


def test_an_emptied_multipart_goes_too() -> None:
    inner = b"Content-Type: multipart/related; boundary=y\r\n\r\n--y\r\n\r\na\r\n--y\r\n\r\nb\r\n--y--\r\n"
    content = MIXED.replace(b"Content-Type: text/plain\r\n\r\nfirst", inner)
    new = spliced(content, {"1.1.1": [], "1.1.2": []})
    assert [part.media_type for part in read_parts(new).children] == ["image/png", "text/plain"]


def test_a_message_without_mime_gets_it() -> None:
    """RFC 2045, 4."""
    new = replace_body(NO_MIME, read_parts(NO_MIME), [TIFF])
    assert new.startswith(b"From: a@example\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: image/tiff")
    assert new.endswith(b"\r\n")


def test_the_whole_body_as_one_part() -> None:
    new = replace_body(MIXED, read_parts(MIXED), [TIFF])
    root = read_parts(new)
    assert (root.media_type, root.children) == ("image/tiff", ())
    assert root.fields.get_all("mime-version") == ["1.0"]
    assert root.fields.get("from") == "a@example"


def test_the_whole_body_as_several_parts() -> None:
    assert decoded(replace_body(MIXED, read_parts(MIXED), [TIFF, PNG])) == [
        ("image/tiff", TIFF.body),
        ("image/png", PNG.body),
    ]


def test_lf_content_stays_lf() -> None:
    content = MIXED.replace(b"\r\n", b"\n")
    assert b"\r" not in spliced(content, {"1.2": [TIFF, PNG]})


def test_inside_a_message() -> None:
    content = b"Subject: out\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n"
    new = spliced(content, {"1.1": [TIFF]})
    inner = read_parts(new).children[0]
    assert (inner.media_type, inner.fields.get("subject")) == ("image/tiff", "in")
    assert inner.fields.get("mime-version") == "1.0"


def test_content_features_are_folded_between_lexical_elements() -> None:
    expression = (
        "(& (color=Binary) (image-file-structure=TIFF-minimal) (dpi=204) (dpi-xyratio=204/98) (ua-media=x))"
    )
    new = spliced(MIXED, {"1.2": [NewPart("image/tiff", b"", features=expression)]})
    field = read_parts(new).children[1].fields.first("content-features")
    assert field is not None
    assert max(map(len, field.raw.split(b"\r\n"))) <= 76
    assert field.value.split() == expression.split()


def test_content_previous_records_the_form_before() -> None:
    """RFC 4141, 8: taken from the Content-Features that is replaced; newest on top."""
    content = MIXED.replace(
        b"Content-ID", b"Content-Features: (color=Full)\r\nContent-Previous: older\r\nContent-ID"
    )
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    fields = (
        read_parts(spliced(content, {"1.2": [TIFF]}, previous=Previous("fax.example", when)))
        .children[1]
        .fields
    )
    assert fields.get_all("content-previous") == [
        "Date Fri, 02 Jan 2026 03:04:05 +0000; By fax.example; (color=Full)",
        "older",
    ]
    given = Previous("fax.example", when, {"1.2": "(color=Mapped)"})
    fields = read_parts(spliced(MIXED, {"1.2": [TIFF]}, previous=given)).children[1].fields
    assert fields.get_all("content-previous")[0].endswith("By fax.example; (color=Mapped)")
    fields = (
        read_parts(spliced(MIXED, {"1.2": [TIFF]}, previous=Previous("fax.example", when))).children[1].fields
    )
    assert fields.get_all("content-previous") == []


def test_file_names_outside_ascii_and_long_ones() -> None:
    for name in ("Grüße.tif", "ü" * 200 + ".tif", "a" * 900, 'quote".tif', "back\\slash.tif"):
        new = spliced(MIXED, {"1.2": [NewPart("image/tiff", b"", name)]})
        part = read_parts(new).children[1]
        assert part.filename == name
        assert max(map(len, new.split(b"\r\n"))) < 200


def test_a_line_end_in_a_value_is_refused() -> None:
    with pytest.raises(FieldError):
        spliced(MIXED, {"1.1": [NewPart("image/tiff", b"", content_id="a>\r\nBcc: <b")]})


@pytest.mark.parametrize("replacements", [{"2": [TIFF]}, {"1.9": []}, {"": [TIFF]}])
def test_unknown_ids(replacements: dict[str, list[NewPart]]) -> None:
    with pytest.raises(SpliceError, match="no part"):
        spliced(MIXED, replacements)


def test_one_inside_another() -> None:
    with pytest.raises(SpliceError, match="inside"):
        spliced(MIXED, {"1": [TIFF], "1.2": [TIFF]})


def test_fields_on_top() -> None:
    assert prepend_fields(NO_MIME, b"X-A: 1\r\n", b"X-B: 2\r\n") == b"X-A: 1\r\nX-B: 2\r\n" + NO_MIME


@given(st.binary(max_size=60))
def test_arbitrary_octets_take_a_new_body(octets: bytes) -> None:
    try:
        root = read_parts(octets)
    except BoundExceededError:
        return
    assert decoded(replace_body(octets, root, [TIFF])) == [("image/tiff", TIFF.body)]
