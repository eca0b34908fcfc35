"""Who can take what: sources of knowledge about recipients behind one interface.

`model` has the interface and its answers; `file` (TOML), `sqlite` and `sql` are sources. `guard` leaves a failing
source alone for a while, `cache` keeps its answers (what is not there is on its way in `flights`), `chain` asks
several sources in order under one deadline, `domains` has an order for each domain. `names` decides which entry speaks
for a recipient, `entries` makes it an answer, `table` reads the TOML text.
"""

from conneg.directory.cache import CachedDirectory, CacheTimes
from conneg.directory.chain import ChainDirectory
from conneg.directory.domains import DomainDirectory
from conneg.directory.file import FileDirectory
from conneg.directory.guard import GuardedDirectory
from conneg.directory.model import (
    Answer,
    AtOnce,
    Closable,
    Directory,
    DirectoryError,
    Faulty,
    Known,
    Unavailable,
    Unknown,
)
from conneg.directory.names import EntryKind
from conneg.directory.sql import SqlDirectory
from conneg.directory.sqlite import DirectoryUnavailableError, SqliteDirectory, StoredEntry, checked_entry
from conneg.directory.table import DirectoryFileError, DirectoryTable, Entry, read_table

__all__ = [
    "Answer",
    "AtOnce",
    "CacheTimes",
    "CachedDirectory",
    "ChainDirectory",
    "Closable",
    "Directory",
    "DirectoryError",
    "DirectoryFileError",
    "DirectoryTable",
    "DirectoryUnavailableError",
    "DomainDirectory",
    "Entry",
    "EntryKind",
    "Faulty",
    "FileDirectory",
    "GuardedDirectory",
    "Known",
    "SqlDirectory",
    "SqliteDirectory",
    "StoredEntry",
    "Unavailable",
    "Unknown",
    "checked_entry",
    "read_table",
]
