"""What the gateway tells those who watch it: one frozen value for each thing that happened to a message.

The log writes them, the demo draws them; neither is known here. A watcher must return at once and never raise.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DialogueLine:
    """One line of an SMTP dialogue with a next hop; `sent` is True for a command of ours."""

    peer: str
    sent: bool
    line: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message is durable in the spool."""

    message_id: str
    reverse_path: str
    forward_paths: tuple[str, ...]
    octets: int


@dataclass(frozen=True, slots=True)
class CapabilityFound:
    """What a recipient can take is known; `said_by` names the source, `summary` is for people."""

    message_id: str
    forward_path: str
    expression: str
    provenance: str
    said_by: str
    summary: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What the recipients of one capability class will get, and why."""

    message_id: str
    forward_paths: tuple[str, ...]
    action: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Converting:
    """Progress of one conversion: `done` of `total` pages; `total` is 0 while it is not known."""

    message_id: str
    label: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Settled:
    """One recipient reached a state; `octets` is the size of what was sent (0 when nothing was)."""

    message_id: str
    forward_path: str
    state: str
    reply: str
    octets: int


Event = DialogueLine | Accepted | CapabilityFound | Planned | Converting | Settled


class Watcher(Protocol):
    """Anything that wants to know what happens."""

    def __call__(self, event: Event) -> None:
        """Take note of `event`; must not block or raise."""


def ignore(event: Event) -> None:
    """Watch nothing."""
