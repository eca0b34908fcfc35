"""The durable queue: accept means on disk, claim means in hand, settle means written down.

`open_spool` serves one, `join_spool` accepts into one beside the process that serves it, `read_spool` looks at one and
acts on it; `Spool` and `Acceptor` are what the gateway knows of it.
"""

from conneg.durable import DurableFile, sync_directory, write_durably
from conneg.spool.acceptor import SqliteAcceptor, join_spool
from conneg.spool.errors import (
    SpoolBusyError,
    SpoolDiskError,
    SpoolError,
    SpoolFullError,
    SpoolLockedError,
    UnknownMessageError,
    disk_trouble,
)
from conneg.spool.model import (
    Acceptor,
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
    "Acceptor",
    "DurableFile",
    "Event",
    "Incoming",
    "Outcome",
    "RecipientState",
    "Record",
    "RecordRow",
    "Spool",
    "SpoolBusyError",
    "SpoolDiskError",
    "SpoolError",
    "SpoolFullError",
    "SpoolLockedError",
    "SpooledMessage",
    "SpooledRecipient",
    "SqliteAcceptor",
    "SqliteSpool",
    "UnknownMessageError",
    "disk_trouble",
    "join_spool",
    "open_spool",
    "read_spool",
    "sync_directory",
    "write_durably",
]
