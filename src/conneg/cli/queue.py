"""`conneg queue`: look at the spool and act on it, while the gateway runs or not."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from conneg.cli.options import as_json, config_file, load_config, outcome, print_json
from conneg.errors import ConnegError, ExitCode
from conneg.words import octets

_EXAMPLES = """\b
Examples:
  conneg queue list                       what is waiting, and until when
  conneg queue list --state failed        what could not be delivered
  conneg queue explain 4f1c               the whole story of one message
  conneg queue retry 4f1c                 try again now
  conneg queue hold 4f1c                  do not try until released

An ID may be cut short as long as it names one message.
"""


class NoSuchMessageError(ConnegError):
    """No message in the spool has this id, or more than one begins with it."""

    exit_code = ExitCode.NO


@click.group("queue", epilog=_EXAMPLES)
@config_file
@click.option(
    "--spool", "spool_path", type=click.Path(path_type=Path), help="The spool's folder, if no --config."
)
@click.pass_context
def command(ctx: click.Context, config_file: Path | None, spool_path: Path | None) -> None:
    """Look at the spool, explain what happened, retry, hold, release, remove."""
    ctx.obj = spool_path or load_config(config_file).spool.path


def _with_spool(path: Path, action: Callable[[Any], Awaitable[Any]]) -> Any:
    from conneg.spool import disk_trouble, read_spool

    async def run() -> Any:
        spool = read_spool(path)
        try:
            return await action(spool)
        finally:
            await spool.close()

    found = asyncio.run(run())
    trouble = disk_trouble(path, f"the spool {path} cannot be written, so nothing is accepted or delivered")
    if trouble is not None:
        click.secho(f"{trouble}; {trouble.hint}", fg="red", err=True)
    return found


async def _find(spool: Any, message_id: str) -> str:
    found = await spool.find(message_id)
    if not found:
        raise NoSuchMessageError(f"no message {message_id!r} in the spool")
    if len(found) > 1:
        raise NoSuchMessageError(f"{message_id!r} begins {len(found)} ids: {', '.join(found[:5])}")
    return str(found[0])


@command.command("list")
@click.option("--state", help="Only messages with a recipient in this state (queued, deferred, held, ...).")
@click.option("--limit", default=100, show_default=True)
@as_json
@click.pass_obj
def list_(path: Path, state: str | None, limit: int, as_json: bool) -> None:
    """List the messages in the spool, oldest first."""
    from conneg.spool import RecipientState

    try:
        wanted = RecipientState(state) if state else None
    except ValueError as error:
        states = ", ".join(RecipientState)
        raise click.BadParameter(f"{state!r} is not one of {states}", param_hint="--state") from error
    messages = _with_spool(path, lambda spool: spool.list(limit=limit, state=wanted))
    if as_json:
        print_json([_message(message) for message in messages])
        return
    if not messages:
        click.echo("the spool is empty")
    for message in messages:
        size = octets(message.octets)
        click.echo(
            f"{message.id}  {_when(message.received_at)}  {size:>7}  <{message.envelope.reverse_path}>"
        )
        for recipient in message.recipients:
            click.echo(f"    {_recipient_line(recipient)}")


@command.command("show")
@click.argument("message_id", metavar="ID")
@click.option("--content", is_flag=True, help="Write the message itself instead.")
@as_json
@click.pass_obj
def show(path: Path, message_id: str, content: bool, as_json: bool) -> None:
    """Show one message's envelope and the state of its recipients."""

    async def read(spool: Any) -> tuple[Any, bytes | None]:
        found = await _find(spool, message_id)
        return await spool.show(found), (await spool.content(found) if content else None)

    message, octets_ = _with_spool(path, read)
    if octets_ is not None:
        sys.stdout.buffer.write(octets_)
    elif as_json:
        print_json(_message(message))
    else:
        click.echo(f"{message.id}  received {_when(message.received_at)}  {octets(message.octets)}")
        click.echo(f"reverse-path <{message.envelope.reverse_path}>")
        for recipient in message.recipients:
            click.echo(f"    {_recipient_line(recipient)}")


@command.command("explain")
@click.argument("message_id", metavar="ID")
@as_json
@click.pass_obj
def explain(path: Path, message_id: str, as_json: bool) -> None:
    """Tell the whole story of one message: who said what, what was decided and why, what happened."""

    async def read(spool: Any) -> tuple[Any, list[Any]]:
        found = await _find(spool, message_id)
        return await spool.show(found), await spool.records(found)

    message, records = _with_spool(path, read)
    if as_json:
        print_json(
            {
                "message": _message(message),
                "records": [{"at": r.at, "kind": r.kind, **json.loads(r.text)} for r in records],
            }
        )
        return
    click.secho(f"{message.id}  <{message.envelope.reverse_path}>  {octets(message.octets)}", bold=True)
    click.echo(
        f"{_when(message.received_at)}  accepted for {', '.join(r.forward_path for r in message.recipients)}"
    )
    last = None
    for record in records:
        entry = json.loads(record.text)
        if entry.get("recipient") != last:
            last = entry.get("recipient")
            click.secho(f"\n{last}" if last else "", bold=True)
        click.echo(f"{_when(record.at)}  {_tell(record.kind, entry)}")


_DOUBT = {
    "record": "believed all the same",
    "keep": "the better form is kept",
    "defer": "tried again later",
    "tls": "asked again under verified TLS",
}
"""What follows from an answer in doubt, by the destination's `on_downgrade`."""

_CHOICES = {
    "return": "the message comes back",
    "defer": "tried again later",
    "baseline": "the directory is asked, then the baseline holds",
    "original": "the message goes as it came",
}
"""What follows from an answer that is none, by the destination's `on_not_supported` or `on_unreadable`."""


def _tell(kind: str, entry: dict[str, Any]) -> str:
    match kind:
        case "connection":
            under = f"under {entry['tls']}" if entry["tls"] else "in plain text"
            problems = "".join(f"\n    {problem}" for problem in entry["problems"])
            return f"connected to {entry['peer']} [{entry['address']}] {under} ({entry['basis']}){problems}"
        case "answer":
            if entry["capability"]:
                return (
                    f"{entry['peer']} answered {entry['reply'].split(' CONNEG')[0]} and reported a capability"
                )
            reply = entry["reply"]
            if reply.startswith("2"):
                reply = reply.split(" CONNEG")[0]
            return f"{entry['peer']} answered {reply}"
        case "policy":
            return f'{entry["reason"]}; by {entry["key"]} = "{entry["choice"]}" {_CHOICES[entry["choice"]]}'
        case "capability":
            source = f" (says {entry['source']}, {entry['provenance']})" if entry["source"] else ""
            return f"can take: {entry['summary']}{source}"
        case "strategy":
            ignored = f" (ignored: {entry['ignored']})" if entry["ignored"] else ""
            return f"{entry['next_hop']}: strategy {entry['use']}, {entry['reason']}{ignored}"
        case "address":
            return f"sent to <{entry['recipient']}> for <{entry['asked_for']}>: {entry['reason']}"
        case "delay":
            return "the sender was told that it waits"
        case "doubt":
            return f"in doubt: {entry['reason']} ({_DOUBT[entry['policy']]})"
        case "plan":
            return "; ".join([f"decided: {entry['reason']}", *entry.get("notes", ())])
        case "check":
            return f"checked: {'; '.join(entry['findings'])}"
        case "result":
            return f"{outcome(entry['state'], entry['form'], entry['octets'])}: {entry['text']}"
        case _:
            return f"{kind}: {entry}"


def _act(name: str, summary: str, done: str) -> None:
    """Define one of the commands that act on a message."""

    @command.command(name, help=summary)
    @click.argument("message_ids", metavar="ID...", nargs=-1, required=True)
    @click.pass_obj
    def act(path: Path, message_ids: tuple[str, ...]) -> None:
        method = "release_held" if name == "release" else name

        async def run(spool: Any) -> list[str]:
            found = [await _find(spool, message_id) for message_id in message_ids]
            for message_id in found:
                await getattr(spool, method)(message_id)
            return found

        for message_id in _with_spool(path, run):
            click.echo(f"{message_id} {done}")


_act("retry", "Try the waiting recipients of a message again now.", "will be tried again now")
_act("hold", "Keep a message in the spool without trying it.", "is held")
_act("release", "Let a held message go on.", "is released")
_act("remove", "Remove a message; its sender is not told.", "is removed")


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _recipient_line(recipient: Any) -> str:
    line = f"{recipient.state:<9} {recipient.forward_path}"
    if recipient.state == "deferred" and recipient.next_attempt_at:
        line += f"  until {_when(recipient.next_attempt_at)}"
    return line + (f"  ({recipient.last_reply})" if recipient.last_reply else "")


def _message(message: Any) -> dict[str, Any]:
    return {
        "id": message.id,
        "reverse_path": message.envelope.reverse_path,
        "octets": message.octets,
        "received_at": message.received_at,
        "recipients": [
            {
                "forward_path": r.forward_path,
                "state": str(r.state),
                "attempts": r.attempts,
                "next_attempt_at": r.next_attempt_at,
                "last_reply": r.last_reply,
                "next_hop": r.next_hop,
            }
            for r in message.recipients
        ],
    }
