"""A next hop that wants to know who we are (RFC 4954): aiosmtpd's AUTH under TLS, and ours with SCRAM without."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from conneg.accounts import PasswordHasher, make_account, write_accounts
from conneg.gateway.events import Settled
from tests.net.certificates import make_certificate

from .servers import config, running, submit, text_message, until
from .test_next_hops import Mailbox


class Doorkeeper:
    """Lets in who knows the password."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.seen.append((mechanism, given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password == b"sword fish", handled=False)


@asynccontextmanager
async def smarthost(folder: Path, mailbox: Mailbox, keeper: Callable[..., AuthResult]) -> Any:
    files = make_certificate(folder, "hop", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(
            mailbox,
            hostname="hop.test",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=keeper,
        ),
        "127.0.0.1",
        0,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def settings(folder: Path, port: int, more: str = "", retry: str = "") -> Any:
    (folder / "gw").mkdir()
    (folder / "gw" / "password").write_text("sword fish\n")
    return config(
        folder / "gw",
        f'{retry}[[destination]]\ndomains = ["hop.test"]\ndeliver = "smtp"\nhost = "127.0.0.1:{port}"\n'
        f'username = "june"\npassword_file = "password"\n{more}',
    )


async def test_we_say_who_we_are(tmp_path: Path) -> None:
    mailbox, keeper = Mailbox(), Doorkeeper()
    async with smarthost(tmp_path, mailbox, keeper) as port:
        async with running(settings(tmp_path, port)) as (gateway, events):
            await submit(gateway, text_message(), ["may@hop.test"])
            await until(lambda: bool(events.of(Settled)))
    assert [event.state for event in events.of(Settled)] == ["delivered"]
    assert [to for to, _ in mailbox.contents] == [["may@hop.test"]]
    assert keeper.seen == [("PLAIN", "june", "sword fish")]


@pytest.mark.parametrize(
    ("password", "reason"),
    [("wrong", "'june' is refused: 535"), (None, "password: No such file or directory")],
)
async def test_who_is_refused_keeps_the_mail(tmp_path: Path, password: str | None, reason: str) -> None:
    mailbox, keeper = Mailbox(), Doorkeeper()
    async with smarthost(tmp_path, mailbox, keeper) as port:
        what = settings(tmp_path, port)
        file = tmp_path / "gw" / "password"
        file.write_text(password) if password is not None else file.unlink()
        async with running(what) as (gateway, events):
            await submit(gateway, text_message(), ["may@hop.test"])
            await until(lambda: bool(events.of(Settled)))
            (found,) = await gateway.spool.list()
    assert [event.state for event in events.of(Settled)] == ["deferred"]
    assert reason in (found.recipients[0].last_reply or "")
    assert mailbox.contents == []


async def test_no_password_goes_where_all_can_read_it(tmp_path: Path) -> None:
    """Without TLS a password is not sent (RFC 4954, 9): the server's only mechanism is PLAIN, and the mail waits."""
    mailbox, keeper = Mailbox(), Doorkeeper()

    def server() -> SMTP:
        return SMTP(
            mailbox,
            hostname="hop.test",
            auth_require_tls=False,
            auth_exclude_mechanism=["LOGIN"],
            authenticator=keeper,
        )

    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    async with running(settings(tmp_path, listening.sockets[0].getsockname()[1])) as (gateway, events):
        await submit(gateway, text_message(), ["may@hop.test"])
        await until(lambda: bool(events.of(Settled)))
    listening.close()
    assert [event.state for event in events.of(Settled)] == ["deferred"]
    assert keeper.seen == []


async def test_scram_needs_no_tls(tmp_path: Path) -> None:
    (tmp_path / "hop").mkdir()
    account = make_account("june", "sword fish", PasswordHasher(time_cost=1, memory_kib=64))
    write_accounts(tmp_path / "hop" / "users", [account])
    hop = config(
        tmp_path / "hop",
        '[relay]\nnetworks = []\n[accounts]\nfile = "users"\n[[listener]]\nlisten = "127.0.0.1:0"\nauth = true\n'
        '[[destination]]\ndomains = ["elsewhere.test"]\ndeliver = "maildir"\npath = "mail"\n',
    )
    async with running(hop) as (last, _):
        port = last.endpoints[1].port
        async with running(settings(tmp_path, port)) as (gateway, events):
            await submit(gateway, text_message(), ["may@hop.test"])
            await until(lambda: bool(events.of(Settled)))
    assert [event.state for event in events.of(Settled)] == ["delivered"], "only users may relay there"


@pytest.mark.parametrize(
    "keys",
    [
        'deliver = "smtp"\nhost = "127.0.0.1:25"\nusername = "june"\n',
        'deliver = "smtp"\nhost = "127.0.0.1:25"\npassword_file = "x"\n',
        'deliver = "mx"\nusername = "june"\npassword_file = "x"\n',
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, keys: str) -> None:
    with pytest.raises(Exception, match="username"):
        config(tmp_path / "gw", f'[[destination]]\ndomains = ["hop.test"]\n{keys}')
