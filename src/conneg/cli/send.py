"""`conneg send`: send documents by hand, each recipient the best form it can take."""

import asyncio
import mimetypes
import re
import tempfile
import uuid
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

import click

from conneg.cli.options import as_json, outcome, print_json
from conneg.errors import ConnegError, ExitCode

_EXAMPLES = """\b
Examples:
  conneg send plan.pdf --from me@example.org --to june@ifax1.jp
  conneg send plan.pdf photo.jpg --from me@example.org --to june@ifax1.jp --to anna@ifax1.jp --via mail.ifax1.jp
  conneg send scan.tif --from me@example.org --to june@ifax1.jp --via 127.0.0.1:2525 --required
  conneg send letter.eml --from me@example.org --to june@ifax1.jp       a whole message, as it is

Exit status: 0 every recipient's server has it; 1 some recipient's will never; 75 some may later.
"""


@click.command("send", epilog=_EXAMPLES)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--from", "reverse_path", required=True, metavar="ADDRESS", help="The sender.")
@click.option(
    "--to",
    "forward_paths",
    required=True,
    multiple=True,
    metavar="ADDRESS",
    help="A recipient; may be repeated.",
)
@click.option(
    "--via", metavar="HOST[:PORT]", help="The server to send to; without it the domains' mail exchangers."
)
@click.option(
    "--strategy",
    type=click.Choice(["single", "common", "batch", "auto"]),
    default="auto",
    show_default=True,
    help="A transaction for each recipient, one form that all can take, a transaction for each class of like "
    "capability, or the fewest forms with which nobody loses anything.",
)
@click.option(
    "--required/--optional",
    default=False,
    help="Refuse to send where no capability is reported, or take the baseline.",
)
@click.option(
    "--baseline",
    default="as-is",
    show_default=True,
    help="What to assume of a recipient of whom nothing is known.",
)
@click.option("--subject", default=None, help="The Subject field; the first file's name without it.")
@click.option("--text", default="", help="A text to send with the files.")
@click.option("--transcript", is_flag=True, help="Show the dialogues.")
@as_json
@click.pass_context
def command(ctx: click.Context, /, files: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Send FILES; ask each recipient's server what the recipient can take, and make that form."""
    report = asyncio.run(_send(files, options))
    if as_json:
        print_json(report)
    else:
        for line in report:
            told = outcome(line["state"], line["form"], line["octets"])
            click.echo(f"{line['recipient']}: {told}: {line['text']}")
            if line["reason"]:
                click.echo(f"    {line['reason']}", err=True)
    states = {line["state"] for line in report}
    if "failed" in states:
        ctx.exit(ExitCode.NO)
    ctx.exit(ExitCode.DONE if states == {"delivered"} else ExitCode.TRY_LATER)


def compose(
    files: tuple[Path, ...], sender: str, recipients: tuple[str, ...], subject: str | None, text: str
) -> bytes:
    """Return a message with `files` attached, or the one that a single .eml file holds."""
    if len(files) == 1 and files[0].suffix.lower() == ".eml":
        content = files[0].read_bytes()
        return re.sub(rb"\r?\n", b"\r\n", content)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject or files[0].name
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = f"<{uuid.uuid4()}@{sender.rpartition('@')[2] or 'localhost'}>"
    if text:
        message.set_content(text)
    for file in files:
        main, _, sub = (mimetypes.guess_type(file.name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n", max_line_length=78))


async def _send(files: tuple[Path, ...], options: dict[str, Any]) -> list[dict[str, Any]]:
    from conneg.gateway.events import DialogueLine, Event, Planned
    from conneg.gateway.service import Gateway
    from conneg.mail import Envelope, Recipient, parse_mailbox
    from conneg.spool import RecipientState

    for address in (options["reverse_path"], *options["forward_paths"]):
        parse_mailbox(address)
    reasons: dict[str, str] = {}

    def watch(event: Event) -> None:
        if isinstance(event, Planned):
            reasons.update(dict.fromkeys(event.forward_paths, event.reason))
        elif isinstance(event, DialogueLine) and options["transcript"]:
            click.secho(
                f"{'C' if event.sent else 'S'}: {event.line}", fg="cyan" if event.sent else "green", err=True
            )

    recipients = tuple(Recipient(address) for address in options["forward_paths"])
    content = compose(
        files, options["reverse_path"], options["forward_paths"], options["subject"], options["text"]
    )
    with tempfile.TemporaryDirectory(prefix="conneg-") as folder:
        async with Gateway(
            _config(options, Path(folder)), watch=watch, transcripts=True, reports=False
        ) as gateway:
            incoming = gateway.spool.incoming()
            incoming.write(content)
            envelope = Envelope(reverse_path=options["reverse_path"], recipients=recipients)
            message = await incoming.commit(envelope)
            gateway.wake()
            while True:
                shown = await gateway.spool.show(message.id)
                if all(r.state is not RecipientState.QUEUED for r in shown.recipients):
                    break
                await asyncio.sleep(0.05)
            results = [
                record for record in await gateway.spool.records(message.id) if record.kind == "result"
            ]
    import json

    lines = {entry["recipient"]: entry for entry in (json.loads(record.text) for record in results)}
    return [
        {
            "recipient": address,
            "state": lines[address]["state"],
            "form": lines[address]["form"],
            "octets": lines[address]["octets"],
            "text": lines[address]["text"],
            "reason": reasons.get(address, ""),
        }
        for address in options["forward_paths"]
    ]


def _config(options: dict[str, Any], folder: Path) -> Any:
    from conneg.gateway.config import Config
    from conneg.gateway.endpoint import Endpoint
    from conneg.gateway.routing import SMTP_PORT
    from conneg.gateway.sections import AS_IS, DestinationSection, ServerSection, SpoolSection
    from conneg.negotiation import Provenance, read_capability

    if options["baseline"] != AS_IS:
        read_capability(options["baseline"], Provenance.BASELINE, "--baseline")
    values: dict[str, Any] = {
        "domains": ("*",),
        "conneg": "required" if options["required"] else "optional",
        "strategy": options["strategy"],
        "baseline": options["baseline"],
    }
    if options["via"]:
        try:
            endpoint = Endpoint.parse(options["via"], default_port=SMTP_PORT)
        except ValueError as error:
            raise ConnegError(f"--via: {error}") from error
        values |= {"deliver": "smtp", "host": str(endpoint)}
    return Config(
        server=ServerSection(listen=(), stop_within_seconds=1),
        spool=SpoolSection(path=folder / "spool"),
        destination=(DestinationSection(**values),),
    )
