"""Items and stores for the tests."""

import hashlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conneg.staging import FileStore, Item, Tokens
from tests.system import require_root

TOKENS = Tokens(bytes(range(32)))


def put(store: FileStore, folder: Path, octets: bytes, *, part_id: str = "1", **values: Any) -> Item:
    """Stage some octets; returns what is kept."""
    source = folder / f"source-{part_id}"
    source.write_bytes(octets)
    return store.put(item(octets, part_id=part_id, **values), source)


def item(octets: bytes, *, part_id: str = "1", tokens: Tokens = TOKENS, **values: Any) -> Item:
    """An item of these octets that lives for an hour, if nothing else is said."""
    sha256 = hashlib.sha256(octets).hexdigest()
    recipients = values.pop("recipients", ("june@devices.test",))
    now = values.pop("staged_at", time.time())
    given: dict[str, Any] = {
        "id": tokens.item_id("message", part_id, sha256, recipients),
        "media_type": "application/step",
        "octets": len(octets),
        "sha256": sha256,
        "staged_at": now,
        "expires_at": now + 3600,
        "recipients": recipients,
        "name": "plan.step",
        "most_downloads": 20,
    }
    return Item(**(given | values))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    require_root("mounting a small file system")
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
