"""Seven bits for those who take no more (RFC 6152, 3): what it says stays, judged by the standard library's parser."""

import email
import email.policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from conneg.mail.sevenbits import in_seven_bits, is_seven_bits


def eight_bits(text: str, *attached: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "x"
    message.set_content(text, cte="8bit")
    for one in attached:
        message.add_attachment(one, cte="8bit" if not one.isascii() else "7bit")
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n", cte_type="8bit"))


def texts(content: bytes) -> list[str]:
    message = email.message_from_bytes(content, policy=email.policy.default)
    return [part.get_content().replace("\r\n", "\n") for part in message.walk() if not part.is_multipart()]


def test_a_letter_in_eight_bits_says_the_same_in_seven() -> None:
    content = eight_bits("Grüße aus Køge\nund Łódź\n")
    assert not is_seven_bits(content)
    seven = in_seven_bits(content)
    assert is_seven_bits(seven)
    assert texts(seven) == texts(content)
    assert seven.count(b"Content-Transfer-Encoding: base64") == 1


def test_parts_that_are_seven_bits_stay_octet_for_octet() -> None:
    content = eight_bits("Grüße\n", "plain words\n", "mehr Grüße\n")
    seven = in_seven_bits(content)
    assert is_seven_bits(seven)
    assert texts(seven) == texts(content)
    assert b"\r\n\r\nplain words\r\n" in seven


def test_seven_bits_stay_as_they_are() -> None:
    content = b"Subject: x\r\n\r\nplain\r\n"
    assert in_seven_bits(content) == content


def test_a_part_without_the_field_gets_it() -> None:
    content = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ngrün\r\n".encode()
    assert texts(in_seven_bits(content)) == ["grün\n"]


@given(
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=60), min_size=1, max_size=4
    )
)
def test_every_text_survives(words: list[str]) -> None:
    content = eight_bits("ü\n", *[f"{text} ü\n" for text in words])
    seven = in_seven_bits(content)
    assert is_seven_bits(seven)
    assert texts(seven) == texts(content)
