"""What the writing thread does, as values: a message to accept, outcomes to settle, or anything else as a call."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = list[Any]


@dataclass(slots=True)
class Accept:
    """A message to store: its number, its rows as a statement takes them, and its content unless that is in a file.

    Rows are JSON arrays, of recipients and records with a comma between them. They are written once, by the one who
    hands the message in: whatever the writing thread does with them takes the interpreter from the event loop.
    """

    number: int
    message: str
    recipients: str
    records: str
    content: bytes | None


@dataclass(slots=True)
class Settle:
    """Outcomes of one message's recipients, and the rows of its records."""

    message: int
    outcomes: list[Row]
    records: list[Row]
    now: float


Call = Callable[[sqlite3.Connection], Any]
"""Anything else: run in the transaction in its turn. Its result is the operation's; it raises before it
writes.
"""

Operation = Accept | Settle | Call
