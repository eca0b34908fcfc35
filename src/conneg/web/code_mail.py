"""The mail that carries a one-time code: handed to the gateway by SMTP, so it is in its spool when this returns."""

import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from conneg.errors import TemporaryError
from conneg.gateway.endpoint import Endpoint
from conneg.staging import Item
from conneg.web.codes import CODE_DIGITS, CODE_SECONDS
from conneg.web.threads import in_thread

_SECONDS = 30
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, never listened on

_NOT_TAKEN = (OSError, smtplib.SMTPException, ValueError)
"""The last one: the standard library cannot write every address."""


class CodeNotMailedError(TemporaryError):
    """The gateway did not take the mail with the code."""


class CodeMail:
    """Mails codes through the SMTP server at `via`."""

    def __init__(self, via: Endpoint, hostname: str) -> None:
        self._host = _ANY_ADDRESS.get(via.host, via.host)
        self._port = via.port
        self._hostname = hostname

    async def send(self, address: str, code: str, item: Item) -> None:
        """Mail the code to the address. Raises `CodeNotMailedError`."""
        try:
            await in_thread(self._send, self._message(address, code, item), address)
        except _NOT_TAKEN as error:
            raise CodeNotMailedError(
                f"the gateway at {self._host}:{self._port} does not take a code's mail: {error}"
            ) from error

    def _send(self, message: EmailMessage, address: str) -> None:
        with smtplib.SMTP(self._host, self._port, local_hostname=self._hostname, timeout=_SECONDS) as client:
            client.send_message(message, from_addr="", to_addrs=[address])

    def _message(self, address: str, code: str, item: Item) -> EmailMessage:
        half = CODE_DIGITS // 2
        message = EmailMessage()
        message["Date"] = formatdate()
        message["From"] = f"Retrieval server <MAILER-DAEMON@{self._hostname}>"
        message["To"] = address
        message["Subject"] = f"Your code: {code[:half]} {code[half:]}"
        message["Message-ID"] = make_msgid(domain=self._hostname)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5
        message.set_content(
            f"{code[:half]} {code[half:]}\n\n"
            f"This code opens {item.label}, which was sent to you. It is good once, and for"
            f" {CODE_SECONDS / 60:.0f} minutes.\n"
            "If you have not asked for it, somebody has who knows the link: do not pass the code on.\n"
        )
        return message
