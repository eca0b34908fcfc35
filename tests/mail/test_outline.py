"""What a message is to its reader."""

import zlib

from conneg.mail import outline, read_parts


def node(media_type: str, *children: bytes, fields: bytes = b"") -> bytes:
    """Write a part: a leaf, or a multipart with a boundary of its own."""
    if not children:
        return b"Content-Type: %s\r\n%s\r\nx" % (media_type.encode(), fields)
    boundary = b"b%d" % zlib.crc32(b"".join(children))
    header = b'Content-Type: %s; boundary="%s"\r\n%s\r\n' % (media_type.encode(), boundary, fields)
    return (
        header + b"".join(b"--%s\r\n%s\r\n" % (boundary, child) for child in children) + b"--%s--" % boundary
    )


PLAIN, HTML, PDF = node("text/plain"), node("text/html"), node("application/pdf")
PNG = node("image/png")


def reading(content: bytes) -> list[str]:
    return [part.media_type for part in outline(read_parts(content)).reading_order]


def test_a_single_part() -> None:
    found = outline(read_parts(PLAIN))
    assert [part.id for part in found.leaves] == ["1"]
    assert found.reading_order == found.leaves
    assert found.alternatives == ()
    assert not found.is_protected("1")


def test_text_and_attachments_in_order() -> None:
    assert reading(node("multipart/mixed", PLAIN, PDF, PNG)) == ["text/plain", "application/pdf", "image/png"]


def test_of_alternatives_the_last_that_can_be_pages() -> None:
    """RFC 2046, 5.1.4: the last is the most faithful."""
    content = node("multipart/mixed", node("multipart/alternative", PLAIN, HTML), PNG)
    assert reading(content) == ["text/plain", "image/png"]
    assert outline(read_parts(content)).alternatives == (("1.1.1", "1.1.2"),)
    assert reading(node("multipart/alternative", PLAIN, PDF)) == ["application/pdf"]
    assert reading(node("multipart/alternative", HTML, node("text/calendar"))) == ["text/calendar"]


def test_an_alternative_that_is_a_container_stands_under_its_own_id() -> None:
    content = node("multipart/alternative", PLAIN, node("multipart/related", HTML, PNG))
    found = outline(read_parts(content))
    assert found.alternatives == (("1.1", "1.2"),)
    assert found.members("1.2") == ("1.2.1", "1.2.2")
    assert reading(content) == ["text/plain"]


def test_what_another_alternative_attaches_is_read_too() -> None:
    assert reading(node("multipart/alternative", PLAIN, node("multipart/mixed", HTML, PDF))) == [
        "text/plain",
        "application/pdf",
    ]


def test_related_begins_with_its_start() -> None:
    """RFC 2387, 3.2."""
    html = node("text/html", fields=b"Content-ID: <root@x>\r\n")
    content = node('multipart/related; start="<root@x>"', PNG, html, node("text/css"))
    assert reading(content) == ["text/html", "image/png"]


def test_signed_parts_are_protected_and_the_signature_is_not_read() -> None:
    signed = node("multipart/signed", node("multipart/mixed", PLAIN, PDF), node("application/pgp-signature"))
    found = outline(read_parts(node("multipart/mixed", signed, PNG)))
    assert found.protected == {"1.1.1.1", "1.1.1.2", "1.1.2"}
    assert not found.is_protected("1.2")
    assert [part.media_type for part in found.reading_order] == ["text/plain", "application/pdf", "image/png"]


def test_encrypted_parts_are_protected() -> None:
    pgp = node("multipart/encrypted", node("application/pgp-encrypted"), node("application/octet-stream"))
    assert outline(read_parts(pgp)).protected == {"1.1", "1.2"}
    assert outline(read_parts(node("application/pkcs7-mime"))).protected == {"1"}
    assert outline(read_parts(node("application/x-pkcs7-mime"))).protected == {"1"}


def test_dkim_is_a_note_only() -> None:
    field = b"DKIM-Signature: v=1; a=rsa-sha256; d=Law.example; s=one; h=From:To; bh=x; b=y\r\n"
    found = outline(read_parts(field + PLAIN))
    assert [(one.domain, one.covers_body) for one in found.dkim] == [("law.example", True)]
    assert found.protected == frozenset()


def test_of_a_report_the_part_for_people_is_read() -> None:
    """RFC 6522, 3."""
    returned = node("message/rfc822", fields=b"") + b"\r\n"
    content = node("multipart/report", PLAIN, node("message/delivery-status"), returned)
    assert reading(content) == ["text/plain"]


def test_a_forwarded_message_is_read() -> None:
    forwarded = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n" + node("multipart/mixed", PLAIN, PNG)
    assert reading(node("multipart/mixed", PLAIN, forwarded)) == ["text/plain", "text/plain", "image/png"]
