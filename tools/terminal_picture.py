"""Draw docs/pictures/terminal.png: what `conneg features` and `conneg match` print on a terminal.

Needs Chromium to turn rich's SVG into a PNG: apt-get install chromium.
"""

import io
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "terminal.png"
COLUMNS = 118
FILES = {
    "reader.txt": '(| (type="application/pdf") (type="text/plain")\n (& (type=["image/png","image/jpeg"]) (color=Grey)'
    " (color-levels<=16) (pix-x<=1404) (pix-y<=1872)))",
    "archive.txt": '(| (type="application/pdf")\n (& (type="image/tiff") (color=Binary) (image-coding=MMR)'
    " (dpi=[300..600]) (dpi-xyratio=1)))",
}
COMMANDS = (
    """conneg features '(& (type="image/jpeg") (color=Gray) (dpi=196) (size-x<=215))'""",
    """conneg match '(& (type="image/png") (color=[Grey,Full]) (color-levels=[2..256]) (pix-x<=4000))' reader.txt""",
    """conneg match '(& (type="image/tiff") (color=Binary) (image-coding=MMR) (dpi=200))' archive.txt""",
)


def on_a_terminal(command: str, folder: Path) -> str:
    """Run a command with a terminal for its output, and return what it wrote."""
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    process = subprocess.Popen(
        shlex.split(command), stdin=child, stdout=child, stderr=child, cwd=folder, env=environment
    )
    os.close(child)
    written = b""
    while True:
        try:
            piece = os.read(parent, 4096)
        except OSError:
            break
        if not piece:
            break
        written += piece
    process.wait()
    return written.decode().replace("\r\n", "\n").rstrip("\n")


def main() -> None:
    """Draw the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).write_text(text, encoding="ascii")
        console = Console(record=True, width=COLUMNS, file=io.StringIO())
        for command in COMMANDS:
            console.print(Text(f"$ {command}", style="bold"))
            console.print(Text.from_ansi(on_a_terminal(command, folder)))
            console.print()
        drawing = folder / "terminal.svg"
        console.save_svg(str(drawing), title="conneg")
        size = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', drawing.read_text(encoding="utf-8"))
        assert size is not None
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--default-background-color=00000000",
             f"--window-size={round(float(size[1]))},{round(float(size[2]))}", f"--screenshot={PICTURE}", str(drawing)],
            check=True, capture_output=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
