"""Every example in README.md and docs/ is run: Python blocks as doctests or programs, console blocks as commands, TOML
blocks as settings.

In a console block `$ command`, with further lines after `> `, is run by the shell in a folder that the page's blocks
share and that holds the demo's sample documents; the lines after it are what it must print, where `...` stands for
anything. A block whose first line is `# not run: REASON` is left alone.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conneg.directory import FileDirectory
from conneg.gateway.config import parse_config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
KNOWN = {"python", "pycon", "console", "toml", "text", "", "sh", "ini", "mermaid"}


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    found = []
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        found.append(Block(match[1], match[2], text[: match.start()].count("\n") + 2))
    return found


def is_left_alone(block: Block) -> bool:
    return re.match(r"# not run: \S", block.text) is not None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples(page: Path, tmp_path: Path) -> None:
    globs: dict[str, object] = {}
    for sample in (ROOT / "src" / "conneg" / "demo" / "samples").glob("*.*"):
        shutil.copy(sample, tmp_path)
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        assert block.language in KNOWN, f"{where}: {block.language} blocks are not run by any test"
        if is_left_alone(block):
            continue
        if block.language in ("python", "pycon") and ">>>" in block.text:
            run_python(block, where, globs)
        elif block.language == "python":
            run_script(block, where, tmp_path)
        elif block.language == "console":
            run_console(block, where, tmp_path)
        elif block.language == "toml":
            read_toml(block, where, tmp_path)


def run_python(block: Block, where: str, globs: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, globs, where, where, 0)
    output: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(
        test, out=output.append, clear_globs=False
    )
    globs.update(test.globs)
    assert results.failed == 0, "".join(output)


def run_script(block: Block, where: str, folder: Path) -> None:
    """A whole program: it has to end well."""
    done = subprocess.run(
        [sys.executable, "-c", block.text],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{where}:\n{done.stderr}"


def run_console(block: Block, where: str, folder: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_STATE_HOME": str(folder / "state"),
        "COLUMNS": "110",
        "NO_COLOR": "1",
    }
    checker = doctest.OutputChecker()
    for command, wanted in re.findall(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
        command = re.sub(r"^> ", "", command, flags=re.MULTILINE)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            text=True,
            timeout=100,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert checker.check_output(wanted, done.stdout, FLAGS), (
            f"{where}: $ {command}\nwanted:\n{wanted}\ngot:\n{done.stdout}"
        )


def read_toml(block: Block, where: str, folder: Path) -> None:
    """A block is the gateway's settings, or a directory if it has addresses, domains or patterns."""
    if re.search(r"^\[(addresses|domains|patterns)\]", block.text, re.MULTILINE):
        path = folder / "directory.toml"
        path.write_text(block.text, encoding="utf-8")
        assert FileDirectory(path).problem is None, where
    else:
        parse_config(block.text, name=where)


def test_every_page_is_found() -> None:
    assert len(PAGES) > 4
