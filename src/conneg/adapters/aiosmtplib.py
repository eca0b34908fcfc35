"""Content negotiation for aiosmtplib (draft-ietf-fax-esmtp-conneg-03): `NegotiatingSMTP`.

It is aiosmtplib's client with two methods more; connecting, TLS and AUTH are aiosmtplib's own. Commands and content
are written to the client's `protocol`, since its own calls cannot say whether content had been sent when they failed.
Neither method may run at the same time as another call of the same client.
"""

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable

import aiosmtplib

from conneg.adapters.delivery import Delivery, Steps, start_asking
from conneg.adapters.values import MailOptions, RecipientClass, RecipientResult, as_reply, requests_of
from conneg.smtp import ConnegArgument, RcptRequest, RcptResult, RemoteProtocolError, Reply

Choose = Callable[[RecipientClass], bytes | Awaitable[bytes | None] | None]
"""Gives a class of recipients its content, with CRLF line ends, at once or as an awaitable; None sends it nothing."""


class NegotiatingSMTP(aiosmtplib.SMTP):
    """aiosmtplib's client that can ask what a recipient can take."""

    async def rcpt_conneg(
        self, recipient: str | RcptRequest, conneg: ConnegArgument = ConnegArgument.OPTIONAL
    ) -> RcptResult:
        """Send RCPT with CONNEG where the server lists it (draft 4.2); repeat OPTIONAL without it if it is unknown.

        For who leads the transaction himself; `send_negotiated` does all of it. `conneg` counts for a recipient given
        as text. REQUIRED fails as by 504 where it is not listed. Raises `conneg.smtp.EnvelopeSyntaxError` for what no
        command can carry, `conneg.smtp.RemoteProtocolError` for what is no reply, and aiosmtplib's own exceptions.
        """
        extensions = {keyword.upper(): value for keyword, value in self.esmtp_extensions.items()}
        asking = start_asking(requests_of([recipient], conneg)[0], extensions)
        while asking.result is None:
            reply = await self._exchange(f"{asking.command()}\r\n".encode())
            asking.answer(reply, may_repeat=True)
        return asking.result

    async def send_negotiated(
        self,
        reverse_path: str,
        recipients: Sequence[str | RcptRequest],
        choose: Choose,
        *,
        conneg: ConnegArgument = ConnegArgument.OPTIONAL,
        options: MailOptions | None = None,
    ) -> list[RecipientResult]:
        """Ask every recipient, then send each class of them what `choose` makes of its capability (appendix A 3).

        Returns one result for each recipient in the order given. All contents are chosen before any is sent. `conneg`
        is how those are asked that are given as text. From the first MAIL on, failures of the server and of the
        connection are results, and not raised; what `choose` raises is passed on, and then nothing has been sent. Also
        raises `conneg.smtp.EnvelopeSyntaxError` for what no command can carry, `conneg.smtp.BareNewlineError` for
        content with a bare CR or LF, and aiosmtplib's own exceptions while there is no EHLO yet. A call that is
        cancelled cuts the connection.
        """
        if self.is_ehlo_or_helo_needed:
            try:
                await self.ehlo()
            except aiosmtplib.SMTPHeloError:
                await self.helo()
        delivery = Delivery(
            reverse_path, requests_of(recipients, conneg), self.esmtp_extensions, options=options
        )
        await self._drive(delivery, delivery.ask())
        try:
            contents = [await _chosen(choose(found)) for found in delivery.classes]
            delivery.check(contents)
        except Exception:
            await self._drive(delivery, delivery.take_back())
            raise
        except BaseException:
            self.close()
            raise
        await self._drive(delivery, delivery.send(contents))
        return delivery.results

    async def _drive(self, delivery: Delivery, steps: Steps) -> None:
        """Say what `steps` has to say; a session that is over, or broken off, is closed."""
        try:
            octets = next(steps, None)
            while octets is not None:
                reply = await self._exchange(octets)
                try:
                    octets = steps.send(reply)
                except StopIteration:
                    octets = None
        except (OSError, aiosmtplib.SMTPException, RemoteProtocolError) as error:
            delivery.lost(str(error))
        except BaseException:
            self.close()
            raise
        if delivery.is_over:
            self.close()

    async def _exchange(self, octets: bytes) -> Reply:
        """Write the octets and read one reply; nothing may come in between, or it would be dropped as unexpected."""
        protocol = self.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("not connected")
        if octets:
            protocol.write(octets)
        code, text = await protocol.read_response(timeout=self.timeout)
        return as_reply(code, text)


async def _chosen(content: bytes | Awaitable[bytes | None] | None) -> bytes | None:
    return await content if isawaitable(content) else content
