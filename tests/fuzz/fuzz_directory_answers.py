"""What directories and reports are told from outside, from any octets: LDAP messages, HTTP answers, DSNs and MDNs."""

from dataclasses import dataclass, field

from conneg.directory import Answer, Known, Unavailable, Unknown
from conneg.directory.http import HttpDirectory
from conneg.directory.ldap_entries import LdapSyntaxError, MessageSplitter, read_entry
from conneg.errors import BoundExceededError
from conneg.mail.reported import MAX_REPORTED, read_reported


@dataclass
class _Reply:
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    status: int = 200


async def _never(url: str, headers: object) -> _Reply:
    raise AssertionError("nothing is asked")


_HTTP = HttpDirectory("https://caps.example/{address}", _never)


def fuzz_one(data: bytes) -> None:
    """Raise only for a bug."""
    _ldap(data)
    _http(_Reply(data))
    head, _, body = data.partition(b"\n")
    _http(
        _Reply(
            body, {"content-type": "application/json", "cache-control": head.decode("latin-1"), "etag": "x"}
        )
    )
    _report(data)


def _ldap(data: bytes) -> None:
    try:
        messages = list(MessageSplitter().messages(data))
    except (LdapSyntaxError, BoundExceededError):
        return
    assert b"".join(messages) == data[: sum(map(len, messages))]
    splitter = MessageSplitter()
    assert [one for octet in data for one in splitter.messages(bytes((octet,)))] == messages
    for message in messages:
        try:
            found = read_entry(message)
        except LdapSyntaxError:
            continue
        assert found is None or all(
            isinstance(value, bytes) for values in found[1].values() for value in values
        )


def _http(reply: _Reply) -> None:
    answer: Answer = _HTTP._read("june@ifax1.jp", reply, None)
    if isinstance(answer, Known | Unknown):
        assert answer.fresh_seconds is None or 0 <= answer.fresh_seconds <= 86_400
        assert answer.stale_seconds is None or answer.stale_seconds >= 0
    else:
        assert isinstance(answer, Unavailable)
        assert "\n" not in answer.reason


def _report(data: bytes) -> None:
    for content in (data, b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" + data):
        try:
            found = read_reported(content)
        except BoundExceededError:
            continue
        assert len(found) <= MAX_REPORTED.value
        assert all("@" in one.address for one in found)
