"""Fuzz target: the TOML reader of the file directory gives a table or a `ConnegError`, for any octets."""

from conneg.directory import EntryKind, read_table
from conneg.errors import ConnegError


def fuzz_one(data: bytes) -> None:
    """Read `data` as a directory; whatever was read must answer, and its errors are one line each."""
    problem = ""
    try:
        table = read_table(data, name="fuzz")
    except ConnegError as error:
        problem = str(error)
    if problem:
        assert len(problem.splitlines()) == 1, "an error is one line"
        return
    for entry in table.entries():
        if entry.kind is EntryKind.ADDRESS:
            assert table.find(entry.name) == entry, "an address speaks for itself"
        else:
            table.find(f"somebody@{entry.name.replace('*', 'x')}")
