"""One recipient on a client's way through RCPT: how CONNEG is written, and what is tried next where it is not known."""

from collections.abc import Mapping
from enum import Enum

from conneg.smtp import conneg
from conneg.smtp.command import RcptRequest, write_rcpt
from conneg.smtp.conneg import ConnegArgument, read_capability
from conneg.smtp.events import RcptResult
from conneg.smtp.extension import parameters_of
from conneg.smtp.reply import Reply


class _Form(Enum):
    """How CONNEG is written."""

    ARGUMENT = "CONNEG=..."
    BARE = "CONNEG"
    ABSENT = ""


class Asking:
    """A recipient of a transaction that is being opened; `result` is None until nothing is left to ask.

    `extensions` is what the server lists, `dialect` the client's (`conneg.smtp.ClientConfig`).
    """

    __slots__ = ("_dialect", "_form", "_refusal", "request", "result")

    def __init__(self, request: RcptRequest, extensions: Mapping[str, str], dialect: str) -> None:
        self.request = request
        self._dialect = dialect
        self._form = _first_form(request, extensions, dialect)
        self._refusal: Reply | None = None
        self.result: RcptResult | None = None
        if self._form is _Form.ABSENT and not request.may_go_without:
            # Not listed, so not sent (draft 4.2); as if by 504.
            self.result = RcptResult(
                request.forward_path, conneg.not_supported(request.forward_path), is_local=True
            )

    def command(self) -> str:
        """Return the RCPT command to send now. Raises `conneg.smtp.EnvelopeSyntaxError`."""
        match self._form:
            case _Form.ABSENT:
                return write_rcpt(self.request, None)
            case _Form.BARE:
                return write_rcpt(self.request, conneg.KEYWORD)
            case _Form.ARGUMENT:
                return write_rcpt(self.request, f"{conneg.KEYWORD}={self.request.conneg}")

    def answer(self, reply: Reply, *, may_repeat: bool) -> bool:
        """Take the reply to `command`; False if another form of it is to be sent."""
        if may_repeat and self._must_repeat(reply):
            return False
        asked = None if self._form is _Form.ABSENT else self.request.conneg
        capability = None if asked is None else read_capability(reply)
        self.result = RcptResult(self.request.forward_path, reply, capability, asked, self._refusal)
        return True

    def _must_repeat(self, reply: Reply) -> bool:
        """Choose another form after a reply that says "CONNEG is not known": in the end none.

        For OPTIONAL: a server that has never heard of CONNEG cannot process the address "as if the requested CONNEG
        capabilities had not been specified" (draft 4.1), so the client does. For REQUIRED only where the caller can do
        without.
        """
        if self._form is _Form.ABSENT or not self.request.may_go_without:
            return False
        # bare is REQUIRED to a server of the draft, and its 404 an answer that OPTIONAL would not have got
        is_optional = self.request.conneg is ConnegArgument.OPTIONAL
        unavailable = is_optional and self._form is _Form.BARE and reply.code == 404
        if not (conneg.is_not_supported(reply) or unavailable):
            return False
        bare_next = self._dialect == "both" and self._form is _Form.ARGUMENT and reply.code in (501, 504, 555)
        self._form = _Form.BARE if bare_next else _Form.ABSENT
        self._refusal = self._refusal or reply
        return True


def _first_form(request: RcptRequest, extensions: Mapping[str, str], dialect: str) -> _Form:
    """Say how CONNEG is written at first: not at all where EHLO does not list it (draft 4.2: MUST NOT)."""
    if request.conneg is None or conneg.KEYWORD not in extensions:
        return _Form.ABSENT
    if "CONPERM" in extensions:
        return _Form.BARE  # RFC 4141, 5.2 has no argument
    if dialect == "both" and request.conneg is ConnegArgument.REQUIRED:
        return _Form.BARE
    return _Form.ARGUMENT


def within_offer(wanted: Mapping[str, str | None], extensions: Mapping[str, str]) -> dict[str, str]:
    """Return those of the wanted parameters of MAIL whose extension the server lists (RFC 5321, 4.1.1.3)."""
    offered = parameters_of(extensions, "MAIL")
    given = {name: value for name, value in wanted.items() if value is not None and name in offered}
    if given.get("BODY", "7BIT") not in ("7BIT", *extensions):
        del given["BODY"]  # each value of BODY has an extension of its own
    return given
