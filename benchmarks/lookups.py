"""`lookups`: what a question to the directory costs: from memory, and of 100,000 entries one by one and in batches."""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table
from tests.databases import MariaDb, Postgres
from tests.directory.slapd import BASE, Slapd, person

from conneg.directory import (
    Answer,
    CachedDirectory,
    ChainDirectory,
    Directory,
    DomainDirectory,
    Entry,
    EntryKind,
    FileDirectory,
    Known,
    SqlDirectory,
)
from conneg.directory.ldap import LdapAttributes, LdapDirectory
from conneg.directory.ldap_connection import LdapServer

from .aims import Aim

ENTRIES = 100_000
SINGLY = 500
BATCH = 500
ROUNDS = 7
CACHED_MICROSECONDS = 20
TIMES_FASTER = 5
CACHED = "the cache of a source"
EXPRESSION = "(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=[MH,MR,MMR]))"


class Cost(NamedTuple):
    """Medians of the rounds, in seconds a recipient; `batch` is None where it was not asked for in batches."""

    what: str
    single: float
    batch: float | None = None


def measure(say: Callable[[str], None]) -> list[Cost]:
    """Measure the caches, then each server in turn."""
    return [*_measure_cached(say), *_measure_servers(say)]


def _measure_cached(say: Callable[[str], None]) -> list[Cost]:
    costs = []
    with tempfile.TemporaryDirectory(prefix="conneg-bench-") as folder:
        say("lookups: from memory")
        file = Path(folder) / "directory.toml"
        file.write_text("[addresses]\n" + "".join(f'"{name}" = "{EXPRESSION}"\n' for name in _names()))
        known = FileDirectory(file, recheck_seconds=3600)
        known.load()
        costs.append(uvloop.run(_time_now(CACHED, CachedDirectory(known, size=2 * ENTRIES))))
        costs.append(uvloop.run(_time_now("a TOML file", known)))
    return costs


async def _time_now(what: str, source: Directory) -> Cost:
    """Time answers that need no waiting, as `RCPT` asks for them, for recipients in no order."""
    directory = DomainDirectory(ChainDirectory([source]))
    names = _names()
    for start in range(0, ENTRIES, BATCH):
        await directory.lookup(names[start : start + BATCH], 60)
    rounds = []
    for number in range(ROUNDS):
        asked = random.Random(number).sample(names, 20_000)
        began = time.perf_counter()
        answers = [directory.answers_now((name,)) for name in asked]
        rounds.append((time.perf_counter() - began) / len(asked))
        _check(dict(zip(asked, ({} if a is None else a for a in answers), strict=True)))
    return Cost(what, statistics.median(rounds))


def _check(answers: Mapping[str, Mapping[str, Answer]]) -> None:
    if not all(isinstance(answer.get(name), Known) for name, answer in answers.items()):
        raise RuntimeError("somebody who is in the directory was not found")


def _measure_servers(say: Callable[[str], None]) -> list[Cost]:
    costs = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="conneg-bench-"))
        say("lookups: SQLite")
        costs.append(uvloop.run(_time_sql("SQLite", f"sqlite:///{folder}/directory.db")))
        for name, kind in (("PostgreSQL", Postgres), ("MariaDB", MariaDb)):
            say(f"lookups: {name}")
            with kind() as server:
                costs.append(uvloop.run(_time_sql(name, server.url)))
        say("lookups: OpenLDAP")
        slapd = Slapd()
        slapd.load(person(name.partition("@")[0], f"connegCapability: {EXPRESSION}") for name in _names())
        with slapd:
            server_is = LdapServer(slapd.url, authorities=slapd.certificate.certificate)
            source = LdapDirectory([server_is], LdapAttributes(BASE))
            costs.append(uvloop.run(_time_both("OpenLDAP, under STARTTLS", source)))
    return costs


async def _time_sql(what: str, url: str) -> Cost:
    source = SqlDirectory(url)
    entries = [Entry(EntryKind.ADDRESS, name, EXPRESSION) for name in _names()]
    for start in range(0, ENTRIES, 5000):
        await source.import_entries(entries[start : start + 5000])
    cost = await _time_both(what, source)
    await source.close()
    return cost


async def _time_both(what: str, source: Directory) -> Cost:
    """Time the same source one by one and in batches, in turns, for recipients in no order."""
    names = _names()
    singly, batches = [], []
    for number in range(ROUNDS + 1):
        asked = random.Random(number).sample(names, SINGLY)
        began = time.perf_counter()
        for name in asked:
            _found(await source.lookup((name,), 60))
        between = time.perf_counter()
        many = random.Random(-number).sample(names, 4 * BATCH)
        middle = time.perf_counter()
        for start in range(0, len(many), BATCH):
            _found(await source.lookup(many[start : start + BATCH], 60))
        if number:  # the first round warms up
            singly.append((between - began) / len(asked))
            batches.append((time.perf_counter() - middle) / len(many))
    return Cost(what, statistics.median(singly), statistics.median(batches))


def _found(answers: Mapping[str, Answer]) -> None:
    for answer in answers.values():
        if not isinstance(answer, Known):
            raise RuntimeError(f"not found: {answer}")


def _names() -> Sequence[str]:
    return [f"user{number}@x.example" for number in range(ENTRIES)]


def show(console: Console, costs: list[Cost]) -> None:
    """A table."""
    console.print(
        f"[bold]lookups: microseconds a recipient of {ENTRIES:,}; medians of {ROUNDS} rounds[/]",
        highlight=False,
    )
    table = Table("source", "one by one", f"in batches of {BATCH}", "ratio")
    for cost in costs:
        batch, ratio = "", ""
        if cost.batch is not None:
            batch, ratio = f"{cost.batch * 1e6:.1f}", f"{cost.single / cost.batch:.1f} x"
        table.add_row(cost.what, f"{cost.single * 1e6:.1f}", batch, ratio)
    console.print(table)


def aims(costs: list[Cost]) -> list[Aim]:
    """Under 20 microseconds from memory; five times faster in batches."""
    found = []
    for cost in costs:
        if cost.batch is not None:
            ratio = cost.single / cost.batch
            found.append(Aim(f"lookups: {cost.what}, batches over one by one", ratio, TIMES_FASTER))
        elif cost.what == CACHED:
            microseconds = cost.single * 1e6
            found.append(
                Aim(f"lookups: {CACHED}", microseconds, CACHED_MICROSECONDS, "microseconds", is_most=True)
            )
    return found


def as_json(costs: list[Cost]) -> object:
    """The measurements as values of JSON, in seconds."""
    return [cost._asdict() for cost in costs]
