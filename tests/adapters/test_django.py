"""Django's e-mail backend, sending to conneg's own listener."""

import asyncio
import logging
import smtplib
from collections.abc import Callable
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.test.utils import override_settings

from conneg.adapters import RecipientClass
from conneg.adapters.alternatives import Alternatives
from conneg.errors import ConnegError
from conneg.negotiation import profile_expression
from tests.net.servers import HOST, listening

from .servers import HTML, TEXT, Office, Script

S = profile_expression("S") or ""
A, B, C = "a@x.example", "b@x.example", "c@x.example"
BACKEND = "conneg.adapters.django.EmailBackend"


@pytest.fixture(autouse=True)
def _configured() -> None:
    if not settings.configured:
        settings.configure(EMAIL_BACKEND=BACKEND, EMAIL_TIMEOUT=10, USE_TZ=True)
        django.setup()


def letter(*to: str, **more: Any) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives("x", "as text", "May <may@b.example>", list(to), **more)
    message.attach_alternative("<p>as HTML", "text/html")
    return message


async def send(port: int, *messages: Any, **options: Any) -> int:
    def run() -> int:
        return int(
            get_connection(BACKEND, host=HOST, port=port, **options).send_messages(list(messages)) or 0
        )

    return await asyncio.to_thread(run)


async def test_each_recipient_gets_the_best_of_the_alternatives() -> None:
    office = Office({A: HTML, B: TEXT, C: None})
    message = letter(A, B, cc=[f"Carl <{C}>"])
    async with listening(office) as listener:
        assert await send(listener.port, message) == 1
    assert [one.paths for one in office.delivered] == [[A], [B], [C]]
    assert [b"as HTML" in one.content for one in office.delivered] == [True, False, True]
    assert all(b"as text" in one.content for one in office.delivered)
    assert {one.mail.reverse_path for one in office.delivered} == {"may@b.example"}
    assert [result.is_sent for result in message.conneg_results] == [True, True, True]


async def test_a_fax_gets_the_tiff_file_that_the_site_describes() -> None:
    message = letter(A)
    message.attach_alternative(b"II*\0", "image/tiff")
    office = Office({A: S})
    async with listening(office) as listener:
        with override_settings(CONNEG_FEATURES={"image/tiff": "S"}):
            assert await send(listener.port, message) == 1
    assert b"image/tiff" in office.delivered[0].content
    assert b"as text" not in office.delivered[0].content


async def test_who_can_take_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    office = Office({A: TEXT, B: S})
    message = letter(A, B)
    async with listening(office) as listener:
        with caplog.at_level(logging.WARNING, "conneg.adapters.django"):
            assert await send(listener.port, message) == 1
    assert [str(result.outcome) for result in message.conneg_results] == ["sent", "not chosen"]
    assert caplog.messages == [f"{B} did not get the message: 554 5.6.1 no form of the message is accepted"]


async def test_nobody_is_an_exception_as_from_smtplib() -> None:
    office = Office({B: S})
    async with listening(office) as listener:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            await send(listener.port, letter(A, B))
        assert await send(listener.port, letter(A, B), fail_silently=True) == 0
    assert {path: code for path, (code, _) in caught.value.recipients.items()} == {A: 550, B: 554}


def chosen_by_site(message: EmailMessage, content: bytes) -> Callable[[RecipientClass], bytes | None]:
    assert message.subject == "x"
    choose = Alternatives(content)
    return lambda recipients: b"as the site likes\r\n" if B in recipients.recipients else choose(recipients)


async def test_the_sites_own_choice() -> None:
    office = Office({A: TEXT, B: HTML})
    async with listening(office) as listener:
        with override_settings(CONNEG_CHOOSE=f"{__name__}.chosen_by_site"):
            assert await send(listener.port, letter(A, B)) == 1
    assert office.delivered[1].content == b"as the site likes\r\n"


async def test_required() -> None:
    script = Script(ehlo=("250 mx.example",))
    async with script.serve() as port:
        with override_settings(CONNEG_ASK="REQUIRED"), pytest.raises(smtplib.SMTPRecipientsRefused):
            await send(port, letter(A))
    assert script.contents == []


async def test_a_session_that_the_server_ends_does_not_take_the_next_message_along() -> None:
    script = Script(answer=lambda line, count: "421 enough" if line == "." and count == 1 else None)
    first, second = letter(A), letter(B)

    def run(port: int) -> int:
        backend = get_connection(BACKEND, host=HOST, port=port, fail_silently=True)
        return int(backend.send_messages([first, second]))

    async with script.serve() as port:
        assert await asyncio.to_thread(run, port) == 1
    assert [str(m.conneg_results[0].outcome) for m in (first, second)] == ["deferred", "sent"]


async def test_a_server_that_is_not_there(unused_port: int) -> None:
    with pytest.raises(OSError, match="refused"):
        await send(unused_port, letter(A))
    assert await send(unused_port, letter(A), fail_silently=True) == 0


async def test_descriptions_that_cannot_be_read() -> None:
    office = Office({A: TEXT})
    async with listening(office) as listener:
        with override_settings(CONNEG_FEATURES={"text/plain": "(color"}):
            with pytest.raises(ConnegError):
                await send(listener.port, letter(A))
            assert await send(listener.port, letter(A), fail_silently=True) == 0


async def test_an_open_connection_is_kept() -> None:
    office = Office({A: TEXT})

    def run(port: int) -> None:
        with get_connection(BACKEND, host=HOST, port=port) as backend:
            assert backend.send_messages([letter(A)]) == 1
            assert backend.send_messages([]) == 0
            assert backend.send_messages([letter(A), EmailMessage("no recipients")]) == 1

    async with listening(office) as listener:
        await asyncio.to_thread(run, listener.port)
    assert office.calls.count("connect") == 1


def test_tls_from_the_first_octet() -> None:
    backend = get_connection(BACKEND, use_ssl=True)
    assert issubclass(backend.connection_class, smtplib.SMTP_SSL)
