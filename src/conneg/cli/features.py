"""`conneg features`: the canonical form of an expression, or the features of a document or message."""

import asyncio
from pathlib import Path

import click

from conneg.cli.options import as_json, print_json
from conneg.errors import ConnegError

_EXAMPLES = """\b
Examples:
  conneg features '(&(dpi=[200,204])(color=Binary))'     canonical form and RFC 2938 hash
  conneg features capability.txt                         an expression in a file
  conneg features scan.tif                               what this document is
  conneg features letter.eml                             what each part of this message is
"""

_MESSAGE_ENDINGS = {".eml", ".msg", ".mail"}


@click.command("features", epilog=_EXAMPLES)
@click.argument("expression_or_file", metavar="EXPR|FILE")
@click.option("--lenient", is_flag=True, help="Accept known misspellings of published expressions.")
@as_json
def command(expression_or_file: str, lenient: bool, as_json: bool) -> None:
    """Write an expression in its canonical form, or describe a document or message by its features."""
    path = Path(expression_or_file)
    if expression_or_file.lstrip().startswith("("):
        _expression(expression_or_file, lenient, as_json)
        return
    if not _is_file(path):
        raise ConnegError(
            f"{expression_or_file!r} is neither a file nor an expression", hint="an expression begins with ("
        )
    head = path.read_bytes()[:4096]
    if head.lstrip()[:1] == b"(" and b"\0" not in head:
        _expression(path.read_text(encoding="ascii", errors="replace").strip(), lenient, as_json)
        return
    documents = asyncio.run(_documents(path))
    if as_json:
        print_json(documents)
        return
    for document in documents:
        click.secho(f"{document['name']}: {document['media_type']}", bold=True)
        click.echo(f"  {document['problem'] or document['features']}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _expression(text: str, lenient: bool, as_json: bool) -> None:
    from conneg.features import feature_set, hash_name, parse, write

    expression = parse(text, lenient=lenient)
    canonical = write(expression)
    satisfiable = not feature_set(expression).is_empty
    if as_json:
        print_json({"canonical": canonical, "hash": hash_name(text), "satisfiable": satisfiable})
        return
    click.echo(canonical)
    click.echo(hash_name(text), err=True)
    if not satisfiable:
        click.echo("no document can meet this expression", err=True)


async def _documents(path: Path) -> list[dict[str, object]]:
    from conneg.content import Source, Workers
    from conneg.mail import decode_body, outline, read_parts

    content = path.read_bytes()
    async with Workers(count=1) as workers:
        if path.suffix.lower() not in _MESSAGE_ENDINGS:
            return [
                _describe(
                    path.name,
                    await workers.inspect(Source(path.resolve(), "application/octet-stream", path.name)),
                )
            ]
        import tempfile

        found = []
        with tempfile.TemporaryDirectory(prefix="conneg-") as folder:
            for part in outline(read_parts(content)).leaves:
                body = Path(folder) / part.id
                body.write_bytes(decode_body(content, part))
                source = Source(body, part.media_type, part.filename, part.charset)
                name = f"part {part.id}" + (f" ({part.filename})" if part.filename else "")
                found.append(_describe(name, await workers.inspect(source)))
        return found


def _describe(name: str, inspection: object) -> dict[str, object]:
    from conneg.content import Inspection, described

    assert isinstance(inspection, Inspection)
    return {
        "name": name,
        "media_type": inspection.media_type,
        "pages": len(inspection.pages),
        "features": described(inspection.features),
        "problem": inspection.problem,
    }
