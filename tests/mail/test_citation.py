"""Citations: where they stand in texts and HTML of any charset and coding, and that nothing else is changed."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.mail import Citation, cite, read_parts, splice, write_quoted_printable
from conneg.mail.body import read_quoted_printable

URL = "https://files.test/s/" + "a2" * 24
BOUND = b"\r\n--b\r\n"
PDF = b"Content-Type: application/pdf; name=plan.pdf\r\nContent-Disposition: attachment\r\n\r\n%PDF"


def citation(name: str | None = "plan.pdf", **values: object) -> Citation:
    given_: dict[str, object] = {
        "name": name,
        "media_type": "application/pdf",
        "octets": 12_345_678,
        "expires_at": datetime(2026, 12, 11, 14, 5, tzinfo=UTC),
        "why": "It is too large to be sent by mail.",
        "url": URL,
        "content_id": "x.staged@gateway.test",
    }
    return Citation(**(given_ | values))  # type: ignore[arg-type]


def mixed(*parts: bytes) -> bytes:
    head = b'From: may@sender.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n'
    return head + b"\r\nA preamble." + b"".join(BOUND + part for part in parts) + b"\r\n--b--\r\nAn epilogue."


def cited(content: bytes, part_id: str, one: Citation | None = None) -> bytes:
    root = read_parts(content)
    return splice(content, root, cite(content, root, {part_id: one or citation()}, {}))


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not [defect for part in message.walk() for defect in part.defects]
    return message


def test_the_readable_part_stands_where_the_content_stood() -> None:
    after = b"Content-Type: image/png\r\nX-Own: kept\r\n\r\nnot a picture"
    sent = cited(mixed(b"\r\nHello.\r\n", PDF, after), "1.2")
    _, readable, last = parsed(sent).iter_parts()
    lines = readable.get_content().splitlines()
    assert lines[0] == "Not in this message, but kept for you: plan.pdf"
    assert lines[2] == URL
    assert "Size:  12.3 MB" in lines
    assert "Until: 2026-12-11 14:05 UTC" in lines
    assert last["X-Own"] == "kept"
    assert after in sent
    assert b"A preamble." in sent
    assert sent.endswith(b"An epilogue.")
    assert max(map(len, sent.split(b"\r\n"))) <= 998


def test_a_message_that_is_nothing_but_the_content() -> None:
    content = b"From: may@sender.test\r\nSubject: plan\r\n" + PDF
    message = parsed(cited(content, "1", citation(content_url=URL + "/original")))
    assert message["Subject"] == "plan"
    readable, external = message.iter_parts()
    assert URL in readable.get_content()
    assert external.get_content_type() == "message/external-body"


def test_external_body_as_rfc_2046_and_2017_want_it() -> None:
    sent = cited(mixed(b"\r\nHello.", PDF), "1.2", citation("Grüße.pdf", content_url=URL + "/original"))
    external = list(parsed(sent).iter_parts())[2]
    assert external["Content-Transfer-Encoding"] is None, "7bit is the only one allowed"
    words = str(external.get_param("url")).split()
    assert max(map(len, words)) <= 40
    assert "".join(words) == URL + "/original"
    assert external.get_param("expiration") == "Fri, 11 Dec 2026 14:05:00 +0000"
    assert external.get_param("size") == "12345678"
    (inner,) = external.iter_parts()
    assert inner.get_content_type() == "application/pdf"
    assert inner["Content-ID"] == "<x.staged@gateway.test>"
    assert inner["Content-Transfer-Encoding"] == "binary"
    assert inner.get_param("name") == "Grüße.pdf"


BODIES = [
    ("us-ascii", "7bit", "Hello.\r\n"),
    ("utf-8", "8bit", "Grüße.\r\n"),
    ("iso-8859-1", "quoted-printable", "Grüße.\r\n"),
    ("utf-8", "base64", "Grüße.\n"),
    ("iso-2022-jp", "7bit", "こんにちは\r\n"),
    ("shift_jis", "base64", "こんにちは\r\n"),
]


def body(charset: str, encoding: str, text: str, media_type: str = "text/plain") -> bytes:
    octets = text.encode(charset)
    if encoding == "quoted-printable":
        coded = write_quoted_printable(octets)
        assert coded is not None
        octets = coded
    elif encoding == "base64":
        octets = email.base64mime.body_encode(octets).encode()  # type: ignore[attr-defined]
    head = f"Content-Type: {media_type}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + octets


@pytest.mark.parametrize(("charset", "encoding", "text"), BODIES)
@pytest.mark.parametrize("name", ["plan.pdf", "Grüße 日本.pdf"])
def test_a_text_says_it_at_its_top_in_its_own_charset(
    charset: str, encoding: str, text: str, name: str
) -> None:
    message = parsed(cited(mixed(body(charset, encoding, text), PDF), "1.2", citation(name)))
    first = next(message.iter_parts())
    content = first.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.endswith(text.encode(charset)), "what was there is there, octet for octet"
    shown = content.decode(str(first.get_param("charset")))
    assert URL in shown.splitlines()
    assert shown.index(URL) < shown.index(text.strip())
    if charset == "utf-8" or name.isascii():
        assert name in shown


def test_a_charset_that_has_no_ascii_in_it_is_left_alone() -> None:
    octets = body("utf-16", "base64", "Hello.")
    assert octets in cited(mixed(octets, PDF), "1.2")


@pytest.mark.parametrize(
    ("html", "before"),
    [
        (
            "<html><head><title>t</title></head><body class='x'><p>Hello.</p></body></html>",
            "<html><head><title>t</title></head><body class='x'>",
        ),
        ("<!doctype html>\n<p>Hello.</p>", "<!doctype html>\n"),
        ("<p>Hello.</p>", ""),
        ("<HTML><HEAD></HEAD>\n<P>Hello.</P>", "<HTML><HEAD></HEAD>\n"),
    ],
)
def test_html_says_it_where_what_is_shown_begins(html: str, before: str) -> None:
    sent = cited(mixed(body("utf-8", "7bit", html, "text/html"), PDF), "1.2", citation("a<b>&.pdf"))
    shown = next(parsed(sent).iter_parts()).get_content()
    assert shown.startswith(f'{before}<span role="note"')
    assert f'href="{URL}"' in shown
    assert "a&lt;b&gt;&amp;.pdf" in shown
    assert shown.rstrip("\n").endswith(html[len(before) :])


def test_html_says_it_in_the_place_of_the_picture() -> None:
    html = '<p>Before</p><img alt="x" src="cid:pic%40may" width=3><p>After</p><img src="cid:other@may">'
    picture = b"Content-Type: image/x-raw\r\nContent-ID: <pic@may>\r\n\r\nxxx"
    related = (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\n'
        + body("utf-8", "7bit", html, "text/html")
        + BOUND
        + picture
        + b"\r\n--b--\r\n"
    )
    for source in ("cid:pic%40may", "cid:pic@may", "CID:pic@may"):
        sent = cited(related.replace(b"cid:pic%40may", source.encode()), "1.2")
        shown = next(parsed(sent).iter_parts()).get_content()
        assert shown.startswith('<p>Before</p><span role="note"')
        assert "</span>\n<p>After</p>" in shown.replace("\r\n", "\n")
        assert shown.count(URL) == 2
        assert "cid:other@may" in shown


def test_every_alternative_says_it_and_signed_texts_stay() -> None:
    alternative = (
        b'Content-Type: multipart/alternative; boundary="a"\r\n\r\n--a\r\n\r\nHello.\r\n--a\r\n'
        + body("utf-8", "7bit", "<p>Hello.</p>", "text/html")
        + b"\r\n--a--"
    )
    message = parsed(cited(mixed(alternative, PDF), "1.2"))
    bodies = next(message.iter_parts())
    assert [URL in part.get_content() for part in bodies.iter_parts()] == [True, True]
    signed = (
        b'Content-Type: multipart/signed; boundary="s"; protocol="application/pgp-signature"\r\n\r\n--s\r\n'
        b"\r\nHello.\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--"
    )
    assert signed in cited(mixed(signed, PDF), "1.2")


def test_an_attached_text_is_no_body() -> None:
    notes = b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\nNotes."
    assert notes in cited(mixed(notes, PDF), "1.2")


def test_a_recipient_of_ascii_gets_ascii() -> None:
    sent = cited(mixed(b"\r\nHello.", PDF), "1.2", citation("Grüße.pdf", is_ascii=True))
    assert sent.isascii()
    first, second = parsed(sent).iter_parts()
    assert "Gr??e.pdf" in first.get_content()
    assert second.get_param("charset") == "us-ascii"


@given(st.binary(max_size=300), st.sampled_from([b"\r\n", b"\n"]))
def test_quoted_printable_gives_back_what_it_takes(octets: bytes, eol: bytes) -> None:
    coded = write_quoted_printable(octets, eol)
    if coded is not None:
        assert read_quoted_printable(coded) == octets
        assert coded.isascii()
        assert max(map(len, coded.split(eol))) <= 76
    elif eol == b"\r\n":
        assert b"\r" in octets.replace(b"\r\n", b"") or b"\n" in octets.replace(b"\r\n", b"")


@given(st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_any_html_is_kept(html: bytes) -> None:
    content = mixed(
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + html, PDF
    )
    if b"--b" in html:
        return
    first = next(iter(email.message_from_bytes(cited(content, "1.2")).get_payload()))  # type: ignore[arg-type]
    shown = first.get_payload(decode=True)
    start = shown.index(b'<span role="note"')
    end = shown.index(b"</span>\r\n", start) + len(b"</span>\r\n")
    assert shown[:start] + shown[end:] == html
