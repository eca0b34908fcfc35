"""The tables of the configuration that are about signatures: their keys, their defaults, what a value may be."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from conneg.gateway.sections import DomainText, Section, lower_patterns


class SmimeSection(Section):
    """`[[smime]]`: someone whose S/MIME signature is made again on what was converted.

    `addresses`: mailboxes of From, or domains for everyone there. `certificate` and `key` in PEM form, the key without
    a password; `intermediates`: certificates that go with each signature.
    """

    addresses: tuple[str, ...] = Field(min_length=1)
    certificate: Path
    key: Path
    intermediates: Path | None = None

    @field_validator("addresses")
    @classmethod
    def _lower(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return lower_patterns(addresses)


class DkimSection(Section):
    """`[[dkim]]`: a DKIM signature on what our clients send: the `selector` under `domain`, and the private `key`.

    `from_domains`: whose mail is signed (left out: `domain`). `fields`: the header fields that are signed. `sign`:
    "all" of it, or only what was "changed" on its way.
    """

    domain: DomainText
    selector: DomainText
    key: Path
    from_domains: tuple[DomainText, ...] = ()
    fields: tuple[str, ...] | None = None
    sign: Literal["all", "changed"] = "all"

    @field_validator("domain", "selector")
    @classmethod
    def _is_one(cls, name: str) -> str:
        if "*" in name or "[" in name:
            raise ValueError(f"{name!r} is not one name in the DNS")
        return name

    @field_validator("fields")
    @classmethod
    def _has_from(cls, fields: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if fields is not None:
            wrong = next((name for name in fields if not re.fullmatch(r"[!-9;-~]+", name)), None)
            if wrong is not None:
                raise ValueError(f"{wrong!r} is no field name")
            if "from" not in {name.lower() for name in fields}:
                raise ValueError("From must be among the fields (RFC 6376, 5.4)")
        return fields
