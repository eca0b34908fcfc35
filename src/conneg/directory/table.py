"""The directory as a TOML text: octets in, a table of checked entries out; never touches the file system.

    [profiles]                                  names for expressions used below; S, F, C ... of TIFF-FX are built in
    office = "(type=[\\"application/pdf\\",\\"text/plain\\"])"

    [addresses]
    "june@ifax1.jp" = "(& (image-file-structure=TIFF-minimal) (color=Binary))"
    "desk@example.org" = { profile = "office" }
    "colour@ifax1.jp" = { profile = ["C", "S"] }

    [domains]
    "ifax1.jp" = "S"

    [patterns]
    "fax=*@example.org" = { capability = "(& (image-file-structure=TIFF-minimal) (color=Binary))" }

An entry's value is an expression, a profile's name, or a table with one of `capability` and `profile`; several
profiles mean "any of them". Equal texts are read once, so that a file of many addresses and few kinds of device loads
as fast as TOML can be read.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from conneg.bounds import Bound
from conneg.directory.model import DirectoryError
from conneg.directory.names import EntryKind, Patterns, address_key, domain_of, name_key
from conneg.errors import ConnegError
from conneg.negotiation import Provenance, profile_expression, read_capability

MAX_FILE_OCTETS = Bound(
    name="directory.file",
    value=64 * 1024 * 1024,
    unit="octets",
    reason="a million addresses fit; the whole file is held in memory while it is read",
    answer="the file is refused and the version before stays in force",
)
MAX_PATTERNS = Bound(
    name="directory.patterns",
    value=10_000,
    unit="patterns",
    reason="every lookup of an address without an entry of its own tries each pattern in turn",
    answer="the file is refused and the version before stays in force",
)
MAX_PROBLEMS = 20
"""How many faults of one file are gathered before reading stops."""

_SHOWN = 500
"""A fault is told in at most so many characters."""

_SECTIONS = {
    "addresses": EntryKind.ADDRESS,
    "patterns": EntryKind.PATTERN,
    "domains": EntryKind.DOMAIN,
}
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")


class DirectoryFileError(DirectoryError):
    """A directory text with something wrong in it; `problems` has one line for each fault, file and line first."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        more = len(problems) - 1
        super().__init__(problems[0] + (f" (and {more} more)" if more else ""))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory says of the recipients that `name` stands for; `name` is a key as `name_key` gives it."""

    kind: EntryKind
    name: str
    expression: str


class DirectoryTable:
    """Checked entries, ready to be asked."""

    __slots__ = ("_by_kind", "_patterns")

    def __init__(self, by_kind: Mapping[EntryKind, Mapping[str, str]]) -> None:
        """Take for each kind the expressions by name."""
        self._by_kind = {kind: dict(by_kind.get(kind, {})) for kind in EntryKind}
        self._patterns = Patterns(self._by_kind[EntryKind.PATTERN])

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._by_kind.values())

    def find(self, address: str) -> Entry | None:
        """Return the entry that speaks for `address`: its own, else the longest pattern's, else its domain's."""
        key = address_key(address)
        if key in self._by_kind[EntryKind.ADDRESS]:
            return self._entry(EntryKind.ADDRESS, key)
        pattern = self._patterns.find(key)
        if pattern is not None:
            return self._entry(EntryKind.PATTERN, pattern)
        domain = domain_of(key)
        return self._entry(EntryKind.DOMAIN, domain) if domain in self._by_kind[EntryKind.DOMAIN] else None

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry: addresses, patterns, domains, each by name."""
        return tuple(self._entry(kind, name) for kind in EntryKind for name in sorted(self._by_kind[kind]))

    def _entry(self, kind: EntryKind, name: str) -> Entry:
        return Entry(kind, name, self._by_kind[kind][name])


def read_table(content: bytes, *, name: str = "directory") -> DirectoryTable:
    """Read and check a directory text; `name` stands in the errors.

    Raises `DirectoryFileError` with every fault found (the first `MAX_PROBLEMS`), each as `name: line 7: [addresses]
    "june@ifax1.jp": what is wrong`, and `conneg.errors.BoundExceededError`.
    """
    MAX_FILE_OCTETS.check(len(content), name)
    try:
        text = content.decode("utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DirectoryFileError((f"{name}: line {line}: not UTF-8",)) from error
    except RecursionError as error:
        raise DirectoryFileError((f"{name}: arrays or tables nested too deeply",)) from error
    except ValueError as error:
        raise DirectoryFileError((_one_line(f"{name}: not TOML: {error}"),)) from error
    return _Reader(text, name).read(values)


class _Reader:
    """Goes through the values of one text and gathers its faults."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._problems: list[str] = []
        self._checked: dict[str, str | None] = {}
        self._profiles: dict[str, str] = {}

    def read(self, values: Mapping[str, Any]) -> DirectoryTable:
        unknown = [section for section in values if section not in _SECTIONS and section != "profiles"]
        for section in unknown[:MAX_PROBLEMS]:
            self._report(section, None, "unknown section; there are profiles, addresses, domains, patterns")
        self._each(values, "profiles", self._read_profile)
        by_kind: dict[EntryKind, dict[str, str]] = {}
        for section, kind in _SECTIONS.items():
            entries: dict[str, str] = {}
            by_kind[kind] = entries
            self._each(values, section, partial(self._read_entry, kind, entries))
        MAX_PATTERNS.check(len(by_kind[EntryKind.PATTERN]), self._name)
        if self._problems:
            raise DirectoryFileError(tuple(self._problems))
        return DirectoryTable(by_kind)

    def _each(self, values: Mapping[str, Any], section: str, read: Callable[[str, Any], None]) -> None:
        table = values.get(section, {})
        if not isinstance(table, dict):
            self._report(section, None, f"must be a table: write [{section}] on a line of its own")
            return
        for key, value in table.items():
            if len(self._problems) >= MAX_PROBLEMS:
                return
            try:
                read(key, value)
            except ConnegError as error:
                self._report(section, key, str(error))

    def _read_profile(self, key: str, value: Any) -> None:
        if not _PROFILE_NAME.fullmatch(key):
            raise DirectoryError("a profile's name has letters, digits, dots, hyphens and underscores only")
        if profile_expression(key) is not None:
            raise DirectoryError(f"{key} is the name of a built-in profile; choose another")
        self._profiles[key.lower()] = self._expression(value, own_profiles=False)

    def _read_entry(self, kind: EntryKind, entries: dict[str, str], key: str, value: Any) -> None:
        name = name_key(kind, key)
        if name in entries:
            raise DirectoryError("entered twice (letter case makes no difference)")
        entries[name] = self._expression(value, own_profiles=True)

    def _expression(self, value: Any, *, own_profiles: bool) -> str:
        """Return the checked expression that an entry's value stands for."""
        match value:
            case str():
                named = not value.lstrip().startswith("(")
                expression = self._profile(value, own_profiles) if named else value
            case {"capability": str(text), **rest} if not rest:
                expression = text
            case {"profile": str(profile), **rest} if not rest:
                expression = self._profile(profile, own_profiles)
            case {"profile": [*profiles], **rest} if profiles and not rest:
                texts = [self._profile(profile, own_profiles) for profile in profiles]
                expression = texts[0] if len(texts) == 1 else f"(| {' '.join(texts)})"
            case dict():
                raise DirectoryError(_wrong_table(value))
            case _:
                raise DirectoryError("must be an expression, a profile's name, or { profile = ... }")
        self._check(expression)
        return expression

    def _profile(self, name: Any, own_profiles: bool) -> str:
        text = name.strip() if isinstance(name, str) else ""
        own = self._profiles.get(text.lower()) if own_profiles else None
        expression = own or profile_expression(text)
        if expression is None:
            raise DirectoryError(
                f"{name!r} is neither an expression (which begins with a parenthesis) nor a profile"
            )
        return expression

    def _check(self, expression: str) -> None:
        """Raise `DirectoryError` when `expression` is no capability; each distinct text is read once."""
        if expression not in self._checked:
            self._checked[expression] = _fault(expression)
        fault = self._checked[expression]
        if fault is not None:
            raise DirectoryError(fault)

    def _report(self, section: str, key: str | None, what: str) -> None:
        place = f"[{section}]" if key is None else f'[{section}] "{key}"'
        line = _line_of(self._text, section, key)
        where = f"{self._name}: line {line}" if line else self._name
        self._problems.append(_one_line(f"{where}: {place}: {what}"))


def _one_line(text: str) -> str:
    """Return `text` with what a terminal would not show as itself written as escapes, and not too long to read."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."


def _fault(expression: str) -> str | None:
    try:
        read_capability(expression, Provenance.DIRECTORY, "directory")
    except ConnegError as error:
        return str(error)
    return None


def _wrong_table(value: Mapping[str, Any]) -> str:
    if set(value) >= {"capability", "profile"}:
        return "has both capability and profile; one of them is enough"
    unknown = next((key for key in value if key not in ("capability", "profile")), None)
    if unknown is not None:
        return (
            f"unknown key {unknown!r}; there are capability and profile (a name with dots in it needs quotes)"
        )
    if not value:
        return "is empty; write an expression, a profile's name, or { profile = ... }"
    return "capability must be an expression; profile must be a name or a list of names"


def _line_of(text: str, section: str, key: str | None) -> int | None:
    """Find the line that holds `key` of `section`, or the section's head; None when it is written in another way."""
    current = ""
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            header = stripped.partition("#")[0].strip()
            current = header.strip("[] ")
            if (key is None and current == section) or (key is not None and _ends_in(current, section, key)):
                return number
        elif current in ("", section) and (found := _KEY.match(line)):
            written = _unquoted(found[1])
            if (key is None and not current and written == section) or (
                current == section and written == key
            ):
                return number
    return None


def _ends_in(header: str, section: str, key: str) -> bool:
    """Tell whether `header` is that of the entry's own table, as in `[addresses."june@ifax1.jp"]`."""
    head, dot, rest = header.partition(".")
    return bool(dot) and head.strip() == section and _unquoted(rest.strip()) == key


def _unquoted(key: str) -> str:
    if key.startswith("'"):
        return key[1:-1]
    if not key.startswith('"'):
        return key
    try:
        return str(next(iter(tomllib.loads(f"{key} = 0"))))
    except ValueError:
        return key[1:-1]
