"""docs/reference/bounds.md lists every bound of the code with its value, and none that is not there."""

import importlib
import pkgutil
import re
from pathlib import Path

import conneg
from conneg.bounds import Bound

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "bounds.md"


def bounds() -> dict[str, Bound]:
    found: dict[str, Bound] = {}
    for module in pkgutil.walk_packages(conneg.__path__, "conneg."):
        if module.name.endswith("__main__") or module.name.endswith("worker_main"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Bound):
                found[value.name] = value
    return found


def row(bound: Bound) -> str:
    return f"| `{bound.name}` | {bound.value:,} {bound.unit} | {bound.reason} | {bound.answer} |"


def test_the_page_lists_every_bound() -> None:
    listed = set(re.findall(r"^\| `.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {row(bound) for bound in bounds().values()}
