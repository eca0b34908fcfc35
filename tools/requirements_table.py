"""Writes docs/reference/requirements.md: each requirement with the tests that name it; nothing is run.

python tools/requirements_table.py
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "requirements.md"
sys.path.insert(0, str(ROOT))

from tests.requirements import NOTHING_TO_RUN, RULES  # noqa: E402 - the checkout is not installed

_HEAD = """# Requirements

What draft-ietf-fax-esmtp-conneg-03 asks of clients, servers and relays, rule by rule, and the tests that show it: a
test is named here because it fails when the rule is broken. The letters: G in general, C clients, S servers, R
relays; A5 how ambiguities and misprints of the draft are read; A6 how a capability is cut into lines and joined
again; A7 what a client does about each answer; D what follows from SMTP itself; V vectors; 4 and B4 what holds of RFC
4141.

Of RFC 4141 the rest is not there yet: permission by CONPERM, Content-Convert and Content-Previous, and what a relay
owes because of them.

The table is written by `python tools/requirements_table.py` from the marks in the tests.

| id | rule | source | tests |
|---|---|---|---|
"""


def shown() -> dict[str, list[str]]:
    """Return the tests that show each id, in the order of files and lines."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        for test, ids in _marks(ast.parse(path.read_text(encoding="utf-8"))):
            for rule in ids:
                found.setdefault(rule, []).append(f"{name}::{test}")
    return found


def page() -> str:
    """Return the page as it has to be."""
    tests = shown()
    rows = []
    for rule, (words, source) in RULES.items():
        named = " ".join(f"`{name}`" for name in tests.get(rule, ())) or "-"
        rows.append(f"| {rule} | {words} | {source} | {named} |\n")
    return _HEAD + "".join(rows)


def problems() -> list[str]:
    """Return what is wrong: rules that no test shows, marks that name no rule."""
    tests = shown()
    missing = [
        f"{rule}: no test shows it" for rule in RULES if rule not in tests and rule not in NOTHING_TO_RUN
    ]
    return missing + [
        f"{rule}: no such rule ({names[0]})" for rule, names in tests.items() if rule not in RULES
    ]


def _marks(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for owner in ast.walk(tree):
        if not isinstance(owner, ast.Module | ast.ClassDef):
            continue
        prefix = f"{owner.name}::" if isinstance(owner, ast.ClassDef) else ""
        for test in owner.body:
            if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
                ids = [rule for mark in test.decorator_list for rule in _ids(mark)]
                if ids:
                    yield prefix + test.name, ids


def _ids(mark: ast.expr) -> list[str]:
    if isinstance(mark, ast.Call) and re.fullmatch(r"pytest\.mark\.shows", ast.unparse(mark.func)):
        return [str(argument.value) for argument in mark.args if isinstance(argument, ast.Constant)]
    return []


if __name__ == "__main__":
    for problem in problems():
        print(problem, file=sys.stderr)
    PAGE.write_text(page(), encoding="utf-8")
