"""`conneg demo`: the main job on real input, start to end, on this machine."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conneg.cli.options import as_json, print_json
from conneg.errors import ExitCode
from conneg.words import octets

if TYPE_CHECKING:
    from rich.console import Console

    from conneg.demo.chain import Journey
    from conneg.demo.run import Story

_EXAMPLES = """\b
Examples:
  conneg demo                        writes ./conneg-demo: Maildirs, files, dialogues, and index.html
  conneg demo --output /tmp/seen     writes there instead
  conneg demo --json                 the table, for programs
  conneg demo --chain                four servers of two organisations in a row, each leg negotiated

Three servers are started on loopback ports that the system chooses, and stopped at the end. Exit
status 0: every recipient got its mail, and every file conforms to what its device announced; 1 if not.
"""


_PLAIN_WIDTH = 140
"""Columns of the table where there is no terminal whose width could be asked for."""


@click.command("demo", epilog=_EXAMPLES)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("conneg-demo"),
    show_default=True,
)
@click.option(
    "--chain",
    is_flag=True,
    help="Four servers between two organisations instead, the two in the middle ensuring conversion.",
)
@as_json
@click.pass_context
def command(ctx: click.Context, output: Path, chain: bool, as_json: bool) -> None:
    """Send one real message to eight recipients, and give each the best form its device can take."""
    from rich.console import Console

    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=_PLAIN_WIDTH)
    if chain:
        ctx.exit(_chain(output, console, as_json))
    story, page = asyncio.run(_run(output, console))
    if as_json:
        print_json(_report(story, page))
    else:
        _show(story, page, console)
    ctx.exit(ExitCode.NO if story.problems else ExitCode.DONE)


async def _run(output: Path, console: "Console") -> tuple["Story", Path]:
    from conneg.content import Workers
    from conneg.demo.page import write_page
    from conneg.demo.run import run_demo

    story = await run_demo(output, console)
    async with Workers(count=2) as workers:
        page = await write_page(story, output.resolve(), workers)
    return story, page


def _chain(output: Path, console: "Console", as_json: bool) -> ExitCode:
    """Run the chain of four servers and show each leg; return the exit status."""
    from conneg.demo.chain import RECIPIENT, run_chain

    journey = asyncio.run(run_chain(output, console))
    files = journey.arrival.files if journey.arrival is not None else ()
    if as_json:
        print_json(
            {
                "recipient": RECIPIENT,
                "problems": journey.problems,
                "legs": [asdict(leg) for leg in journey.legs],
                "files": [
                    {"name": f.path.name, "media_type": f.media_type, "octets": f.octets} for f in files
                ],
            }
        )
    else:
        _show_chain(journey, console, output)
    return ExitCode.NO if journey.problems else ExitCode.DONE


def _show_chain(journey: "Journey", console: "Console", output: Path) -> None:
    from rich.table import Table

    from conneg.demo.chain import RECIPIENT

    table = Table(
        title=f"one message to {RECIPIENT}, server by server", title_justify="left", show_lines=True
    )
    for heading in ("from", "to", f"what {RECIPIENT} takes, as that one says", "sent as"):
        table.add_column(heading, overflow="fold")
    table.add_column("octets", justify="right", no_wrap=True)
    for leg in journey.legs:
        mark = "[green]✓[/]" if leg.state == "delivered" else "[red]✗[/]"
        table.add_row(f"{mark} {leg.sender}", leg.receiver, leg.capability, leg.form, octets(leg.octets))
    console.print(table)
    for problem in journey.problems:
        console.print(f"[red]✗ {problem}[/]", soft_wrap=True)
    if not journey.problems:
        console.print("[green]✓[/] what arrived conforms to what the device announced")
    console.print(f"look at {output / 'files'}", soft_wrap=True)


def _show(story: "Story", page: Path, console: "Console") -> None:
    from rich.markup import escape
    from rich.table import Table

    from conneg.demo.run import TRANSCRIPT

    table = Table(title="one message, each recipient's best form", title_justify="left", show_lines=True)
    table.add_column("recipient", overflow="fold")
    table.add_column("can take", overflow="fold")
    table.add_column("got", overflow="fold")
    table.add_column("before", justify="right", no_wrap=True)
    table.add_column("after", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold", ratio=1)
    for outcome in story.outcomes.values():
        arrival = outcome.arrival
        bad = outcome.state != "delivered" or arrival is None or bool(arrival.problems)
        local_part, _, domain = outcome.recipient.partition("@")
        table.add_row(
            f"{'[red]✗[/]' if bad else '[green]✓[/]'} [bold]{local_part}[/]\n[dim]@{domain}[/]",
            outcome.capability or "not known",
            outcome.form,
            octets(story.octets_sent),
            octets(arrival.octets if arrival else 0),
            escape(outcome.reason),
        )
    console.print(table)
    for problem in story.problems:
        console.print(f"[red]✗ {problem}[/]", soft_wrap=True)
    if not story.problems:
        files = sum(len(o.arrival.files) for o in story.outcomes.values() if o.arrival)
        console.print(f"[green]✓[/] all {files} files that arrived conform to what their devices announced")
    console.print(f"look at {page}; the dialogues are in {page.parent / TRANSCRIPT}", soft_wrap=True)


def _report(story: "Story", page: Path) -> dict[str, Any]:
    return {
        "octets_sent": story.octets_sent,
        "page": str(page),
        "problems": story.problems,
        "recipients": [
            {
                "recipient": outcome.recipient,
                "capability": outcome.capability,
                "expression": outcome.expression,
                "said_by": outcome.said_by,
                "form": outcome.form,
                "reason": outcome.reason,
                "state": outcome.state,
                "octets": outcome.arrival.octets if outcome.arrival else 0,
                "files": [
                    {
                        "name": f.path.name,
                        "media_type": f.media_type,
                        "octets": f.octets,
                        "problems": f.problems,
                    }
                    for f in (outcome.arrival.files if outcome.arrival else ())
                ],
            }
            for outcome in story.outcomes.values()
        ],
    }
