"""The service extensions we know, one row each: what EHLO lists, and the parameters they bring to MAIL and RCPT."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from conneg.bounds import Bound

MAX_EXTENSIONS = Bound(
    name="smtp.extensions",
    value=200,
    unit="extensions in an EHLO reply that is read",
    reason="servers list about ten",
    answer="what follows is ignored",
)


@dataclass(frozen=True, slots=True)
class Extension:
    """One row: the EHLO keyword, its parameters on MAIL and RCPT, and where it is defined."""

    keyword: str
    reference: str
    mail: tuple[str, ...] = ()
    rcpt: tuple[str, ...] = ()


EXTENSIONS: tuple[Extension, ...] = (
    Extension("PIPELINING", "RFC 2920"),
    Extension("SIZE", "RFC 1870", mail=("SIZE",)),
    Extension("8BITMIME", "RFC 6152", mail=("BODY",)),
    Extension("ENHANCEDSTATUSCODES", "RFC 2034"),
    Extension("DSN", "RFC 3461", mail=("RET", "ENVID"), rcpt=("NOTIFY", "ORCPT")),
    Extension("SMTPUTF8", "RFC 6531", mail=("SMTPUTF8",)),
    Extension("CHUNKING", "RFC 3030"),
    Extension("BINARYMIME", "RFC 3030", mail=("BODY",)),
    Extension("STARTTLS", "RFC 3207"),
    Extension("REQUIRETLS", "RFC 8689", mail=("REQUIRETLS",)),
    Extension("AUTH", "RFC 4954", mail=("AUTH",)),
    Extension("LIMITS", "RFC 9422"),
    Extension("XCLIENT", "Postfix's XCLIENT_README"),
    # Service name Content_Negotiation (section 3); CONPERM of RFC 4141 is known to the client only, and not offered.
    Extension("CONNEG", "draft-ietf-fax-esmtp-conneg-03", rcpt=("CONNEG",)),
)
"""In the order in which EHLO lists them; CONNEG is last, as in the draft's examples."""

DEFAULT_EXTENSIONS: frozenset[str] = frozenset(
    {"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING", "LIMITS"}
)
"""What a server offers when nothing else is said, CONNEG apart."""


def listing(offered: Collection[str], parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return the EHLO lines after the first, without codes; `parameters` is what some keywords are followed by."""
    return tuple(
        f"{row.keyword} {parameters[row.keyword]}" if row.keyword in parameters else row.keyword
        for row in EXTENSIONS
        if row.keyword in offered
    )


def parameters_of(offered: Collection[str], command: str) -> frozenset[str]:
    """Return the parameter keywords that `command`, MAIL or RCPT, may have."""
    rows = [row for row in EXTENSIONS if row.keyword in offered]
    return frozenset(name for row in rows for name in (row.mail if command == "MAIL" else row.rcpt))


def read_limits(parameters: str) -> Mapping[str, int]:
    """limits = *( SP name "=" number ): name in capitals -> value; what cannot be read is left out (RFC 9422, 3)."""
    limits: dict[str, int] = {}
    for word in parameters.split()[: MAX_EXTENSIONS.value]:
        name, _, value = word.partition("=")
        if value.isascii() and value.isdigit() and len(value) <= 6 and int(value) > 0:
            limits.setdefault(name.upper(), int(value))
    return limits


def read_listing(lines: tuple[str, ...]) -> Mapping[str, str]:
    """Return keyword in capitals -> parameters' text, from the lines of an EHLO reply after the first.

    Lenient: `AUTH=LOGIN` of old servers is `AUTH`, and lines that begin with no keyword are left out.
    """
    extensions: dict[str, str] = {}
    for line in lines[: MAX_EXTENSIONS.value]:
        keyword, _, parameters = line.strip().partition(" ")
        keyword, separator, more = keyword.partition("=")
        if separator:
            parameters = f"{more} {parameters}"
        if keyword and keyword.isascii() and keyword.replace("-", "").isalnum():
            extensions.setdefault(keyword.upper(), parameters.strip())
    return extensions
