"""The durable queue: accept means on disk, claim means in hand, settle means written down.

`open_spool` serves one, `read_spool` looks at one and acts on it from beside; `Spool` is what the gateway
knows of it.
"""

from conneg.durable import DurableFile, sync_directory, write_durably
from conneg.spool.errors import (
    SpoolBusyError,
    SpoolError,
    SpoolFullError,
    SpoolLockedError,
    UnknownMessageError,
)
from conneg.spool.model import (
    Event,
    Incoming,
    Outcome,
    RecipientState,
    Record,
    RecordRow,
    Spool,
    SpooledMessage,
    SpooledRecipient,
)
from conneg.spool.sqlite import SqliteSpool, open_spool, read_spool

__all__ = [
    "DurableFile",
    "Event",
    "Incoming",
    "Outcome",
    "RecipientState",
    "Record",
    "RecordRow",
    "Spool",
    "SpoolBusyError",
    "SpoolError",
    "SpoolFullError",
    "SpoolLockedError",
    "SpooledMessage",
    "SpooledRecipient",
    "SqliteSpool",
    "UnknownMessageError",
    "open_spool",
    "read_spool",
    "sync_directory",
    "write_durably",
]
