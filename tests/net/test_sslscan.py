"""A TLS scan by a program nobody here wrote; its answer is the one that docs/security.md prints."""

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from conneg.net import ServerTls
from tests.system import require

from .certificates import make_certificate
from .servers import HOST
from .test_tls import listening

pytestmark = pytest.mark.system
PAGE = Path(__file__).parents[2] / "docs" / "security.md"
LINES = re.compile(r"^(?:SSLv|TLSv|Session renegotiation|Preferred|Accepted).*$", re.MULTILINE)


async def test_the_scan_says_what_the_page_says(tmp_path: Path) -> None:
    scanner = require("sslscan", "sslscan")
    files = make_certificate(tmp_path, "mail", "mail.example")
    async with listening(ServerTls([files])) as listener:
        done = await asyncio.to_thread(
            subprocess.run,
            [scanner, "--no-colour", "--no-groups", "--starttls-smtp", f"{HOST}:{listener.port}"],
            text=True,
            capture_output=True,
            timeout=100,
            check=False,
        )
    scanned = {" ".join(line.split()) for line in LINES.findall(done.stdout)}
    printed = {" ".join(line.split()) for line in LINES.findall(PAGE.read_text(encoding="utf-8"))}
    assert scanned == printed
