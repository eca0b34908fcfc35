"""`conneg convert`: make the best form of a document that an expression accepts."""

import asyncio
import shutil
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import click

from conneg.cli.options import as_json, print_json, read_accepted
from conneg.errors import ConnegError, ExitCode
from conneg.features.private import OCTETS_TAG
from conneg.words import octets

_EXAMPLES = """\b
Examples:
  conneg convert report.pdf out.tif --accept 'profile S'
  conneg convert photo.jpg small.jpg --accept '(&(type="image/jpeg")(pix-x<=1080))'
  conneg convert scan.tif scan.pdf --accept '(type="application/pdf")'
  conneg convert slides.pdf slide.png --accept '(&(type="image/png")(pix-x<=800))'   slide-1.png, ...
  conneg convert photo.jpg less.jpg --accept '(&(type="image/jpeg")(u.urn:x-conneg:octets<=200000))'

The file that comes out is inspected against EXPR before it is put in place. A limit on octets is one on the part of a
message that it would be, in base64; quality, resolution and colour are given up for it, in this order.
"""


class NoCommonFormError(ConnegError):
    """The document cannot be had in any form that the expression accepts."""

    exit_code = ExitCode.NO


@click.command("convert", epilog=_EXAMPLES)
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--accept", "accept", required=True, metavar="EXPR", help="What is accepted; a profile's name will do."
)
@as_json
def command(source: Path, target: Path, accept: str, as_json: bool) -> None:
    """Convert IN into the best form that EXPR accepts and write it to OUT."""
    capability = read_accepted(accept)
    report = asyncio.run(_convert(source, target, capability))
    if as_json:
        print_json(report)
        return
    for file in report["files"]:
        click.echo(f"{file['path']}: {file['media_type']}, {file['pages']} pages, {octets(file['octets'])}")
    click.echo(report["target"], err=True)
    for reason in report["reasons"]:
        click.echo(f"  {reason}", err=True)


async def _convert(source: Path, target: Path, capability: Any) -> dict[str, Any]:
    from conneg.content import Office, Source, Workers, document_offer, examine, offer
    from conneg.features import default_preference, explain_mismatch, feature_set
    from conneg.mail import octets_in_base64
    from conneg.negotiation import SmallType, choose_legible, common_forms, is_accepted, smaller_forms

    document = Source(source.resolve(), "application/octet-stream", source.name)
    with tempfile.TemporaryDirectory(prefix="conneg-") as folder:
        async with Workers(count=1) as workers:
            examined = await examine(document, workers, Office(), Path(folder))
            inspection = examined.inspection
            if inspection.problem:
                raise ConnegError(f"{source}: {inspection.problem}")
            octets = octets_in_base64(source.stat().st_size)
            if is_accepted(feature_set(inspection.features), capability.features, octets):
                shutil.copyfile(source, target)
                return _report(
                    inspection.features,
                    ["it is accepted as it is"],
                    [(target, inspection.media_type, len(inspection.pages))],
                )
            offered = document_offer([inspection]) if capability.is_page_device else offer(inspection)
            colours = [page.colour.lower() for page in inspection.pages]
            preference = default_preference(colour=_richest(colours), lossless=inspection.lossless)
            sizes = [SmallType(*known) for known in inspection.small_type]

            def choose(accepted: Any) -> Any:
                return choose_legible(common_forms(offered, accepted), preference, sizes)

            first = choose(capability.features)
            if first is None:
                raise NoCommonFormError(f"{source}: {explain_mismatch(offered, capability.features)}")
            smaller = smaller_forms(
                capability.features,
                first,
                choose,
                lambda choice: choice.collection,
                of_pages=capability.is_page_device,
            )
            too_large = ""
            for choice, given_up in chain([(first, "")], smaller):
                job = _job(examined.source, choice.collection, Path(folder), target.stem)
                rendition = await workers.convert(job)
                largest = max(octets_in_base64(file.octets) for file in rendition.files)
                limit = choice.collection.get(OCTETS_TAG)
                if limit is None or largest <= limit:
                    placed = await _place(rendition, target, capability.expression, workers)
                    return _report(str(choice.collection), _reasons(choice, given_up, rendition), placed)
                too_large = f"{largest} octets of a message, and {limit} are accepted"
            raise NoCommonFormError(f"{source}: as small as it can be made it takes {too_large}")


def _job(source: Any, target: Any, folder: Path, stem: str) -> Any:
    from conneg.content import ConversionJob

    return ConversionJob((source,), target, folder, stem)


async def _place(rendition: Any, target: Path, expression: str, workers: Any) -> list[tuple[Path, str, int]]:
    """Inspect the files and put them where they are wanted."""
    placed = []
    for number, file in enumerate(rendition.files, start=1):
        problems = await workers.verify(file.path, file.media_type, expression)
        if problems:
            raise ConnegError(f"{file.filename} does not conform: {problems[0]}")
        path = target if len(rendition.files) == 1 else target.with_stem(f"{target.stem}-{number}")
        shutil.copyfile(file.path, path)
        placed.append((path, file.media_type, file.pages))
    return placed


def _reasons(choice: Any, given_up: str, rendition: Any) -> list[str]:
    from conneg.negotiation import describe_made

    found = rendition.fidelity
    made = describe_made(choice.collection, found.em_pixels, found.em_lines, found.unlike)
    return [*choice.reasons, *(words for words in (given_up, choice.remark, made) if words)]


def _richest(colours: list[str]) -> str | None:
    order = ("binary", "limited", "mapped", "grey", "full")
    return max(colours, key=order.index, default=None)


def _report(target: str, reasons: list[str], files: list[tuple[Path, str, int]]) -> dict[str, Any]:
    return {
        "target": target,
        "reasons": reasons,
        "files": [
            {"path": str(path), "media_type": media_type, "pages": pages, "octets": path.stat().st_size}
            for path, media_type, pages in files
        ],
    }
