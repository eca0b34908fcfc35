"""Our listener judged by swaks."""

import asyncio
import subprocess

import pytest

from tests.system import require

from .servers import HOST, Recorder, listening


@pytest.mark.system
async def test_swaks() -> None:
    swaks = require("swaks", "swaks")
    handler = Recorder()
    async with listening(handler) as listener:
        done = await asyncio.to_thread(
            subprocess.run,
            [swaks, "--server", HOST, "--port", str(listener.port), "--helo", "client.example", "--pipeline",
             "--from", "may@ifax2.example", "--to", "june@ifax1.example,july@ifax1.example", "--body", ".\n..\nend"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<-  250 CONNEG" in done.stdout
    assert "<-  250 2.0.0 message accepted" in done.stdout
    assert b"\r\n\r\n.\r\n..\r\nend" in handler.messages[0]
