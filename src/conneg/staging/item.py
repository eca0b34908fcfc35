"""One staged content as values: what it is and until when, and how far it has been used."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """What is known of a staged content; times are UNIX seconds.

    `id`: see `Tokens.item_id`. `media_type` and `parameters` (names in lower case) are those of the body part, `name`
    the file's name as the sender wrote it: never a path. `recipients` are the forward-paths it was staged for;
    `wants_code`: only who reads their mail may have it. `most_downloads`: how often its octets go out at most.
    `cited_at`: when it was about to be named to somebody; None as long as it was not.
    """

    id: str
    media_type: str
    octets: int
    sha256: str
    staged_at: float
    expires_at: float
    recipients: tuple[str, ...]
    name: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    most_downloads: int = 1
    wants_code: bool = False
    cited_at: float | None = None
    message_id: str = ""
    part_id: str = ""

    @property
    def label(self) -> str:
        """How people call it: by its name, or else its type."""
        shown = "".join(char if char.isprintable() else "?" for char in self.name or "").strip()
        return shown or self.media_type

    def to_json(self) -> str:
        """Return the item as one JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Item":
        """Read what `to_json` gave. Raises `ValueError` or `TypeError` for anything else."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "recipients": tuple(values["recipients"])})


@dataclass(frozen=True, slots=True)
class CodeState:
    """The one-time code that is out for an item: never itself, but its `mac`; and how often it may be tried yet."""

    mac: str
    expires_at: float
    tries_left: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What has been used of an item.

    `sent`: for each form, how many octets of it went out. `codes`: the one-time codes that are out, by the address that
    they were mailed to; `codes_sent`: when the last ones were.
    """

    sent: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, CodeState] = field(default_factory=dict)
    codes_sent: tuple[float, ...] = ()

    def to_json(self) -> str:
        """Return the usage as one JSON object."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Usage":
        """Read what `to_json` gave. Raises `ValueError` or `TypeError` for anything else."""
        values: dict[str, Any] = json.loads(text)
        codes = {address: CodeState(**code) for address, code in values["codes"].items()}
        return cls(values["sent"], codes, tuple(values["codes_sent"]))
