"""What arrived: every message is read from its Maildir, and every file in it held against what was announced."""

from dataclasses import dataclass
from pathlib import Path

from conneg.content import Workers
from conneg.mail import decode_body, outline, read_parts


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """One document of a message that arrived; `problems` is empty when it conforms to what was announced."""

    path: Path
    media_type: str
    charset: str | None
    octets: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one recipient has: nothing at all when `files` is empty."""

    recipient: str
    octets: int
    files: tuple[ArrivedFile, ...]

    @property
    def problems(self) -> list[str]:
        """Return what is wrong, in a line each."""
        if not self.files:
            return ["nothing arrived"]
        return [f"{file.path.name}: {problem}" for file in self.files for problem in file.problems]


async def read_arrival(recipient: str, maildir: Path, out: Path, accepted: str, workers: Workers) -> Arrival:
    """Take the message in `maildir` apart into the folder `out` and verify each document against `accepted`."""
    messages = sorted((maildir / "new").glob("*")) if (maildir / "new").is_dir() else []
    files: list[ArrivedFile] = []
    octets = 0
    for message in messages:
        content = message.read_bytes()
        octets += len(content)
        out.mkdir(parents=True, exist_ok=True)
        for part in outline(read_parts(content)).leaves:
            path = out / (part.filename or f"text-{part.id}.txt")
            path.write_bytes(decode_body(content, part))
            problems = await workers.verify(path, part.media_type, accepted)
            files.append(
                ArrivedFile(path, part.media_type, part.charset, path.stat().st_size, tuple(problems))
            )
    return Arrival(recipient, octets, tuple(files))
