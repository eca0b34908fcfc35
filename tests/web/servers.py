"""A retrieval server in a process of its own, with what is staged for it; curl asks it."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from conneg.staging import FileStore, Item, Purpose, Tokens, read_key
from tests.staging.samples import item
from tests.system import require


@dataclass
class Answer:
    """What curl got."""

    status: int
    fields: Message
    body: bytes


@dataclass
class RetrievalServer:
    """The process and its folder."""

    folder: Path
    url: str = ""
    process: subprocess.Popen[str] | None = None
    lines: "queue.Queue[dict[str, Any]]" = field(default_factory=queue.Queue)

    @property
    def store(self) -> FileStore:
        return FileStore(self.folder / "staging", 1 << 30)

    @property
    def tokens(self) -> Tokens:
        return Tokens(read_key(self.folder / "staging/key"))

    def stage(self, octets: bytes, **values: Any) -> Item:
        source = self.folder / "source"
        source.write_bytes(octets)
        return self.store.put(item(octets, tokens=self.tokens, **values), source)

    def link(self, staged: Item, *, expires_at: float | None = None) -> str:
        until = staged.expires_at if expires_at is None else expires_at
        return f"{self.url}/s/{self.tokens.write(Purpose.LINK, staged.id, until)}"

    def told(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """Return the next line of the log that is wanted."""
        deadline = time.monotonic() + seconds
        while True:
            line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            if wanted(line):
                return line


def looked_at(link: str) -> Answer:
    """Return the page as it is when the content has been looked at, which a busy machine takes its time for."""
    deadline = time.monotonic() + 60
    while b"load this page again" in (page := curl(link)).body:
        assert time.monotonic() < deadline
    return page


@contextmanager
def serving(folder: Path, more: str = "") -> Iterator[RetrievalServer]:
    """Run `conneg staging serve` on a port of the system's choice."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "conneg.toml"
    config.write_text(
        f'[content]\nworkers = 1\n[staging]\nbase_url = "http://127.0.0.1"\nlisten = "127.0.0.1:0"\n{more}'
    )
    server = RetrievalServer(folder)
    with (folder / "errors").open("wb"):
        process = subprocess.Popen(
            [sys.executable, "-m", "conneg.cli", "staging", "serve", "--log-json", "--config", str(config)],
            stderr=subprocess.PIPE,
            text=True,
        )
    server.process = process
    reader = threading.Thread(target=_read, args=(process, server.lines), daemon=True)
    reader.start()
    try:
        ready = server.told(lambda line: line.get("event") == "ready", 60)
        server.url = f"http://{ready['listening']}"
        yield server
    finally:
        process.terminate()
        assert process.wait(30) == 0, "it stops cleanly"
        reader.join(10)
        assert process.stderr is not None
        process.stderr.close()


def _read(process: "subprocess.Popen[str]", lines: "queue.Queue[dict[str, Any]]") -> None:
    assert process.stderr is not None
    for line in process.stderr:
        try:
            lines.put(json.loads(line))
        except ValueError:
            lines.put({"event": "no JSON", "text": line})


def curl(url: str, *options: str) -> Answer:
    """Ask as curl does."""
    done = subprocess.run(
        [require("curl", "curl"), "-s", "-i", "--max-time", "60", *options, url],
        capture_output=True,
        check=True,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    status, _, fields = head.partition(b"\r\n")
    return Answer(int(status.split()[1]), BytesParser().parsebytes(fields + b"\r\n\r\n"), body)
