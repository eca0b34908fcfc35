"""Which of a message's alternatives a capability leads to."""

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conneg.adapters import Alternatives, RecipientClass
from conneg.features import FeatureSyntaxError
from conneg.negotiation import Provenance, profile_expression, read_capability

S = profile_expression("S") or ""
TIFF_S = f'(& (type="image/tiff") {S})'


def recipients(expression: str | None) -> RecipientClass:
    if expression is None:
        return RecipientClass(("a@x.example",), None)
    return RecipientClass(("a@x.example",), read_capability(expression, Provenance.REPLY, "test"))


def message(*types: str, attachment: str | None = None, features: str | None = None) -> bytes:
    """A message with an alternative of each type, the plainest first."""
    built = EmailMessage(policy=email.policy.SMTP)
    built["Subject"] = "x"
    built.set_content(f"as {types[0]}\r\n", subtype=types[0].partition("/")[2])
    for media_type in types[1:]:
        kind, _, subtype = media_type.partition("/")
        if kind == "text":
            built.add_alternative(f"as {media_type}\r\n", subtype=subtype)
        else:
            built.add_alternative(f"as {media_type}".encode(), kind, subtype)
    if features is not None:
        built.get_payload()[-1]["Content-Features"] = features  # type: ignore[index]
    if attachment is not None:
        kind, _, subtype = attachment.partition("/")
        built.add_attachment(b"attached", kind, subtype, filename="a")
    return built.as_bytes()


def leaves(content: bytes | None) -> list[str] | None:
    if content is None:
        return None
    parts = email.message_from_bytes(content, policy=email.policy.SMTP).walk()
    return [part.get_content_type() for part in parts if not part.is_multipart()]


def test_what_is_accepted_goes_octet_for_octet() -> None:
    content = message("text/plain", "text/html")
    choose = Alternatives(content)
    assert choose(recipients('(type=["text/plain","text/html"])')) is content
    assert choose(recipients(None)) is content


def test_the_rest_of_the_message_stays() -> None:
    content = message("text/plain", "text/html", attachment="application/pdf")
    chosen = Alternatives(content)(recipients('(type=["text/plain","application/pdf"])'))
    assert leaves(chosen) == ["text/plain", "application/pdf"]
    assert chosen is not None
    assert b"Subject: x\r\n" in chosen


def test_an_attachment_is_never_left_out() -> None:
    content = message("text/plain", "text/html", attachment="application/pdf")
    assert Alternatives(content)(recipients('(type="text/plain")')) is None


@pytest.mark.parametrize("how", ["field", "setting", "name"])
def test_a_fax_machine_gets_the_tiff_file_of_its_kind(how: str) -> None:
    content = message("text/plain", "image/tiff", features=S if how == "field" else None)
    choose = Alternatives(content, {"setting": {"Image/TIFF": S}, "name": {"image/tiff": "S"}}.get(how))
    assert leaves(choose(recipients(S))) == ["image/tiff"]
    assert (
        choose(recipients("(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MMR))"))
        is None
    )


def test_a_tiff_file_of_which_nothing_is_known_goes_to_no_fax_machine() -> None:
    assert Alternatives(message("text/plain", "image/tiff"))(recipients(S)) is None


def test_a_fax_machine_gets_no_message_that_would_lose_its_attachment() -> None:
    content = message("text/plain", "image/tiff", attachment="application/pdf")
    assert Alternatives(content, {"image/tiff": "S"})(recipients(S)) is None


def test_a_description_that_cannot_be_read() -> None:
    with pytest.raises(FeatureSyntaxError):
        Alternatives(message("text/plain"), {"text/plain": "(color"})


TYPES = ["text/plain", "text/html", "text/markdown", "image/png", "application/pdf"]


@given(
    st.lists(st.sampled_from(TYPES), min_size=2, max_size=4, unique=True).filter(
        lambda types: types[0].startswith("text/")
    ),
    st.sets(st.sampled_from(TYPES), min_size=1),
)
def test_the_last_alternative_that_is_accepted(types: list[str], accepted: set[str]) -> None:
    """RFC 2046, 5.1.4: alternatives stand in order of increasing faithfulness; none is dropped without need."""
    quoted = ",".join(f'"{media_type}"' for media_type in sorted(accepted))
    found = leaves(Alternatives(message(*types))(recipients(f"(type=[{quoted}])")))
    good = [media_type for media_type in types if media_type in accepted]
    if len(good) == len(types):
        assert found == types
    else:
        assert found == (good[-1:] or None)
