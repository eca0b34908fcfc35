"""Entries read from LDAP messages, held against sansldap, which writes them."""

import sansldap
from hypothesis import given, settings
from hypothesis import strategies as st

from conneg.directory.ldap_entries import LdapSyntaxError, MessageSplitter, read_entry
from conneg.errors import BoundExceededError

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}(;[a-z]{1,5})?", fullmatch=True)
ATTRIBUTES = st.lists(st.tuples(NAMES, st.lists(st.binary(max_size=300), max_size=4)), max_size=6)


def written(entries: list[list[tuple[str, list[bytes]]]]) -> bytes:
    """Return what a server sends for one search that finds these entries."""
    client, server = sansldap.LDAPClient(), sansldap.LDAPServer()
    number = client.search_request("dc=example")
    server.receive(client.data_to_send())
    for attributes in entries:
        parts = [sansldap.PartialAttribute(name, values) for name, values in attributes]
        server.search_result_entry(number, "cn=x", parts)
    server.search_result_done(number, sansldap.LDAPResultCode.SUCCESS)
    return server.data_to_send()


@settings(max_examples=40, deadline=None)
@given(entries=st.lists(ATTRIBUTES, max_size=4), step=st.integers(min_value=1, max_value=400))
def test_what_sansldap_writes_is_read(entries: list[list[tuple[str, list[bytes]]]], step: int) -> None:
    octets = written(entries)
    splitter = MessageSplitter()
    messages = [m for at in range(0, len(octets), step) for m in splitter.messages(octets[at : at + step])]
    assert b"".join(messages) == octets
    *found, done = map(read_entry, messages)
    assert done is None
    wanted = []
    for attributes in entries:
        entry: dict[str, list[bytes]] = {}
        for name, values in attributes:
            entry.setdefault(name.partition(";")[0].lower(), []).extend(values)
        wanted.append((1, entry))
    assert found == wanted


@settings(max_examples=40, deadline=None)
@given(octets=st.binary(max_size=60), cut=st.integers(min_value=0, max_value=60), entry=ATTRIBUTES)
def test_anything_else_is_an_error_and_never_another(
    octets: bytes, cut: int, entry: list[tuple[str, list[bytes]]]
) -> None:
    good = written([entry])
    for damaged in (octets, good[:cut] + octets + good[cut + len(octets) :]):
        try:
            for message in MessageSplitter().messages(damaged):
                read_entry(message)
        except (LdapSyntaxError, BoundExceededError):
            pass
