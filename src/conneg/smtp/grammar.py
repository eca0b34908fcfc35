"""Paths and parameters of MAIL and RCPT (RFC 5321, 4.1.2; RFC 6531, 3.3), and the xtext of DSN (RFC 3461, 4).

Text in, text or None out: None means "not of this form". Nothing here knows a command or a reply.
"""

import ipaddress
import re

from conneg.bounds import Bound

MAX_PATH = Bound(
    name="smtp.path",
    value=256,
    unit="octets in a path, with its angle brackets",
    reason="RFC 5321, 4.5.3.1.3",
    answer="501 5.1.7 to MAIL, 501 5.1.3 to RCPT",
)
MAX_PARAMETERS = Bound(
    name="smtp.parameters",
    value=24,
    unit="parameters of one command",
    reason="all extensions that are known define fewer for one command",
    answer="501 5.5.4",
)

_WIDE = r"\x80-\ud7ff\ue000-\U0010ffff"
"""Characters outside ASCII; lone surrogates are none, as no octets can carry them."""
_ATOM = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_WIDE}-]+"
_QUOTED = rf'"(?:[\x20\x21\x23-\x5b\x5d-\x7e{_WIDE}]|\\[\x20-\x7e])*"'
# The underscore is not in the grammar of sub-domain, but hosts with one do send and receive mail.
_LABEL = rf"[A-Za-z0-9_{_WIDE}](?:[A-Za-z0-9_{_WIDE}-]*[A-Za-z0-9_{_WIDE}])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[[\x21-\x5a\x5e-\x7e]+\]"
_LOCAL_PART = rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED})"
# Path = "<" [ A-d-l ":" ] Mailbox ">"; the source route A-d-l is taken and ignored (RFC 5321, 4.1.2 and appendix C).
_ROUTE = rf"(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?"
_MAILBOX = rf"{_LOCAL_PART}@(?:{_DOMAIN}|{_LITERAL})"

_PATH_AND_REST = re.compile(rf"[ \t]*<(?:{_ROUTE}({_MAILBOX}))?>(?:[ \t]+(.*))?", re.DOTALL)
_POSTMASTER_AND_REST = re.compile(r"[ \t]*<(postmaster)>(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
# esmtp-param = esmtp-keyword ["=" esmtp-value]; a value has no SP, no "=" and no control (RFC 5321, 4.1.2).
_PARAMETER = re.compile(rf"([A-Za-z0-9][A-Za-z0-9-]*)(=([\x21-\x3c\x3e-\x7e{_WIDE}]+))?")
_XTEXT = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*")
_SPACES = re.compile(r"[ \t]+")
_GENERAL_LITERAL = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9]:[\x21-\x5a\x5e-\x7e]+")
_HELLO_NAME = re.compile(rf"[\x21-\x7e{_WIDE}]{{1,255}}")


def read_path(text: str) -> tuple[str, str] | None:
    """Path = "<" [ A-d-l ":" ] Mailbox ">" ; and "<>", the null reverse-path. RFC 5321, 4.1.2

    `text` is what follows `FROM:` or `TO:`; white space before `<` is tolerated. Returns the mailbox without angle
    brackets and source route ("" for `<>`), and the parameters' text after it.
    """
    found = _PATH_AND_REST.fullmatch(text)
    if found is None:
        return None
    mailbox, rest = found.groups("")
    if mailbox.endswith("]") and not is_address_literal(mailbox[mailbox.rindex("[") :]):
        return None
    return mailbox, rest


def read_forward_path(text: str) -> tuple[str, str] | None:
    """ "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ; RFC 5321, 4.1.1.3

    As `read_path`, but never the null path.
    """
    found = read_path(text)
    if found is None:
        postmaster = _POSTMASTER_AND_REST.fullmatch(text)
        return None if postmaster is None else (postmaster[1], postmaster[2] or "")
    return found if found[0] else None


def is_too_long(mailbox: str) -> bool:
    """Whether the path of `mailbox` is above `MAX_PATH`."""
    return len(mailbox) > 60 and len(mailbox.encode("utf-8", "replace")) + 2 > MAX_PATH.value


def is_address_literal(text: str) -> bool:
    """address-literal = "[" ( IPv4 / "IPv6:" IPv6 / General ) "]" ; RFC 5321, 4.1.3"""
    if not (text.startswith("[") and text.endswith("]")):
        return False
    inner = text[1:-1]
    try:
        if inner[:5].upper() == "IPV6:":
            ipaddress.IPv6Address(inner[5:])
            return "%" not in inner  # a zone is no part of the grammar
        ipaddress.IPv4Address(inner)
    except ValueError:
        return inner[:5].upper() != "IPV6:" and _GENERAL_LITERAL.fullmatch(inner) is not None
    return True


def is_path(mailbox: str) -> bool:
    """Whether `mailbox` may stand between the angle brackets of MAIL, "" among them, or of RCPT."""
    if not mailbox:
        return True
    found = read_path(f"<{mailbox}>")
    return found is not None and found[0] == mailbox and not is_too_long(mailbox)


def words_of(text: str) -> list[str]:
    """Return what SP parts (RFC 5321, 4.1.2), or HTAB (4.1.1): never other white space, which is no separator there."""
    if text.isprintable():  # then SP is all the white space that there is
        return text.split()
    return [word for word in _SPACES.split(text) if word]


def read_parameters(text: str) -> dict[str, str] | None:
    """Mail-parameters, Rcpt-parameters = esmtp-param *(SP esmtp-param) ; RFC 5321, 4.1.2

    Returns keyword in capitals -> value ("" without one); None if the form is wrong or a keyword comes twice.
    """
    words = words_of(text)
    if len(words) > MAX_PARAMETERS.value:
        return None
    parameters: dict[str, str] = {}
    for word in words:
        found = _PARAMETER.fullmatch(word)
        if found is None:
            return None
        keyword = found[1].upper()
        if keyword in parameters:
            return None
        parameters[keyword] = found[3] or ""
    return parameters


def is_parameter(text: str) -> bool:
    """esmtp-param = esmtp-keyword ["=" esmtp-value] ; RFC 5321, 4.1.2"""
    return _PARAMETER.fullmatch(text) is not None


def is_xtext(text: str) -> bool:
    """xtext = *( xchar / hexchar ) ; RFC 3461, 4"""
    return _XTEXT.fullmatch(text) is not None


def is_hello_name(text: str) -> bool:
    """Domain / address-literal, taken broadly: any one printable word (clients are not refused for it, 4.1.4)."""
    return _HELLO_NAME.fullmatch(text) is not None
