"""STARTTLS in both cores, without a socket (RFC 3207)."""

import pytest

from conneg.smtp import (
    ClientConfig,
    ClientSession,
    Hello,
    LocalProtocolError,
    RemoteProtocolError,
    ServerConfig,
    ServerSession,
    SessionReady,
    StartTlsAnswered,
    StartTlsCommand,
)

CONFIG = ServerConfig("mail.example", extensions=frozenset({"PIPELINING", "STARTTLS"}))


def server(config: ServerConfig = CONFIG) -> ServerSession:
    session = ServerSession(config)
    session.greet()
    session.receive_data(b"EHLO a\r\n")
    assert isinstance(session.next_event(), Hello)
    session.data_to_send()
    return session


def test_the_server_forgets_and_lists_anew() -> None:
    session = server()
    session.receive_data(b"STARTTLS\r\n")
    assert isinstance(session.next_event(), StartTlsCommand)
    assert session.data_to_send().startswith(b"220 ")
    assert session.next_event() is None
    assert not session.wants_data
    session.secured()
    assert (session.helo, session.esmtp, session.is_secure) == (None, False, True)
    session.receive_data(b"MAIL FROM:<a@b.example>\r\nEHLO a\r\n")
    assert isinstance(session.next_event(), Hello)
    answer = session.data_to_send()
    assert answer.startswith(b"503 ")
    assert b"STARTTLS" not in answer


def test_the_server_must_not_be_told_of_tls_that_nobody_asked_for() -> None:
    with pytest.raises(LocalProtocolError):
        server().secured()


@pytest.mark.shows("S-10")
@pytest.mark.parametrize("is_secure", [False, True])
def test_conneg_may_wait_for_tls(is_secure: bool) -> None:
    """Section 4.1 of the draft: a server need not offer it always; REQUIRED then draws 504."""
    config = ServerConfig("mail.example", conneg_needs_tls=True)
    session = ServerSession(config, is_secure=is_secure)
    session.greet()
    session.receive_data(b"EHLO a\r\n")
    session.next_event()
    assert (b"CONNEG" in session.data_to_send()) is is_secure


def client() -> ClientSession:
    session = ClientSession(ClientConfig("client.example"))
    session.receive_data(b"220 hello\r\n")
    session.next_event()
    session.receive_data(b"250-mail.example\r\n250-STARTTLS\r\n250 SIZE 1000\r\n")
    assert isinstance(session.next_event(), SessionReady)
    session.data_to_send()
    return session


@pytest.mark.shows("D-5")
def test_the_client_says_ehlo_again_and_forgets_what_was_offered() -> None:
    session = client()
    session.starttls()
    assert session.data_to_send() == b"STARTTLS\r\n"
    session.receive_data(b"220 go ahead\r\n")
    assert isinstance(session.next_event(), StartTlsAnswered)
    assert not session.supports("SIZE")
    session.secured()
    assert session.data_to_send() == b"EHLO client.example\r\n"
    session.receive_data(b"250-mail.example\r\n250 CONNEG\r\n")
    assert isinstance(session.next_event(), SessionReady)
    assert session.supports("CONNEG")


def test_a_negative_reply_leaves_the_client_where_it_was() -> None:
    session = client()
    session.starttls()
    session.receive_data(b"454 4.7.0 not now\r\n")
    assert isinstance(session.next_event(), StartTlsAnswered)
    assert session.supports("SIZE")
    with pytest.raises(LocalProtocolError):
        session.secured()


def test_what_stands_behind_the_220_ends_the_client_s_session() -> None:
    session = client()
    session.starttls()
    session.receive_data(b"220 go ahead\r\n250 CONNEG\r\n")
    with pytest.raises(RemoteProtocolError):
        session.next_event()


def test_what_comes_between_the_220_and_tls_ends_the_client_s_session() -> None:
    session = client()
    session.starttls()
    session.receive_data(b"220 go ahead\r\n")
    session.next_event()
    session.receive_data(b"250 CONNEG\r\n")
    with pytest.raises(RemoteProtocolError):
        session.secured()
