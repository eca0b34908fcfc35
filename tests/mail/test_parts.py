"""The tree of parts: against the trees that messages were written from, against the standard library's parser, and on
anything at all."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage, Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.errors import BoundExceededError
from conneg.mail import Part, decode_body, read_parts
from conneg.mail.parts import MAX_DEPTH, MAX_PARTS
from tests.mail.messages import HEAD, Leaf, Multi, messages, tree_leaves

MIXED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n"
    b"--x\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--x\r\n\r\nsecond\r\n--x--\r\nepilogue\r\n"
)


def bodies(content: bytes) -> list[bytes]:
    return [content[part.body_start : part.body_end] for part in read_parts(content).leaves()]


def check_tiles(content: bytes, part: Part) -> None:
    """Header, then body, inside the parent; between children a delimiter line and nothing else (RFC 2046, 5.1.1)."""
    assert part.header_start <= part.body_start <= part.body_end
    position = part.body_start
    for number, child in enumerate(part.children):
        assert position <= child.header_start
        gap = content[position : child.header_start]
        if part.is_message:
            assert gap == b""
        elif number:
            assert gap.strip().startswith(b"--")
            assert b"\n" not in gap.strip()
        check_tiles(content, child)
        position = child.body_end
    assert position <= part.body_end


@given(messages())
def test_the_tree_is_the_one_that_was_written(written: tuple[Leaf | Multi, bytes]) -> None:
    tree, content = written

    def check(part: Part, node: Leaf | Multi) -> None:
        if isinstance(node, Leaf):
            assert not part.children
            assert part.media_type == node.media_type.partition(";")[0]
            return
        assert part.media_type == f"multipart/{node.subtype}"
        assert len(part.children) == len(node.children)
        for child, wanted in zip(part.children, node.children, strict=True):
            check(child, wanted)

    root = read_parts(content)
    check(root, tree)
    check_tiles(content, root)
    assert (root.header_start, root.body_end) == (0, len(content))


@given(messages())
def test_bodies_decode_to_what_was_encoded(written: tuple[Leaf | Multi, bytes]) -> None:
    tree, content = written
    for part, leaf in zip(read_parts(content).leaves(), tree_leaves(tree), strict=True):
        found = decode_body(content, part)
        if leaf.encoding == "7bit" and found != leaf.body:
            # The last part of a multipart without final boundary also has what came after it in the outer one.
            assert found.startswith(leaf.body)
            assert found[len(leaf.body) :].strip() in {b"", b"This is a multi-part message."}
        elif leaf.encoding == "base64":
            assert found == leaf.body


def walk_both(part: Part, other: Message) -> Iterator[tuple[Part, Message]]:
    yield part, other
    children = other.get_payload()
    if isinstance(children, list):
        assert len(part.children) == len(children), (part, other.get_content_type())
        for child, other_child in zip(part.children, children, strict=True):
            assert isinstance(other_child, Message)
            yield from walk_both(child, other_child)
    else:
        assert not part.children


@given(messages())
def test_the_standard_library_sees_the_same_tree(written: tuple[Leaf | Multi, bytes]) -> None:
    content = written[1]
    for part, other in walk_both(read_parts(content), email.message_from_bytes(content)):
        assert part.media_type == other.get_content_type()
        if not part.children:
            ours, theirs = decode_body(content, part), other.get_payload(decode=True)
            # Theirs leaves the white space that was added at line ends (RFC 2045, 6.7, rule 3) where ours drops it.
            assert ours.split() == theirs.split()


_names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40
)
_names = _names.filter(lambda name: name == name.strip())


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=200),
    st.lists(st.tuples(_names, st.binary(max_size=300)), max_size=3),
    st.booleans(),
)
def test_messages_written_by_the_standard_library(
    text: str, files: list[tuple[str, bytes]], with_html: bool
) -> None:
    message = EmailMessage()
    message["Subject"] = "a document"
    message.set_content(text)
    if with_html:
        message.add_alternative(f"<p>{text}</p>", subtype="html")
    for name, octets in files:
        message.add_attachment(octets, maintype="image", subtype="tiff", filename=name)
    content = message.as_bytes(policy=email.policy.SMTP)
    found = [part for part in read_parts(content).leaves() if part.disposition == "attachment"]
    theirs = email.message_from_bytes(content, policy=email.policy.SMTP)
    assert [decode_body(content, part) for part in found] == [octets for _, octets in files]
    names = [name for name, _ in files]
    read_back = [part.get_filename() for part in theirs.iter_attachments()]
    # There are names that the library writes and cannot read again; they say nothing about us.
    assert [
        part.filename for part, name, own in zip(found, names, read_back, strict=True) if own == name
    ] == [name for name, own in zip(names, read_back, strict=True) if own == name]


@given(st.binary(max_size=400))
def test_any_octets_are_a_message(octets: bytes) -> None:
    check_tiles(octets, read_parts(octets))


@given(
    st.lists(
        st.sampled_from(
            [
                b"\r\n",
                b"\n",
                b"\r",
                b"--x",
                b"--x--",
                b"--y",
                b"--",
                b"Content-Type: multipart/mixed; boundary=x",
                b"Content-Type: multipart/digest; boundary=y",
                b"Content-Type: message/rfc822",
                b"Content-Type: ",
                b"text",
                b": ",
                b" \t",
                b"From me\n",
                b"\xff\x00",
            ]
        ),
        max_size=40,
    )
)
@settings(max_examples=400)
def test_near_messages_parse(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    root = read_parts(content)
    check_tiles(content, root)
    for part in root.walk():
        decode_body(content, part)


def test_preamble_and_epilogue_are_no_parts() -> None:
    assert bodies(MIXED) == [b"first", b"second"]


def test_lf_only_content() -> None:
    assert bodies(MIXED.replace(b"\r\n", b"\n")) == [b"first", b"second"]


def test_ids_count_from_one() -> None:
    assert [part.id for part in read_parts(MIXED).walk()] == ["1", "1.1", "1.2"]


def test_a_missing_final_boundary() -> None:
    assert bodies(MIXED.partition(b"--x--")[0]) == [b"first", b"second\r\n"]


def test_a_boundary_that_never_appears_makes_a_leaf() -> None:
    content = MIXED.replace(b"boundary=x", b"boundary=nowhere")
    root = read_parts(content)
    assert (root.media_type, root.children, root.is_multipart) == ("multipart/mixed", (), False)


def test_a_multipart_without_boundary_makes_a_leaf() -> None:
    assert read_parts(MIXED.replace(b"; boundary=x", b"")).children == ()


def test_delimiters_may_be_padded() -> None:
    """RFC 2046, 5.1.1: transport padding."""
    assert bodies(MIXED.replace(b"--x\r\n", b"--x \t\r\n").replace(b"--x--", b"--x-- ")) == [
        b"first",
        b"second",
    ]


def test_a_boundary_that_begins_another_is_not_it() -> None:
    """RFC 2046, 5.1.1: a delimiter line is the whole line, not its beginning."""
    inner = (
        b"Content-Type: multipart/mixed; boundary=xy\r\n\r\n--xy\r\n\r\none\r\n--xy\r\n\r\ntwo\r\n--xy--\r\n"
    )
    content = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
        + inner
        + b"\r\n--x\r\n\r\nthree\r\n--x--\r\n"
    )
    assert bodies(content) == [b"one", b"two", b"three"]


def test_an_outer_delimiter_ends_an_inner_multipart() -> None:
    """RFC 2046, 5.1.2: such a message is bad, and still every part is found."""
    inner = b"Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\none"
    content = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
        + inner
        + b"\r\n--x\r\n\r\ntwo\r\n--x--\r\n"
    )
    assert bodies(content) == [b"one", b"two"]


def test_an_empty_part_between_adjacent_delimiters() -> None:
    content = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n\r\nbody\r\n--x--"
    assert bodies(content) == [b"", b"body"]


def test_digest_parts_are_messages_by_default() -> None:
    """RFC 2046, 5.1.5."""
    content = (
        b"Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: in\r\n\r\nbody\r\n--x--\r\n"
    )
    part = read_parts(content).children[0]
    assert (part.media_type, part.is_message) == ("message/rfc822", True)
    assert part.children[0].fields.get("subject") == "in"
    assert part.children[0].id == "1.1.1"


def test_an_encoded_message_is_a_leaf() -> None:
    """RFC 2046, 5.2.1 forbids it; offsets into what is coded would be no offsets."""
    content = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nRnJvbTogYQ=="
    assert read_parts(content).children == ()


@pytest.mark.parametrize("value", [b"", b"text", b"text/", b"/plain", b"te xt/plain", b"a/b/c", b"\xff/x"])
def test_a_content_type_that_cannot_be_read_is_text(value: bytes) -> None:
    """RFC 2045, 5.2."""
    assert read_parts(b"Content-Type: " + value + b"\r\n\r\nx").media_type == "text/plain"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (b'Content-Disposition: attachment; filename="fax 1.tif"', "fax 1.tif"),
        (b"Content-Disposition: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.tif", "Grüße.tif"),
        (b'Content-Disposition: attachment; filename="=?utf-8?q?Gr=C3=BC=C3=9Fe=2Etif?="', "Grüße.tif"),
        (b'Content-Type: image/tiff; name="scan.tif"', "scan.tif"),
        (b"Content-Disposition: attachment; filename=two words.tif", "two words.tif"),
        (b'Content-Disposition: attachment; filename="C:\\scans\\a.tif"', "C:\\scans\\a.tif"),
        (b"Content-Disposition: attachment", None),
    ],
)
def test_file_names(field: bytes, name: str | None) -> None:
    assert read_parts(field + b"\r\n\r\nx").filename == name


def test_a_boundary_outside_ascii() -> None:
    content = b'Content-Type: multipart/mixed; boundary="\xfc"\r\n\r\n--\xfc\r\n\r\nbody\r\n--\xfc--\r\n'
    assert bodies(content) == [b"body"]


def test_too_deep() -> None:
    level = b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n"
    content = b"".join(level % (depth, depth) for depth in range(MAX_DEPTH.value + 1))
    with pytest.raises(BoundExceededError, match=r"mail\.depth"):
        read_parts(HEAD + content)


def test_as_deep_as_allowed() -> None:
    level = b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n"
    content = b"".join(level % (depth, depth) for depth in range(MAX_DEPTH.value - 1))
    assert len(list(read_parts(content).walk())) == MAX_DEPTH.value


def test_nested_messages_count_as_depth() -> None:
    with pytest.raises(BoundExceededError, match=r"mail\.depth"):
        read_parts(b"Content-Type: message/rfc822\r\n\r\n" * (MAX_DEPTH.value + 1))


def test_too_many_parts() -> None:
    content = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n\r\n" * (
        MAX_PARTS.value + 1
    )
    with pytest.raises(BoundExceededError, match=r"mail\.parts"):
        read_parts(content)


def test_too_many_lines_that_are_nearly_delimiters() -> None:
    content = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" + b"\n--xy" * 100_001
    with pytest.raises(BoundExceededError, match=r"mail\.near-boundaries"):
        read_parts(content)


def test_too_much_searching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conneg.mail.parts._SCAN_GRANTED", 1000)
    level = b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n"
    content = b"".join(level % (depth, depth) for depth in range(30)) + b"a" * 100_000
    with pytest.raises(BoundExceededError, match=r"mail\.scanned"):
        read_parts(content)
