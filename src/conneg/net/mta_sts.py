"""MTA-STS as text: the `_mta-sts` record, the policy, and whether a mail exchanger is one of its (RFC 8461).

Texts in, values out; no look-up, no fetching (`conneg.net.policy_host`), no clock. The grammar is the RFC's, with upper
and lower case as it says; what does not fit is an error with its line, never half a policy.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from conneg.bounds import Bound
from conneg.errors import ConnegError

MAX_STS_RECORD = Bound(
    name="net.mta_sts_record",
    value=4096,
    unit="octets in an MTA-STS record",
    reason="a record has a version and an identifier of at most 32 characters",
    answer="the record counts as none",
)
MAX_STS_POLICY = Bound(
    name="net.mta_sts_policy",
    value=65_536,
    unit="octets in an MTA-STS policy",
    reason="RFC 8461, 3.3 suggests 64 KB; real policies have some hundreds of octets",
    answer="the policy is not read; one that is cached stays in force",
)
MAX_STS_AGE = Bound(
    name="net.mta_sts_age",
    value=31_557_600,
    unit="seconds for which an MTA-STS policy may be kept",
    reason="RFC 8461, 3.2: about a year",
    answer="the policy is not valid; one that is cached stays in force",
)

_VERSION = "STSv1"
_RECORD_VERSION = "v=STSv1"
_RECORD_BEGINNING = re.compile(r"v=STSv1[ \t]*;")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,31}"
_RECORD_FIELD = re.compile(rf"(?P<name>{_NAME})=(?P<value>[\x21-\x3a\x3c\x3e-\x7e]+)")
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_POLICY_FIELD = re.compile(
    rf"(?P<name>{_NAME}):[ \t]*(?P<value>[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?)"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_MX = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_SECONDS = re.compile(r"[0-9]{1,10}")


class StsError(ConnegError):
    """A record or policy that is not valid; the message names the line or the field, and what is wrong."""


class StsMode(StrEnum):
    """What a policy asks of who sends (RFC 8461, 5)."""

    ENFORCE = "enforce"
    """Nothing is sent to a host that does not fit."""
    TESTING = "testing"
    """What does not fit is told, and the message goes all the same."""
    NONE = "none"
    """There is no policy any more."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy: its mode, the patterns of its mail exchangers in lower case, and how many seconds it may be kept."""

    mode: StsMode
    mx: tuple[str, ...]
    max_age: int

    def has_host(self, host: str) -> bool:
        """Whether `host` fits a pattern; `*` stands for the whole first label, and just one (RFC 8461, 4.1)."""
        name = host.lower().rstrip(".")
        parent = name.partition(".")[2]
        return any(
            bool(parent) and pattern[2:] == parent if pattern.startswith("*.") else pattern == name
            for pattern in self.mx
        )


def policy_id(records: Iterable[str]) -> str | None:
    """Return the policy's identifier from the TXT `records` at `_mta-sts.` and the domain; None if there is none.

    Each record is one text, its strings joined. Records of other kinds are passed over; if not exactly one is left, the
    domain has no policy (RFC 8461, 3.1). Raises `StsError` if the one that is left is not valid, which means the
    same; the error says why.
    """
    found = [record for record in records if _RECORD_BEGINNING.match(record)]
    if len(found) > 1:
        raise StsError(f"{len(found)} MTA-STS records where one is allowed")
    return read_record(found[0]) if found else None


def read_record(text: str) -> str:
    """sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]        ; RFC 8461, 3.1.

    Returns the value of `id`. Raises `StsError`.
    """
    if len(text) > MAX_STS_RECORD.value:
        raise StsError(str(MAX_STS_RECORD.exceeded("a record")))
    version, *fields = (field.strip(" \t") for field in text.split(";"))
    if version != _RECORD_VERSION or not text.startswith(version):
        raise StsError(f"the MTA-STS record does not begin with {_RECORD_VERSION}")
    if fields and not fields[-1]:
        fields.pop()
    values: dict[str, str] = {}
    for field in fields:
        found = _RECORD_FIELD.fullmatch(field)
        if found is None:
            raise StsError(f"the MTA-STS record: {_shown(field)} is not name=value")
        values.setdefault(found["name"], found["value"])
    if "id" not in values:
        raise StsError("the MTA-STS record has no id")
    if _ID.fullmatch(values["id"]) is None:
        raise StsError(f"the MTA-STS record: id {_shown(values['id'])} is not 1 to 32 letters and digits")
    return values["id"]


def read_policy(octets: bytes) -> StsPolicy:
    """sts-policy-record = sts-policy-field *WSP *(sts-policy-term sts-policy-field *WSP) [sts-policy-term]

    RFC 8461, 3.2. Lines end with LF or CRLF. Of a field other than mx that is there twice the first one holds; fields
    that nobody has defined are passed over. Raises `StsError`.
    """
    if len(octets) > MAX_STS_POLICY.value:
        raise StsError(str(MAX_STS_POLICY.exceeded("a policy")))
    try:
        lines = octets.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise StsError("the policy is not UTF-8") from None
    if not lines[-1]:
        lines.pop()
    values: dict[str, str] = {}
    mx: list[str] = []
    for number, line in enumerate(lines, start=1):
        name, value = _read_field(line, number)
        if name == "mx":
            mx.append(value.lower())
        else:
            values.setdefault(name, value)
    return _policy(values, mx)


def _read_field(line: str, number: int) -> tuple[str, str]:
    """sts-policy-field = name ":" *WSP value; checked for the names that are known."""
    found = _POLICY_FIELD.fullmatch(line.rstrip(" \t"))
    if found is None:
        raise StsError(f"line {number} of the policy: {_shown(line)} is not name: value")
    name, value = found["name"], found["value"]
    rule = _RULES.get(name)
    if rule is not None and rule[0].fullmatch(value) is None:
        raise StsError(f"line {number} of the policy: {name} {_shown(value)} is not {rule[1]}")
    return name, value


_RULES = {
    "version": (re.compile(_VERSION), _VERSION),
    "mode": (re.compile("|".join(StsMode)), "enforce, testing or none"),
    "mx": (_MX, "a host name or *. and a domain"),
    "max_age": (_SECONDS, "a number of seconds"),
}


def _policy(values: dict[str, str], mx: list[str]) -> StsPolicy:
    for name in ("version", "mode", "max_age"):
        if name not in values:
            raise StsError(f"the policy has no {name}")
    mode, max_age = StsMode(values["mode"]), int(values["max_age"])
    if max_age > MAX_STS_AGE.value:
        raise StsError(f"max_age {max_age}: {MAX_STS_AGE.exceeded('a policy')}")
    if not mx and mode is not StsMode.NONE:
        raise StsError(f"the policy has no mx, which mode {mode} needs")
    return StsPolicy(mode, tuple(mx), max_age)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
