"""`conneg features`: what an expression means and what is odd about it; what a document, message or fax frame is."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from conneg.cli.colours import label, paint, say
from conneg.cli.options import as_json, find_expression, print_json
from conneg.errors import UsageError

if TYPE_CHECKING:
    from conneg.features import Oddity, Resolver

_EXAMPLES = """\b
Examples:
  conneg features '(&(dpi=[200,204])(color=Binary))'     what it means, and its canonical form and hash
  conneg features capability.txt                         an expression in a file
  conneg features 'profile F full'                       a TIFF-FX profile
  conneg features --dis 'FF C8 01 00 43 13 20'           what a fax machine says of itself (T.30)
  conneg features capability.txt --as-dis                a capability as a frame
  conneg features scan.tif                               what this document is
  conneg features letter.eml                             what each part of this message is
  conneg features --tags                                 every registered feature tag

\b
The canonical form goes to standard output, what is said about it to standard error.
"""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("features", epilog=_EXAMPLES)
@click.argument("expression_or_file", metavar="[EXPR|PROFILE|FILE]", required=False)
@click.option("--lenient", is_flag=True, help="Accept known misprints of published expressions.")
@click.option(
    "--with", "known", metavar="FILE", type=_FILE, help="Expressions, one a line, that h. names stand for."
)
@click.option("--dis", metavar="HEX", help="Read a T.30 DIS or DTC as a capability.")
@click.option("--dcs", metavar="HEX", help="Read a T.30 DCS as the features of a document.")
@click.option("--as-dis", is_flag=True, help="Write a capability as a T.30 DIS.")
@click.option("--msb-first", is_flag=True, help="In frames, the first bit sent is the highest of its octet.")
@click.option("--tags", is_flag=True, help="List the registered feature tags.")
@as_json
def command(
    expression_or_file: str | None,
    lenient: bool,
    known: Path | None,
    dis: str | None,
    dcs: str | None,
    as_dis: bool,
    msb_first: bool,
    tags: bool,
    as_json: bool,
) -> None:
    """Say what a feature expression means, and what is odd about it; or what a document or fax frame is."""
    wanted = [expression_or_file is not None, dis is not None, dcs is not None, tags]
    if sum(wanted) != 1:
        raise UsageError(
            "give one of: an expression, a profile, a file, --dis, --dcs, --tags",
            hint="conneg features --help has examples",
        )
    if as_dis and expression_or_file is None:
        raise UsageError(
            "--as-dis writes an expression, a profile or a file that holds one as a frame; give it"
        )
    if tags:
        _tags(as_json)
    elif dis is not None or dcs is not None:
        from conneg.cli.frames import show_frame

        text, option = (dis, "--dis") if dis is not None else (dcs or "", "--dcs")
        show_frame(text, option, msb_first=msb_first, as_json=as_json, explain=_explain)
    elif expression_or_file is not None:
        expression = find_expression(expression_or_file)
        if expression is None and as_dis:
            raise UsageError(f"--as-dis takes a capability, and {expression_or_file} is a document")
        if expression is None:
            _documents(Path(expression_or_file), as_json)
        elif as_dis:
            from conneg.cli.frames import show_as_frame

            show_as_frame(expression, msb_first=msb_first, as_json=as_json)
        else:
            _expression(expression, lenient, _resolver(known), as_json)


def _resolver(known: Path | None) -> "Resolver | None":
    """Return what finds an expression of the file by its hash (RFC 2938)."""
    if known is None:
        return None
    from conneg.features import hash_name

    lines = (line.strip() for line in known.read_text(encoding="ascii", errors="replace").splitlines())
    texts = {hash_name(line).lower(): line for line in lines if line.startswith("(")}
    return lambda name: texts.get(name.lower())


class _Account(NamedTuple):
    """All that is told of an expression."""

    canonical: str
    simplest: str
    hash: str
    satisfiable: bool
    unresolved: tuple[str, ...]
    means: tuple[str, ...]
    oddities: "tuple[Oddity, ...]"


def _account(text: str, lenient: bool, resolver: "Resolver | None") -> _Account:
    from conneg.features import (
        check_expression,
        describe_set,
        feature_set,
        hash_name,
        parse,
        simplify,
        write,
    )

    expression = parse(text, lenient=lenient)
    features = feature_set(text, lenient=lenient, resolver=resolver)
    return _Account(
        write(expression),
        write(simplify(expression, lenient=lenient)),
        hash_name(text),
        not features.is_empty,
        features.unresolved,
        describe_set(features),
        check_expression(text, lenient=lenient),
    )


def _expression(text: str, lenient: bool, resolver: "Resolver | None", as_json: bool) -> None:
    account = _account(text, lenient, resolver)
    if as_json:
        print_json(account._asdict() | {"oddities": [oddity._asdict() for oddity in account.oddities]})
        return
    say(paint(account.canonical))
    _tell(account)


def _explain(text: str) -> None:
    _tell(_account(text, False, None))


def _tell(account: _Account) -> None:
    """Say on standard error what an expression means, its simplest form, its hash, and what is odd about it."""
    for number, line in enumerate(account.means):
        say(f"{label('means' if not number else '')} {line}", err=True)
    if len(account.simplest) < len(account.canonical):
        say(f"{label('simplest')} {paint(account.simplest)}", err=True)
    say(f"{label('hash')} {account.hash}", err=True)
    for call in account.unresolved:
        say(
            f"{label('unknown')} nobody has said what {call} stands for; it counts as a feature of its own",
            err=True,
        )
    for oddity in account.oddities:
        colour = "yellow" if oddity.severity == "warning" else "blue"
        kind = click.style(f"{oddity.severity:<10}", fg=colour, bold=True)
        say(f"{kind} line {oddity.line}, column {oddity.column}: {oddity.message}", err=True)
        for line in oddity.excerpt.splitlines():
            say(f"{'':<10} {click.style(line, dim=True)}", err=True)


def _tags(as_json: bool) -> None:
    """Print the registered tags: a table, or JSON."""
    from conneg.features.schema import SCHEMA

    if as_json:
        print_json([tag.facts for tag in SCHEMA])
        return
    for tag in SCHEMA:
        name = click.style(f"{tag.name:<24}", fg="cyan")
        say(f"{name} {tag.type or '':<18} {tag.permitted}" + (f"; {tag.unit}" if tag.unit else ""))
        say(f"{'':<24} {click.style(f'{tag.meaning} ({tag.source})', dim=True)}")


def _documents(path: Path, as_json: bool) -> None:
    """Print what a document or each part of a message is."""
    from conneg.cli.inspecting import inspect_file

    documents = asyncio.run(inspect_file(path))
    if as_json:
        print_json(documents)
        return
    for document in documents:
        say(click.style(f"{document['name']}: {document['media_type']}", bold=True))
        say(f"  {document['problem'] or paint(str(document['features']))}")
