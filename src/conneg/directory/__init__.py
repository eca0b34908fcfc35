"""Who can take what: sources of knowledge about recipients behind one interface.

`model` has the interface and its three answers; `file` (TOML) and `sqlite` are sources; `chain` asks several in order
under one deadline. `names` decides which entry speaks for a recipient, `table` reads the TOML text.
"""

from conneg.directory.chain import ChainDirectory
from conneg.directory.file import FileDirectory
from conneg.directory.model import Answer, AtOnce, Directory, DirectoryError, Known, Unavailable, Unknown
from conneg.directory.names import EntryKind
from conneg.directory.sqlite import DirectoryUnavailableError, SqliteDirectory, StoredEntry, checked_entry
from conneg.directory.table import DirectoryFileError, DirectoryTable, Entry, read_table

__all__ = [
    "Answer",
    "AtOnce",
    "ChainDirectory",
    "Directory",
    "DirectoryError",
    "DirectoryFileError",
    "DirectoryTable",
    "DirectoryUnavailableError",
    "Entry",
    "EntryKind",
    "FileDirectory",
    "Known",
    "SqliteDirectory",
    "StoredEntry",
    "Unavailable",
    "Unknown",
    "checked_entry",
    "read_table",
]
