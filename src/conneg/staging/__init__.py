"""Content that waits on the retrieval server: kept in a store, named by links that nobody can guess.

`Item` is one such content with what is known of it, `Store` what keeps items (`FileStore`: in a folder), `Tokens` signs
what a link or a cookie carries. Nothing here knows of mail or of the web.
"""

from conneg.staging.errors import NoSuchItemError, StagingError, StagingFullError
from conneg.staging.files import FileStore, read_file
from conneg.staging.item import CodeState, Item, Usage
from conneg.staging.key import read_key
from conneg.staging.store import Store
from conneg.staging.tokens import ExpiredTokenError, ForgedTokenError, Purpose, Tokens

__all__ = [
    "CodeState",
    "ExpiredTokenError",
    "FileStore",
    "ForgedTokenError",
    "Item",
    "NoSuchItemError",
    "Purpose",
    "StagingError",
    "StagingFullError",
    "Store",
    "Tokens",
    "Usage",
    "read_file",
    "read_key",
]
