"""Final delivery into a Maildir: durable, and safe against names that try to leave their folder."""

import asyncio
import itertools
import os
import socket
import time
from pathlib import Path
from urllib.parse import quote

from conneg.durable import write_durably
from conneg.mail import Mailbox

_SAFE = "+@=,#~"
_COUNTER = itertools.count()


def maildir_path(template: str, mailbox: Mailbox) -> Path:
    """Fill `{domain}` and `{local_part}` into `template`; whatever could be more than one name is percent-encoded."""
    return Path(template.format(domain=_one_name(mailbox.domain), local_part=_one_name(mailbox.local_part)))


def _one_name(text: str) -> str:
    encoded = quote(text, safe=_SAFE)
    return encoded.replace(".", "%2E") if not encoded.strip(".") else encoded


async def deliver_to_maildir(folder: Path, content: bytes) -> Path:
    """Write `content` as a new message into the Maildir `folder` (made if absent) and return its path.

    When this returns the message is on disk, file and folder synced. Raises `OSError`, `conneg.errors.ConnegError`.
    """
    return await asyncio.to_thread(_deliver, folder, content)


def _deliver(folder: Path, content: bytes) -> Path:
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    host = socket.gethostname().replace("/", "\\057").replace(":", "\\072")
    unique = f"{time.time():.6f}.P{os.getpid()}Q{next(_COUNTER)}.{host},S={len(content)}"
    target = folder / "new" / unique
    write_durably(target, [content], temporary=folder / "tmp" / unique)
    return target
