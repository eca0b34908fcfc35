"""Users: who may submit, how, and what is added to what they submit (RFC 6409)."""

import asyncio
import base64
import smtplib
import ssl
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from conneg.accounts import Account, PasswordHasher, make_account, write_accounts
from conneg.errors import ConnegError
from conneg.gateway.config import Config, ConfigError, parse_config
from conneg.net import ClientTls, TlsPolicy, connect
from conneg.smtp import RcptRequest
from tests.net.certificates import make_certificate

from .servers import config, directory_file, messages_in, running, text_message, until
from .test_listeners import dialogue

CHEAP = PasswordHasher(time_cost=1, memory_kib=64, lanes=1)
SUBMISSION = '[[listener]]\nlisten = "127.0.0.1:0"\nrole = "submission"\n'
REST = '[[destination]]\ndomains = ["*"]\ndeliver = "maildir"\npath = "mail/{local_part}"\n'


def users(folder: Path, *more: Account) -> str:
    write_accounts(folder / "users.toml", [make_account("may", "swordfish", CHEAP), *more])
    return f'[accounts]\nfile = "{folder}/users.toml"\n'


def settings(tmp_path: Path, more: str = SUBMISSION, *, accounts: str | None = None) -> Config:
    made = make_certificate(tmp_path, "certificate", "localhost")
    certificate = f'[[certificate]]\nfile = "{made.certificate}"\nkey = "{made.key}"\n'
    relay = '[relay]\nnetworks = ["192.0.2.0/24"]\n'
    return config(tmp_path / "gw", (accounts or users(tmp_path)) + certificate + relay + REST + more)


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def submit(port: int, content: bytes, *, username: str = "may", password: str = "swordfish") -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="laptop") as client:
        client.starttls(context=unverified())
        client.login(username, password)
        client.sendmail("may@gw.test", ["june@ifax1.test"], content)


async def submitted(tmp_path: Path, content: bytes) -> bytes:
    async with running(settings(tmp_path)) as (gateway, _):
        await asyncio.to_thread(submit, gateway.endpoints[1].port, content)
        await until(lambda: bool(messages_in(tmp_path / "gw" / "mail" / "june")))
    return messages_in(tmp_path / "gw" / "mail" / "june")[0]


async def test_what_lacks_date_and_message_id_gets_them(tmp_path: Path) -> None:
    body = b"From: may@gw.test\r\nSubject: hello\r\n\r\nDate: in the body\r\n"
    arrived = await submitted(tmp_path, body)
    assert arrived.endswith(body)
    message = message_from_bytes(arrived)
    assert message["Date"]
    assert message["Message-ID"].endswith("@gw.test>")
    assert "with ESMTPSA;" in " ".join(message["Received"].split())  # RFC 3848
    assert "may" not in message["Received"]


async def test_what_has_them_keeps_them(tmp_path: Path) -> None:
    sent = text_message(Message_ID="<1@laptop>").as_bytes(policy=SMTP)
    message = message_from_bytes(await submitted(tmp_path, sent))
    assert message.get_all("Date") == ["Mon, 23 Nov 2026 12:00:00 +0000"]
    assert message.get_all("Message-ID") == ["<1@laptop>"]


async def test_a_header_of_many_kilobytes_is_completed_too(tmp_path: Path) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 900) for n in range(200))
    message = message_from_bytes(await submitted(tmp_path, fields + b"\r\nbody\r\n"))
    assert message["Date"]
    assert len(message.get_all("X-199") or []) == 1
    assert message.get_payload() == "body\r\n"


async def test_nobody_sends_before_they_have_proved_who_they_are(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as (gateway, _):
        lines = await asyncio.to_thread(
            dialogue, gateway.endpoints[1].port, "EHLO c", "MAIL FROM:<may@gw.test>", "AUTH PLAIN AG1heQBz"
        )
    assert lines[2][0].startswith("530 5.7.0")  # RFC 4954, 6
    assert "250-AUTH SCRAM-SHA-256" in lines[1]  # the others only under TLS (RFC 4954, 9)
    assert lines[3][0].startswith("538 5.7.11")


async def test_wrong_passwords_and_wrong_names_are_answered_alike(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as (gateway, _):
        codes = []
        for username in ("may", "nobody"):
            with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
                await asyncio.to_thread(
                    submit, gateway.endpoints[1].port, b"", username=username, password="x"
                )
            codes.append((caught.value.smtp_code, caught.value.smtp_error))
    assert codes[0] == codes[1]
    assert codes[0][0] == 535


async def test_scram_needs_no_tls(tmp_path: Path) -> None:
    async with running(settings(tmp_path)) as (gateway, _):
        endpoint = gateway.endpoints[1]
        client = await connect(
            endpoint.host, endpoint.port, helo="laptop", tls=ClientTls(policy=TlsPolicy.NONE)
        )
        assert (await client.authenticate("may", "wrong")).code == 535
        assert (await client.authenticate("may", "swordfish")).code == 235
        opened = await client.open_transaction("may@gw.test", [RcptRequest("june@ifax1.test")])
        assert opened.mail.code == 250
        await client.quit()


async def test_users_may_send_from_anywhere_and_others_not(tmp_path: Path) -> None:
    """A relay that offers AUTH: who has proved who they are may send to any domain."""
    more = '[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n'
    only_ours = REST.replace('"*"', '"gw.test"')
    made = settings(tmp_path, more).model_copy(
        update={"destination": parse_config(only_ours, folder=tmp_path).destination}
    )
    async with running(made) as (gateway, _):
        endpoint = gateway.endpoints[1]
        answers = []
        for password in (None, "swordfish"):
            client = await connect(endpoint.host, endpoint.port, helo="laptop")
            if password is not None:
                assert (await client.authenticate("may", password)).code == 235
            opened = await client.open_transaction("may@gw.test", [RcptRequest("june@ifax1.test")])
            answers.append(opened.rcpts[0].reply.code)
            await client.quit()
    assert answers == [550, 250]


async def test_accounts_that_cannot_be_looked_up_are_a_temporary_failure(tmp_path: Path) -> None:
    accounts = f'[accounts]\nsql = "sqlite:///{tmp_path}/none/db"\n'
    async with running(settings(tmp_path, accounts=accounts)) as (gateway, _):
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            await asyncio.to_thread(submit, gateway.endpoints[1].port, b"")
    assert caught.value.smtp_code == 454  # RFC 4954, 4.7.0


async def test_capabilities_are_told_to_users_only(tmp_path: Path) -> None:
    entries = directory_file(tmp_path / "d.toml", {"june@ifax1.test": "profile S"})
    directory = f'[directory]\nfile = "{entries}"\n'
    rules = {"a": "[conneg]\nneeds_auth = true\n", "b": "[[disclosure]]\nauthenticated = true\n"}
    for name, keys in rules.items():
        place = tmp_path / name
        place.mkdir()
        more = '[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n'
        async with running(settings(place, keys + directory + more)) as (gateway, _):
            endpoint = gateway.endpoints[1]
            answers = []
            for is_user in (False, True):
                client = await connect(endpoint.host, endpoint.port, helo="laptop")
                listed = client.supports("CONNEG")
                if is_user:
                    assert (await client.authenticate("may", "swordfish")).code == 235
                asked = [RcptRequest("june@ifax1.test", "OPTIONAL")]
                opened = await client.open_transaction("may@gw.test", asked)
                answers.append((listed, opened.rcpts[0].capability is not None))
                await client.quit()
        assert [known for _, known in answers] == [False, True], keys


async def test_a_file_of_users_that_is_wrong_is_told_at_start(tmp_path: Path) -> None:
    made = settings(tmp_path)
    (tmp_path / "users.toml").write_text("june = 1\n")
    with pytest.raises(ConnegError, match="june"):
        async with running(made):
            pass


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[accounts]\nfile = "a"\nsql = "sqlite://"\n', "either file or sql"),
        ("[accounts]\n", "either file or sql"),
        ('[accounts]\nsql = "sqlite://"\nquery = "SELECT 1"\n', ":username"),
        (SUBMISSION, "needs users"),
        ('[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n', "needs users"),
        ('[accounts]\nfile = "a"\n[conneg]\nneeds_auth = true\n', "needs users"),
        ('[accounts]\nfile = "a"\n[[disclosure]]\nauthenticated = true\n', "needs users"),
        (f'[accounts]\nfile = "a"\n{SUBMISSION}auth = false\n', "auth cannot be false"),
    ],
)
def test_settings_that_cannot_work_are_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_config(text)


def test_login_is_base64_of_what_was_typed() -> None:
    """The literal in the dialogue above is a PLAIN response."""
    assert base64.b64decode("AG1heQBz") == b"\0may\0s"
