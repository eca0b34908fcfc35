"""Commands that carry an envelope, as values: MAIL and RCPT read from a line, and written to one.

A line that is wrong raises `CommandError`, which holds the reply to send.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from conneg.errors import ConnegError
from conneg.smtp import conneg
from conneg.smtp.conneg import ConnegArgument
from conneg.smtp.grammar import (
    is_parameter,
    is_path,
    is_too_long,
    is_xtext,
    read_forward_path,
    read_parameters,
    read_path,
)
from conneg.smtp.reply import Reply

_BODIES = frozenset({"7BIT", "8BITMIME"})
_AUTH = re.compile(r"<>|[\x21-\x3c\x3e-\x7e]+")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})


class CommandError(ConnegError):
    """A command line that is not acted upon; `reply` is what the client gets."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class EnvelopeSyntaxError(ConnegError):
    """A path or a parameter that no command line can carry: nothing was sent."""


@dataclass(frozen=True, slots=True)
class MailCommand:
    """MAIL: `reverse_path` without angle brackets, "" for the null reverse-path; keywords of `parameters` in capitals.

    ENVID stays as it came, xtext and all (RFC 3461, 4.4).
    """

    reverse_path: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int | None:
        """The size of the message that the client declares, in octets (RFC 1870); None if it does not."""
        value = self.parameters.get("SIZE")
        return None if value is None else int(value)

    @property
    def body(self) -> str | None:
        """`7BIT`, `8BITMIME` (RFC 6152) or `BINARYMIME` (RFC 3030, 3)."""
        value = self.parameters.get("BODY")
        return None if value is None else value.upper()

    @property
    def ret(self) -> str | None:
        """`FULL` or `HDRS` (RFC 3461, 4.3)."""
        value = self.parameters.get("RET")
        return None if value is None else value.upper()

    @property
    def envid(self) -> str | None:
        """The envelope identifier, in xtext."""
        return self.parameters.get("ENVID")

    @property
    def smtputf8(self) -> bool:
        """Whether the message may have UTF-8 in its envelope and header (RFC 6531)."""
        return "SMTPUTF8" in self.parameters

    @property
    def requiretls(self) -> bool:
        """Whether the message may travel under TLS only, and only to servers that know this too (RFC 8689)."""
        return "REQUIRETLS" in self.parameters


@dataclass(frozen=True, slots=True)
class RcptCommand:
    """RCPT: `forward_path` without angle brackets (`Postmaster` may stand alone), and what CONNEG asked, if it did.

    ORCPT stays as it came, xtext and all (RFC 3461, 4.2).
    """

    forward_path: str
    conneg: ConnegArgument | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def notify(self) -> frozenset[str] | None:
        """NEVER alone, or some of SUCCESS, FAILURE, DELAY (RFC 3461, 4.1); None if not given."""
        value = self.parameters.get("NOTIFY")
        return None if value is None else frozenset(value.upper().split(","))

    @property
    def orcpt(self) -> str | None:
        """The original recipient, `address-type;xtext`."""
        return self.parameters.get("ORCPT")


@dataclass(frozen=True, slots=True)
class CommandRules:
    """What of MAIL and RCPT a server takes: parameter keywords, the largest SIZE, BODY=BINARYMIME or not, and its stand
    on CONNEG.

    `ignorant`: it has never heard of CONNEG (555); otherwise `conneg` says whether it is switched on.
    """

    mail_parameters: frozenset[str]
    rcpt_parameters: frozenset[str]
    max_message_octets: int
    binary: bool = False
    conneg: bool = True
    ignorant: bool = False
    bare_is_optional: bool = False


_BAD_MAIL = Reply(501, ("syntax: MAIL FROM:<reverse-path> [parameters]",), "5.5.4")
_BAD_RCPT = Reply(501, ("syntax: RCPT TO:<forward-path> [parameters]",), "5.5.4")
_BAD_PARAMETERS = Reply(501, ("syntax error in the parameters, or a parameter given twice",), "5.5.4")
_NOT_ASCII = Reply(553, ("an address outside ASCII needs SMTPUTF8",), "5.6.7")


def read_mail(text: str, rules: CommandRules) -> MailCommand:
    """mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF ; RFC 5321, 4.1.1.2

    `text` is what follows the verb and its space. Raises `CommandError`.
    """
    if text[:5].upper() != "FROM:":
        raise CommandError(_BAD_MAIL)
    found = read_path(text[5:])
    if found is None:
        raise CommandError(Reply(501, ("the reverse-path cannot be read: MAIL FROM:<user@domain>",), "5.1.7"))
    reverse_path, rest = found
    if is_too_long(reverse_path):
        raise CommandError(Reply(501, ("path too long",), "5.1.7"))
    if not rest:
        command = MailCommand(reverse_path)
    else:
        parameters = _parameters(rest)
        _check_known(parameters, rules.mail_parameters)
        _check_mail_parameters(parameters, rules)
        command = MailCommand(reverse_path, parameters)
    if not reverse_path.isascii() and not command.smtputf8:
        raise CommandError(_NOT_ASCII)
    return command


def read_rcpt(text: str, rules: CommandRules, *, smtputf8: bool = False) -> RcptCommand:
    """rcpt = "RCPT TO:" Forward-path [SP Rcpt-parameters] CRLF ; RFC 5321, 4.1.1.3; draft 4.1 and 5

    `text` is what follows the verb and its space. Raises `CommandError`.
    """
    if text[:3].upper() != "TO:":
        raise CommandError(_BAD_RCPT)
    found = read_forward_path(text[3:])
    if found is None:
        raise CommandError(Reply(501, ("the forward-path cannot be read: RCPT TO:<user@domain>",), "5.1.3"))
    forward_path, rest = found
    if is_too_long(forward_path):
        raise CommandError(Reply(501, ("path too long",), "5.1.3"))
    if not forward_path.isascii() and not smtputf8:
        raise CommandError(_NOT_ASCII)
    if not rest:
        return RcptCommand(forward_path)
    parameters, argument = _rcpt_parameters(rest, rules.ignorant)
    _check_known(parameters, rules.rcpt_parameters)
    if argument is None or len(parameters) > 1:
        _check_rcpt_parameters(parameters)
    if argument is not None and not (rules.conneg and parameters[conneg.KEYWORD]):
        argument = _conneg_here(forward_path, argument, rules)
    return RcptCommand(forward_path, argument, parameters)


def _parameters(text: str) -> Mapping[str, str]:
    # An empty value, `CONNEG=`, is not in the grammar of parameters and refused here (digest A5, item 5).
    parameters = read_parameters(text)
    if parameters is None:
        raise CommandError(_BAD_PARAMETERS)
    return parameters


@lru_cache(maxsize=256)
def _rcpt_parameters(text: str, ignorant: bool) -> tuple[Mapping[str, str], ConnegArgument | None]:
    """Return RCPT's parameters, of whose values nothing has been checked, and what CONNEG asks if it asks anything.

    Kept, since most recipients come with the parameters of the last one.
    """
    parameters = MappingProxyType(_parameters(text if ignorant else conneg.close_spaces(text)))
    value = parameters.get(conneg.KEYWORD)
    return parameters, None if value is None else conneg.read_argument(value)


def _check_known(parameters: Mapping[str, str], known: Collection[str]) -> None:
    for keyword in parameters:
        if keyword not in known:
            raise CommandError(_unknown(keyword))


def _unknown(keyword: str) -> Reply:
    return Reply(555, (f"parameter {keyword[:40]} not recognised",), "5.5.4")


def _check_mail_parameters(parameters: Mapping[str, str], rules: CommandRules) -> None:
    if "CONPERM" in parameters:  # RFC 4141, 4.2
        raise CommandError(Reply(504, ("CONPERM not supported",), "5.3.3"))
    if "CONNEG" in parameters:
        raise CommandError(Reply(501, ("CONNEG is a parameter of RCPT",), "5.5.4"))
    size = parameters.get("SIZE")
    if size is not None:
        if not (size.isascii() and size.isdigit() and len(size) <= 20):
            raise CommandError(_invalid("SIZE"))
        if int(size) > rules.max_message_octets:
            raise CommandError(Reply(552, (f"more than {rules.max_message_octets} octets",), "5.3.4"))
    body = parameters.get("BODY", "7BIT").upper()
    if body not in _BODIES and not (body == "BINARYMIME" and rules.binary):
        raise CommandError(_invalid("BODY"))
    if "RET" in parameters and parameters["RET"].upper() not in ("FULL", "HDRS"):
        raise CommandError(_invalid("RET"))
    envid = parameters.get("ENVID")
    if envid is not None and not (0 < len(envid) <= 100 and is_xtext(envid)):
        raise CommandError(_invalid("ENVID"))
    for flag in ("SMTPUTF8", "REQUIRETLS"):
        if parameters.get(flag):
            raise CommandError(_invalid(flag))
    if "AUTH" in parameters and not _AUTH.fullmatch(parameters["AUTH"]):
        raise CommandError(_invalid("AUTH"))


def _check_rcpt_parameters(parameters: Mapping[str, str]) -> None:
    value = parameters.get(conneg.KEYWORD)
    if value is not None and conneg.read_argument(value) is None:
        raise CommandError(Reply(501, ("CONNEG is REQUIRED or OPTIONAL",), "5.5.4"))
    notify = parameters.get("NOTIFY")
    if notify is not None and not _is_notify(notify.upper().split(",")):
        raise CommandError(_invalid("NOTIFY"))
    orcpt = parameters.get("ORCPT")
    if orcpt is not None:
        address_type, separator, address = orcpt.partition(";")
        if not (address_type and separator and address and len(orcpt) <= 500 and is_xtext(address)):
            raise CommandError(_invalid("ORCPT"))


def _is_notify(words: list[str]) -> bool:
    return words == ["NEVER"] or (_NOTIFY.issuperset(words) and len(set(words)) == len(words))


def _invalid(keyword: str) -> Reply:
    return Reply(501, (f"the value of {keyword} cannot be read",), "5.5.4")


def _conneg_here(forward_path: str, argument: ConnegArgument, rules: CommandRules) -> ConnegArgument | None:
    """Return what CONNEG asks of this server: where it is switched off REQUIRED draws 504, and OPTIONAL is as if absent
    (draft 4.3); of one without a value RFC 4141 thinks otherwise.
    """
    if not rules.conneg:
        if argument is ConnegArgument.REQUIRED:
            raise CommandError(conneg.not_supported(forward_path))
        return None
    return ConnegArgument.OPTIONAL if rules.bare_is_optional else argument


@dataclass(frozen=True, slots=True)
class RcptRequest:
    """A recipient that a client asks for; `conneg` says whether and how to ask what it can take.

    `or_without`: REQUIRED may be given up, as OPTIONAL always may, where the server does not list or not know CONNEG;
    RCPT is then sent without it.
    """

    forward_path: str
    conneg: ConnegArgument | None = None
    notify: frozenset[str] | None = None
    orcpt: str | None = None
    or_without: bool = False

    @property
    def may_go_without(self) -> bool:
        """Whether the recipient may be asked for without CONNEG."""
        return self.conneg is not ConnegArgument.REQUIRED or self.or_without


def write_mail(reverse_path: str, parameters: Mapping[str, str]) -> str:
    """Return MAIL without CRLF; a value "" is a parameter without one. Raises `EnvelopeSyntaxError`."""
    _check_path(reverse_path)
    return f"MAIL FROM:<{reverse_path}>{_write_parameters(parameters)}"


def write_rcpt(request: RcptRequest, conneg_parameter: str | None) -> str:
    """Return the RCPT command line without CRLF. Raises `EnvelopeSyntaxError`."""
    if request.forward_path.lower() != "postmaster":
        _check_path(request.forward_path)
    if not request.forward_path:
        raise EnvelopeSyntaxError("the null path can be no recipient")
    parameters: dict[str, str] = {}
    if request.notify is not None:
        parameters["NOTIFY"] = ",".join(sorted(request.notify, reverse=True))
    if request.orcpt is not None:
        parameters["ORCPT"] = request.orcpt
    line = f"RCPT TO:<{request.forward_path}>{_write_parameters(parameters)}"
    return line if conneg_parameter is None else f"{line} {conneg_parameter}"


def _check_path(mailbox: str) -> None:
    if not is_path(mailbox):
        raise EnvelopeSyntaxError(f"{mailbox!r} cannot stand in a command", hint="write user@domain")


def _write_parameters(parameters: Mapping[str, str]) -> str:
    words = [f"{keyword}={value}" if value else keyword for keyword, value in parameters.items()]
    for word in words:
        if not is_parameter(word):
            raise EnvelopeSyntaxError(f"{word!r} is no parameter that a command can carry")
    return "".join(f" {word}" for word in words)
