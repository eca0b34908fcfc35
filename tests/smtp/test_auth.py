"""AUTH in both cores (RFC 4954), and what else has to come before mail: TLS, and a bound on guessing."""

import base64

import pytest

from conneg.smtp import (
    AuthAnswered,
    Authenticated,
    ClientConfig,
    ClientSession,
    KeysWanted,
    LocalProtocolError,
    PasswordClaim,
    Phase,
    RemoteProtocolError,
    ServerConfig,
    ServerSession,
)
from conneg.smtp.sasl import MECHANISMS, derive_scram_keys

from .dialogue import octets

PASSWORDS = {"june": "swordfish"}
TOLD: list[str] = []
CONFIG = ServerConfig("mx.example", auth=MECHANISMS, needs_auth=True)


def session_of(config: ServerConfig = CONFIG, *, is_secure: bool = True) -> ServerSession:
    session = ServerSession(config, is_secure=is_secure)
    session.greet()
    say(session, "EHLO c")
    return session


def say(session: ServerSession, *lines: str) -> list[str]:
    session.receive_data(octets(lines))
    while (event := session.next_event()) is not None:
        match event:
            case PasswordClaim():
                session.answer_password(PASSWORDS.get(event.username) == event.password)
            case KeysWanted():
                password = PASSWORDS.get(event.username)
                session.answer_keys(
                    (password and derive_scram_keys(password, salt=b"1", iterations=4096)) or None
                )
            case Authenticated():
                TOLD.append(event.username)
            case _:
                pass
    return session.data_to_send().decode().split("\r\n")[:-1]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plain(username: str, password: str) -> str:
    return f"AUTH PLAIN {encoded(chr(0) + username + chr(0) + password)}"


def test_plain() -> None:
    TOLD.clear()
    session = session_of()
    assert say(session, "MAIL FROM:<a@b>")[0].startswith("530 5.7.0")
    assert say(session, plain("june", "swordfish"))[0].startswith("235 2.7.0")
    assert session.username == "june"
    assert TOLD == ["june"]
    assert say(session, "AUTH PLAIN")[0].startswith("503")
    session.receive_data(b"MAIL FROM:<a@b> AUTH=<>\r\n")
    assert session.next_event() is not None


def test_login_asks_twice() -> None:
    session = session_of()
    assert say(session, "AUTH LOGIN") == [f"334 {encoded('Username:')}"]
    assert say(session, encoded("june")) == [f"334 {encoded('Password:')}"]
    assert say(session, encoded("swordfish"))[0].startswith("235")


def test_the_listing_depends_on_the_channel() -> None:
    """RFC 4954, 4 and 14: no password in the clear, and no mechanism listed that would be refused."""
    plain = ServerSession(CONFIG)
    plain.greet()
    assert "250-AUTH SCRAM-SHA-256" in say(plain, "EHLO c")
    assert say(plain, "AUTH PLAIN AA==")[0].startswith("538 5.7.11")
    assert say(plain, "AUTH GSSAPI")[0].startswith("504 5.5.4")
    secure = ServerSession(CONFIG, is_secure=True)
    secure.greet()
    assert "250-AUTH SCRAM-SHA-256 PLAIN LOGIN" in say(secure, "EHLO c")


def test_without_users_there_is_no_auth() -> None:
    session = session_of(ServerConfig("mx.example"))
    assert say(session, "AUTH PLAIN AA==")[0].startswith("502")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("*", "501 5.7.0"),
        ("=", "501 5.5.2"),
        ("a", "501 5.5.2"),
        (encoded("x"), "535 5.7.8"),
        (encoded("\0june\0wrong"), "535 5.7.8"),
        (encoded("\0nobody\0swordfish"), "535 5.7.8"),
        ("A" * 5000, "500 5.5.6"),
    ],
)
def test_wrong_responses(line: str, code: str) -> None:
    session = session_of()
    assert say(session, "AUTH PLAIN", line)[1].startswith(code)
    assert session.username is None
    assert say(session, "NOOP")[0].startswith("250")


def test_a_wrong_name_and_a_wrong_password_read_the_same() -> None:
    session = session_of()
    first = say(session, plain("june", "wrong"))
    assert first == say(session, plain("nobody", "wrong"))


def test_guessing_has_an_end() -> None:
    session = session_of()
    lines = say(session, *[plain("june", "wrong")] * 5)
    assert [line[:3] for line in lines] == ["535", "535", "535", "421"]
    assert session.phase is Phase.CLOSED


def test_not_in_a_transaction_nor_before_ehlo() -> None:
    session = ServerSession(ServerConfig("mx.example", auth=MECHANISMS), is_secure=True)
    session.greet()
    session.data_to_send()
    assert say(session, "AUTH PLAIN AA==")[0].startswith("503")


def test_starttls_forgets_who_it_was() -> None:
    config = ServerConfig("mx.example", auth=MECHANISMS, extensions=frozenset({"STARTTLS"}))
    session = session_of(config, is_secure=False)
    session.username = "june"
    say(session, "STARTTLS")
    session.secured()
    assert session.username is None


def test_tls_first() -> None:
    config = ServerConfig("mx.example", needs_tls=True, extensions=frozenset({"STARTTLS", "CHUNKING"}))
    session = session_of(config, is_secure=False)
    assert say(session, "MAIL FROM:<a@b>")[0].startswith("530")
    session.receive_data(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    while session.next_event() is not None:
        pass
    assert session.data_to_send().decode().split("\r\n")[1].startswith("250")


@pytest.mark.shows("S-10")
def test_conneg_may_wait_for_auth() -> None:
    config = ServerConfig("mx.example", auth=MECHANISMS, conneg_needs_auth=True)
    session = ServerSession(config, is_secure=True)
    session.greet()
    assert not any("CONNEG" in line for line in say(session, "EHLO c"))
    say(session, plain("june", "swordfish"))
    assert any("CONNEG" in line for line in say(session, "EHLO c"))


def client_of(mechanisms: str, *, is_secure: bool = True) -> ClientSession:
    client = ClientSession(ClientConfig("c.example"))
    client.receive_data(b"220 hi\r\n")
    client.next_event()
    client.receive_data(f"250-mx\r\n250 AUTH {mechanisms}\r\n".encode())
    client.next_event()
    client.data_to_send()
    client.is_secure = is_secure
    return client


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("password", "code"), [("swordfish", 235), ("wrong", 535)])
def test_both_cores(mechanism: str, password: str, code: int) -> None:
    server, client = session_of(), client_of(mechanism)
    client.authenticate("june", password)
    while (event := client.next_event()) is None:
        lines = client.data_to_send().decode().split("\r\n")[:-1]
        client.receive_data(octets(say(server, *lines)))
    assert isinstance(event, AuthAnswered)
    assert event.reply.code == code
    assert "swordfish" not in str(client.dialogue())


def test_client_sends_no_password_in_the_clear() -> None:
    with pytest.raises(LocalProtocolError):
        client_of("PLAIN LOGIN", is_secure=False).authenticate("june", "swordfish")


def test_client_finds_out_a_server_that_does_not_know_the_password() -> None:
    client = client_of("SCRAM-SHA-256")
    client.authenticate("june", "swordfish")
    client.receive_data(b"235 2.7.0 welcome\r\n")
    with pytest.raises(RemoteProtocolError):
        client.next_event()
    assert client.phase is Phase.CLOSED


def test_client_gives_up_a_challenge_that_it_cannot_answer() -> None:
    client = client_of("SCRAM-SHA-256")
    client.authenticate("june", "swordfish")
    client.data_to_send()
    client.receive_data(b"334 ????\r\n501 5.7.0 cancelled\r\n")
    event = client.next_event()
    assert isinstance(event, AuthAnswered)
    assert event.reply.code == 501
    assert client.data_to_send() == b"*\r\n"
