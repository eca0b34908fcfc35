"""Fuzz target: the TOML reader of the file directory gives a table or a `ConnegError`, for any octets."""

from conneg.directory import read_table
from conneg.errors import ConnegError


def fuzz_one(data: bytes) -> None:
    """Read `data` as a directory; whatever was read must answer, and its errors are one line each."""
    try:
        table = read_table(data, name="fuzz")
    except ConnegError as error:
        assert "\n" not in str(error), "an error is one line"
        return
    for entry in table.entries():
        name = entry.name if entry.kind == "address" else f"somebody@{entry.name}"
        found = table.find(name.replace("*", "x"))
        assert entry.kind != "address" or found == entry, "an address speaks for itself"
