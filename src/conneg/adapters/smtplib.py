"""Content negotiation for Python's smtplib (draft-ietf-fax-esmtp-conneg-03): `NegotiatingSMTP` and its kin.

They are smtplib's clients with two methods more; connecting, TLS and AUTH are smtplib's own.
"""

import smtplib
from collections.abc import Callable, Sequence

from conneg.adapters.delivery import Delivery, Steps, start_asking
from conneg.adapters.values import MailOptions, RecipientClass, RecipientResult, as_reply, requests_of
from conneg.smtp import ConnegArgument, RcptRequest, RcptResult, RemoteProtocolError, Reply

Choose = Callable[[RecipientClass], bytes | None]
"""Gives a class of recipients its content, with CRLF line ends; None sends it nothing."""


class NegotiatingSMTP(smtplib.SMTP):
    """smtplib's client that can ask what a recipient can take."""

    def rcpt_conneg(
        self, recipient: str | RcptRequest, conneg: ConnegArgument = ConnegArgument.OPTIONAL
    ) -> RcptResult:
        """Send RCPT with CONNEG where the server lists it (draft 4.2); repeat OPTIONAL without it if it is unknown.

        For who leads the transaction himself; `send_negotiated` does all of it. `conneg` counts for a recipient given
        as text. REQUIRED fails as by 504 where it is not listed. Raises `conneg.smtp.EnvelopeSyntaxError` for what no
        command can carry, `conneg.smtp.RemoteProtocolError` for what is no reply, and smtplib's own exceptions.
        """
        extensions = {keyword.upper(): value for keyword, value in self.esmtp_features.items()}
        asking = start_asking(requests_of([recipient], conneg)[0], extensions)
        while asking.result is None:
            self.send(f"{asking.command()}\r\n".encode())
            asking.answer(self._read_reply(), may_repeat=True)
        return asking.result

    def send_negotiated(
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
        content with a bare CR or LF, and smtplib's own exceptions while there is no EHLO yet. Interruptions cut the
        connection.
        """
        self.ehlo_or_helo_if_needed()
        delivery = Delivery(
            reverse_path,
            requests_of(recipients, conneg),
            self.esmtp_features,
            options=options,
            lmtp=self.ehlo_msg == "lhlo",
        )
        self._drive(delivery, delivery.ask())
        try:
            contents = [choose(found) for found in delivery.classes]
            delivery.check(contents)
        except Exception:
            self._drive(delivery, delivery.take_back())
            raise
        except BaseException:
            self.close()
            raise
        self._drive(delivery, delivery.send(contents))
        return delivery.results

    def _drive(self, delivery: Delivery, steps: Steps) -> None:
        """Say what `steps` has to say; a session that is over, or broken off, is closed."""
        try:
            octets = next(steps, None)
            while octets is not None:
                if octets:
                    self.send(octets)
                reply = self._read_reply()
                try:
                    octets = steps.send(reply)
                except StopIteration:
                    octets = None
        except (OSError, smtplib.SMTPException, RemoteProtocolError) as error:
            delivery.lost(str(error))
        except BaseException:
            self.close()
            raise
        if delivery.is_over:
            self.close()

    def _read_reply(self) -> Reply:
        return as_reply(*self.getreply())


class NegotiatingSMTPSSL(NegotiatingSMTP, smtplib.SMTP_SSL):
    """The same over TLS from the first octet (RFC 8314, 3.3)."""


class NegotiatingLMTP(NegotiatingSMTP, smtplib.LMTP):
    """The same by LMTP, where the content draws a reply for each recipient (RFC 2033, 4.2)."""
