"""`conneg probe`: ask a server what a recipient's device can take."""

import asyncio
from typing import Any

import click

from conneg.cli.options import as_json, print_json
from conneg.errors import ExitCode, UnavailableError

_EXAMPLES = """\b
Examples:
  conneg probe june@ifax1.jp                             the mail exchangers of ifax1.jp are asked
  conneg probe june@ifax1.jp --via 127.0.0.1:2525        this server is asked
  conneg probe june@ifax1.jp --json                      for programs

No message is sent: MAIL, RCPT CONNEG=OPTIONAL, RSET, QUIT. Exit status: 0 the capability is known;
1 it is not; 69 no server answers; 75 the server says to try later.
"""


@click.command("probe", epilog=_EXAMPLES)
@click.argument("address")
@click.option("--via", metavar="HOST[:PORT]", help="Ask this server instead of the domain's mail exchangers.")
@click.option("--helo", default="localhost", show_default=True, help="The name to give in EHLO.")
@click.option(
    "--tls",
    type=click.Choice(["none", "opportunistic", "dane", "required", "verified"]),
    default=None,
    help="How much TLS the session needs; by default dane for mail exchangers, opportunistic for --via.",
)
@click.option("--transcript", is_flag=True, help="Show the dialogue.")
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    address: str,
    via: str | None,
    helo: str,
    tls: str | None,
    transcript: bool,
    as_json: bool,
) -> None:
    """Ask what ADDRESS can take, and say who said so."""
    report = asyncio.run(_probe(address, via, helo, tls, transcript))
    if as_json:
        print_json(report)
    else:
        _show(report)
    code = report["reply_code"]
    if code // 100 == 4:
        ctx.exit(ExitCode.TRY_LATER)
    ctx.exit(ExitCode.DONE if report["expression"] else ExitCode.NO)


def _show(report: dict[str, Any]) -> None:
    channel = f"under {report['tls']}" if report["tls"] else "in plain text"
    verified = ", its certificate verified" if report["verified"] else ""
    click.echo(f"{report['peer']} says of {report['address']}: {report['reply']}")
    click.echo(f"({channel}{verified}; {report['basis']})", err=True)
    for problem in report["problems"]:
        click.echo(problem, err=True)
    if report["expression"]:
        click.secho(report["summary"], bold=True)
        click.echo(report["expression"])
    elif not report["offers_conneg"]:
        click.echo("the server does not offer CONNEG")
    else:
        click.echo("the server offers CONNEG and reported no capability for this recipient")


class _Print:
    def sent(self, line: str) -> None:
        click.secho(f"C: {line}", fg="cyan", err=True)

    def received(self, line: str) -> None:
        click.secho(f"S: {line}", fg="green", err=True)


async def _probe(
    address: str, via: str | None, helo: str, tls: str | None, transcript: bool
) -> dict[str, Any]:
    from conneg.gateway.config import Config
    from conneg.gateway.dialling import Dialler, NoSessionError
    from conneg.gateway.endpoint import Endpoint
    from conneg.gateway.resolver import DnsResolver
    from conneg.gateway.result import one_line
    from conneg.gateway.routing import SMTP_PORT, Routes
    from conneg.gateway.sts_policies import StsPolicies
    from conneg.gateway.ways import Ways, policy_host
    from conneg.mail import parse_mailbox
    from conneg.negotiation import Provenance, describe_capability, read_capability
    from conneg.net import Deadlines, RcptRequest
    from conneg.smtp import ConnegArgument

    mailbox = parse_mailbox(address)
    destination: dict[str, Any] = {"domains": ("*",), "tls": tls}
    if via is not None:
        try:
            host = str(Endpoint.parse(via, default_port=SMTP_PORT))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--via") from error
        destination |= {"deliver": "smtp", "host": host}
    hop = Routes(Config.model_validate({"destination": (destination,)})).next_hop(mailbox.domain)
    resolver = DnsResolver()
    dialler = Dialler(
        Ways(resolver, StsPolicies(resolver, policy_host(resolver).fetch)),
        helo,
        Deadlines(),
        lambda endpoint: _Print() if transcript else None,
    )
    try:
        dialled = await dialler.dial(hop)
    except NoSessionError as error:
        raise UnavailableError(str(error)) from error
    client, endpoint = dialled.client, dialled.endpoint
    opened = await client.open_transaction("", [RcptRequest(address, conneg=ConnegArgument.OPTIONAL)])
    result = opened.rcpts[0] if opened.mail.code < 400 else None
    reply = result.reply if result else opened.mail
    expression = result.capability.expression if result and result.capability else None
    summary = ""
    if expression:
        summary = describe_capability(read_capability(expression, Provenance.REPLY, str(endpoint)))
    offers = client.supports("CONNEG")
    channel = client.tls
    await client.rset()
    await client.quit()
    return {
        "address": address,
        "peer": str(endpoint),
        "tls": channel and f"{channel.protocol} {channel.cipher}",
        "verified": client.is_verified,
        "basis": str(dialled.reliance.basis),
        "problems": list(dialled.reliance.problems),
        "offers_conneg": offers,
        "reply_code": reply.code,
        "reply": one_line(reply) if not expression else f"{reply.code} {reply.lines[0]}",
        "expression": expression,
        "summary": summary,
    }
