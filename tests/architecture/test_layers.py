"""A package imports only from rows below its own (docs/architecture.md draws the rows)."""

import ast
from pathlib import Path

import pytest

import conneg

ROOT = Path(conneg.__file__).parent
ROWS: dict[str, int] = {
    "errors": 0,
    "bounds": 0,
    "words": 0,
    "durable": 0,
    "databases": 0,
    "features": 1,
    "mail": 2,
    "negotiation": 3,
    "smtp": 3,
    "accounts": 4,
    "directory": 4,
    "spool": 4,
    "staging": 4,
    "content": 4,
    "net": 4,
    "signing": 4,
    "gateway": 5,
    "adapters": 5,
    "cli": 6,
    "web": 6,
    "demo": 6,
}
SAME_ROW = {("bounds", "errors"), ("databases", "errors"), ("cli", "demo"), ("cli", "web")}
"""Imports within a row that are allowed: bounds and databases raise errors; commands start demo and web services."""


def _imports() -> list[tuple[str, str, str]]:
    """Return (importing package, imported package, place) for every import between packages of conneg."""
    found = []
    for path in ROOT.rglob("*.py"):
        relative = path.relative_to(ROOT)
        package = relative.parts[0].removesuffix(".py")
        if package == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module] if node.module != "conneg" else [f"conneg.{a.name}" for a in node.names]
            for name in names:
                parts = name.split(".")
                if parts[0] == "conneg" and len(parts) > 1 and parts[1] in ROWS and parts[1] != package:
                    found.append((package, parts[1], f"{relative}:{node.lineno}"))
    return found


def test_every_package_has_a_row() -> None:
    packages = {
        path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()
    }
    assert packages - {"__init__", "__pycache__"} <= set(ROWS)


def test_imports_go_down_only() -> None:
    wrong = [
        f"{place}: {package} imports {imported}"
        for package, imported, place in _imports()
        if ROWS[imported] >= ROWS[package] and (package, imported) not in SAME_ROW
    ]
    assert wrong == []


def test_content_needs_only_features() -> None:
    assert {imported for package, imported, _ in _imports() if package == "content"} <= {
        "features",
        "errors",
        "bounds",
    }


def test_only_net_and_accounts_of_their_row_need_smtp() -> None:
    found = {package for package, imported, _ in _imports() if imported == "smtp" and ROWS[package] == 4}
    assert found <= {"net", "accounts"}


@pytest.mark.parametrize("package", ["features", "mail", "smtp", "negotiation"])
def test_pure_packages_do_no_io(package: str) -> None:
    forbidden = {
        "socket",
        "asyncio",
        "subprocess",
        "sqlite3",
        "logging",
        "time",
        "selectors",
        "ssl",
    }
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module]
            assert not {name.split(".")[0] for name in names} & forbidden, f"{path}:{node.lineno}"
