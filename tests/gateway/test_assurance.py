"""Ensuring conversion (draft, Appendix B.1 (2)): a server promises what it can do, and does what it promised."""

from pathlib import Path

import pytest

from conneg.errors import ConnegError
from conneg.features import collection, feature_set
from conneg.gateway.assurance import ensured
from conneg.gateway.config import parse_config
from conneg.gateway.events import CapabilityFound, Planned
from conneg.negotiation import Provenance, read_capability
from tests.gateway.servers import (
    PROFILE_S,
    config,
    directory_file,
    messages_in,
    running,
    submit,
    text_message,
    until,
)
from tests.negotiation.samples import JUNE, MONO, PHONE_USER, said

PDF = collection('(& (type="application/pdf") (image-file-structure=none))')
WEB_PAGE = collection('(& (type="text/html") (image-file-structure=none))')
SOUND = collection('(& (type="audio/basic") (image-file-structure=none))')


def promises(expression: str) -> bool:
    """Whether the PDF, the web page, and not the sound are in it."""
    features = feature_set(expression)
    assert not features.accepts(SOUND)
    return features.accepts(PDF) and features.accepts(WEB_PAGE)


def test_what_can_be_turned_into_pages_is_promised_for_a_fax_machine() -> None:
    for capability in (JUNE, MONO):
        assert not promises(capability.expression)
        assert promises(ensured(capability))
        assert ensured(capability).startswith(f"(| {capability.expression} ")


def test_only_text_is_promised_to_who_takes_only_text() -> None:
    """A PDF may have no text in it."""
    features = feature_set(ensured(said('(type="text/plain")')))
    assert features.accepts(WEB_PAGE)
    assert not features.accepts(PDF)


def test_pictures_are_promised_to_who_takes_pictures() -> None:
    assert promises(ensured(PHONE_USER))


def test_nothing_is_promised_to_who_takes_nothing_that_can_be_made() -> None:
    assert ensured(said('(type="audio/basic")')) == '(type="audio/basic")'


def test_a_definition_stays_a_definition() -> None:
    text = '(device) where (device) :- (& (type="text/plain") (ua-media=screen)) end'
    features = feature_set(ensured(read_capability(text, Provenance.DIRECTORY, "test")))
    assert features.accepts(collection('(& (type="text/plain") (ua-media=screen))'))
    assert features.accepts(WEB_PAGE)
    assert not features.accepts(SOUND)


def test_a_promise_needs_conversion() -> None:
    text = (
        '[[destination]]\ndomains = ["a.test"]\ndeliver = "mx"\nensure_conversion = true\nconvert = false\n'
    )
    with pytest.raises(ConnegError, match="ensure_conversion"):
        parse_config(text)


ENSURING = """
[directory]
file = "directory.toml"
[[destination]]
domains = ["devices.test"]
deliver = "maildir"
path = "mail/{domain}/{local_part}"
ensure_conversion = true
"""


@pytest.mark.parametrize(
    ("more", "entries"),
    [("", {"fax@devices.test": PROFILE_S}), ('baseline = "profile S"\n', {})],
    ids=["the directory knows", "the baseline holds"],
)
async def test_a_promise_is_kept(tmp_path: Path, more: str, entries: dict[str, str]) -> None:
    """The first gateway sends the letter as it is, since the second takes it and turns it into a page."""
    last = tmp_path / "last"
    last.mkdir()
    directory_file(last / "directory.toml", entries)
    async with running(config(last, ENSURING + more)) as (gateway, its_events):
        first = config(
            tmp_path / "first",
            f'[[destination]]\ndomains = ["devices.test"]\ndeliver = "smtp"\n'
            f'host = "{gateway.endpoints[0]}"\nconneg = "required"\n',
        )
        async with running(first) as (sender, events):
            await submit(sender, text_message(), ["fax@devices.test"])
            await until(lambda: bool(messages_in(last / "mail/devices.test/fax")))
    (heard,) = events.of(CapabilityFound)
    assert (heard.provenance, promises(heard.expression)) == ("reply", True)
    assert [plan.target for plan in events.of(Planned)] == ["as it is"]
    assert its_events.of(Planned)[-1].target == "200x200 dpi, MH, A4, B/W"
    (arrived,) = messages_in(last / "mail/devices.test/fax")
    assert b"Content-Type: image/tiff" in arrived


async def test_who_may_be_told_nothing_is_promised_nothing(tmp_path: Path) -> None:
    directory_file(tmp_path / "directory.toml", {"fax@devices.test": PROFILE_S})
    rules = '[[disclosure]]\nrecipients = ["*.elsewhere.test"]\n'
    async with running(config(tmp_path, ENSURING + rules)) as (gateway, _):
        first = config(
            tmp_path / "first",
            f'[[destination]]\ndomains = ["devices.test"]\ndeliver = "smtp"\nhost = "{gateway.endpoints[0]}"\n',
        )
        async with running(first) as (sender, events):
            await submit(sender, text_message(), ["fax@devices.test"])
            await until(lambda: bool(messages_in(tmp_path / "mail/devices.test/fax")))
    assert events.of(CapabilityFound) == []
