"""Content negotiation for Python's smtplib (draft-ietf-fax-esmtp-conneg-03)."""

import smtplib
from collections.abc import Callable, Sequence

from conneg.adapters.asking import Sent, as_reply, classes_of, start_asking
from conneg.smtp import ConnegArgument, RcptRequest, RcptResult, Reply


class NegotiatingSMTP(smtplib.SMTP):
    """smtplib's client that can ask what a recipient can take."""

    def rcpt_conneg(
        self,
        forward_path: str,
        conneg: ConnegArgument = ConnegArgument.OPTIONAL,
        *,
        notify: frozenset[str] | None = None,
        orcpt: str | None = None,
    ) -> RcptResult:
        """Send RCPT with CONNEG where the server lists it (draft 4.2); repeat OPTIONAL without it if it is unknown.

        REQUIRED fails as by 504 where it is not listed. Raises `conneg.errors.ConnegError` for what no command can
        carry, and smtplib's own exceptions.
        """
        asking = start_asking(RcptRequest(forward_path, conneg, notify, orcpt), self.esmtp_features)
        while asking.result is None:
            self.putcmd(asking.command())
            code, text = self.getreply()
            asking.answer(as_reply(code, text.decode("utf-8", "replace")), may_repeat=True)
        return asking.result

    def send_negotiated(
        self,
        reverse_path: str,
        forward_paths: Sequence[str],
        choose: Callable[[str | None], bytes | None],
    ) -> list[Sent]:
        """Ask every recipient, then send each class of them what `choose` makes of its capability (appendix A 3).

        `choose` is given the capability's expression, None for none, and returns the message or None to send nothing.
        """
        self.ehlo_or_helo_if_needed()
        asked: list[RcptResult] = []
        mail = self._mail(reverse_path)
        if not mail.is_positive:
            self.rset()
            return [Sent(RcptResult(path, mail), mail) for path in forward_paths]
        asked = [self.rcpt_conneg(path) for path in forward_paths]
        self.rset()
        sent = [Sent(result, result.reply) for result in asked if not result.reply.is_positive]
        for expression, members in classes_of(asked).items():
            content = choose(expression)
            if content is None:
                sent += [Sent(member, None) for member in members]
            else:
                sent += self._send_class(reverse_path, members, content)
        return sent

    def _mail(self, reverse_path: str) -> Reply:
        code, text = self.mail(reverse_path)
        return as_reply(code, text.decode("utf-8", "replace"))

    def _send_class(self, reverse_path: str, members: list[RcptResult], content: bytes) -> list[Sent]:
        mail = self._mail(reverse_path)
        if not mail.is_positive:
            self.rset()
            return [Sent(member, mail) for member in members]
        replies = []
        for member in members:
            code, text = self.rcpt(member.request_path)
            replies.append(as_reply(code, text.decode("utf-8", "replace")))
        if not any(reply.is_positive for reply in replies):
            self.rset()
            return [Sent(member, reply) for member, reply in zip(members, replies, strict=True)]
        try:
            code, text = self.data(content)
        except smtplib.SMTPDataError as error:
            self.rset()
            code = error.smtp_code
            text = error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode()
        done = as_reply(code, text.decode("utf-8", "replace"))
        return [
            Sent(member, done if reply.is_positive else reply)
            for member, reply in zip(members, replies, strict=True)
        ]


class NegotiatingSMTPSSL(NegotiatingSMTP, smtplib.SMTP_SSL):
    """The same over TLS from the first octet (RFC 8314, 3.3)."""
