"""Octets from an LDAP server cut into messages, and entries read from them; everything else is sansldap's.

sansldap makes an object for every element it reads, which for an entry takes ten times as long as what is done here,
and entries are nearly all that comes. Lengths are definite, as RFC 4511 (5.1) wants them.
"""

from collections.abc import Iterator, Mapping, Sequence

from conneg.bounds import Bound

MAX_MESSAGE_OCTETS = Bound(
    name="directory.ldap_message",
    value=1 << 20,
    unit="octets in one message of an LDAP server",
    reason="an entry with a few addresses and expressions is a thousandth of it",
    answer="the source cannot say (404 to REQUIRED)",
)

Entry = Mapping[str, Sequence[bytes]]
"""An entry's attributes: their names in small letters, without options (RFC 4512, 2.5), and their values."""

_SEQUENCE, _SET, _INTEGER, _OCTET_STRING = 0x30, 0x31, 0x02, 0x04
_SEARCH_RESULT_ENTRY = 0x64


class LdapSyntaxError(ValueError):
    """Octets that are no LDAP message."""


class MessageSplitter:
    """Takes octets as they come, gives whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def messages(self, data: bytes) -> Iterator[bytes]:
        """Yield each message that `data` completes.

        Raises `LdapSyntaxError`, and `conneg.errors.BoundExceededError` as soon as a message says that it is too long.
        """
        self._buffer += data
        buffer, start = self._buffer, 0
        try:
            while True:
                if start < len(buffer) and buffer[start] != _SEQUENCE:
                    raise LdapSyntaxError("not an LDAP message")
                header = _length(buffer, start + 1)
                if header is None:
                    return
                begin, length = header
                MAX_MESSAGE_OCTETS.check(length)
                if len(buffer) < begin + length:
                    return
                yield bytes(buffer[start : begin + length])
                start = begin + length
        finally:
            del buffer[:start]


def read_entry(message: bytes) -> tuple[int, Entry] | None:
    """Return a message's id and its entry; None if it is a message of another kind. Raises `LdapSyntaxError`.

    LDAPMessage ::= SEQUENCE { messageID, SearchResultEntry ::= [APPLICATION 4] SEQUENCE { objectName, attributes } }
    (RFC 4511, 4.1.1 and 4.5.2)
    """
    try:
        at, _ = _enter(message, 0, _SEQUENCE)
        at, end = _enter(message, at, _INTEGER)
        message_id = int.from_bytes(message[at:end])
        if message[end] != _SEARCH_RESULT_ENTRY:
            return None
        at, _ = _enter(message, end, _SEARCH_RESULT_ENTRY)
        _, at = _enter(message, at, _OCTET_STRING)
        at, last = _enter(message, at, _SEQUENCE)
        entry: dict[str, list[bytes]] = {}
        while at < last:
            name, after = _enter(message, at, _SEQUENCE)
            name, name_end = _enter(message, name, _OCTET_STRING)
            plain = message[name:name_end].partition(b";")[0].decode("ascii").lower()
            value, _ = _enter(message, name_end, _SET)
            values = entry.setdefault(plain, [])
            while value < after:
                value, value_end = _enter(message, value, _OCTET_STRING)
                values.append(message[value:value_end])
                value = value_end
            at = after
    except (IndexError, UnicodeDecodeError) as error:
        raise LdapSyntaxError("not an LDAP message") from error
    return message_id, entry


def _enter(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """Return where the content of the element at `at` begins and ends; it must have this tag and be whole."""
    if data[at] != tag:
        raise LdapSyntaxError(f"an element of type {data[at]:#x} where {tag:#x} is due")
    length = data[at + 1]
    begin = at + 2
    if length >= 0x80:
        found = _length(data, at + 1)
        if found is None:
            raise LdapSyntaxError("an element that is cut short")
        begin, length = found
    if begin + length > len(data):
        raise LdapSyntaxError("an element that is cut short")
    return begin, begin + length


def _length(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Return where the content begins whose length stands at `at`, and that length; None if more octets are needed."""
    if at >= len(data):
        return None
    first = data[at]
    if first < 0x80:
        return at + 1, first
    count = first & 0x7F
    if not 1 <= count <= 4:
        raise LdapSyntaxError("a length that LDAP does not have")
    if len(data) <= at + count:
        return None
    return at + 1 + count, int.from_bytes(data[at + 1 : at + 1 + count])
