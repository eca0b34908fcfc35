"""`conneg check`: what is wrong with a configuration, and what this installation can really do."""

from pathlib import Path
from typing import Any

import click

from conneg.cli.options import as_json, config_file, load_config, print_json
from conneg.errors import ConnegError, ExitCode
from conneg.words import octets

_EXAMPLES = """\b
Examples:
  conneg check                                what holds without a configuration
  conneg check --config conneg.toml           file, line and key of what is wrong
"""


@click.command("check", epilog=_EXAMPLES)
@config_file
@as_json
@click.pass_context
def command(ctx: click.Context, config_file: Path | None, as_json: bool) -> None:
    """Check a configuration, its directory file, and the formats that are installed."""
    config = load_config(config_file)
    problems = _problems(config)
    formats = _formats()
    fence = _fence(config, problems)
    office = _office(config)
    scripts = _scripts()
    if as_json:
        shown = {"problems": problems, "formats": formats, "fence": fence, "bilevel_pages": _bilevel_pages()}
        print_json({**shown, "office": office, "scripts": scripts, "config": config.model_dump(mode="json")})
    else:
        _show(config, formats, fence, office)
        _show_scripts(scripts)
        for problem in problems:
            click.secho(problem, fg="red", err=True)
        if not problems:
            click.secho("the configuration is right", fg="green")
    ctx.exit(ExitCode.BAD_DATA if problems else ExitCode.DONE)


def _problems(config: Any) -> list[str]:
    from conneg.directory import FileDirectory
    from conneg.gateway.directories import open_source
    from conneg.gateway.opening import open_tls
    from conneg.gateway.signatures import open_signatures

    problems = []
    for read in (open_tls, open_signatures):
        try:
            read(config)
        except ConnegError as error:
            problems.append(str(error))
    try:
        if config.directory.file is not None:
            FileDirectory(config.directory.file).load()
    except (ConnegError, OSError) as error:
        problems.append(str(error))
    for source in config.source:
        try:
            open_source(source, config)
        except ConnegError as error:
            problems.append(f"[[source]] {error}")
    folders = [config.spool.path] + ([] if config.staging is None else [config.staging.folder])
    return [*problems, *filter(None, map(_disk_trouble, folders))]


def _disk_trouble(folder: Path) -> str | None:
    """Return what keeps a folder, or the one in which it would be made, from being written."""
    from conneg.spool import disk_trouble

    there = next((each for each in (folder, *folder.parents) if each.is_dir()), None)
    found = None if there is None else disk_trouble(there, f"{folder} cannot be written")
    return None if found is None else f"{found}; {found.hint}"


def _fence(config: Any, problems: list[str]) -> dict[str, list[str]]:
    """Return what keeps the processes that read documents from what, as one of them says that was started for it."""
    import asyncio

    from conneg.content import Workers

    async def ask() -> dict[str, list[str]]:
        async with Workers(count=1) as workers:
            fence = await workers.fence()
        if config.content.sandbox == "required" and not fence.is_closed:
            problems.append(
                '[content] sandbox = "required": network, files and processes are not all fenced off here'
            )
        return fence.as_json()

    try:
        return asyncio.run(ask())
    except ConnegError as error:
        problems.append(str(error))
        return {}


def _office(config: Any) -> dict[str, Any]:
    """Return whether office documents are made readable, what keeps LibreOffice in, and why it is not at work."""
    import asyncio

    from conneg.content import Office

    if config.content.office == "off":
        return {"used": False, "reason": 'left as they are: [content] office = "off"', "fence": {}}
    try:
        fence = asyncio.run(Office(closed_only=config.content.sandbox == "required").fence())
    except ConnegError as error:
        reason = f"left as they are: {error}" + (f" ({error.hint})" if error.hint else "")
        return {"used": False, "reason": reason, "fence": {}}
    return {"used": True, "reason": "laid out by LibreOffice, behind a fence", "fence": fence.as_json()}


def _formats() -> list[dict[str, str]]:
    from conneg.content.formats import FORMATS

    return [
        {
            "name": row.media_type,
            "reads": "yes" if row.can_read else "no",
            "writes": "yes" if row.can_write else "no",
            "missing": "" if row.can_read or row.can_write else f"needs {row.requirement}",
        }
        for row in FORMATS
    ]


def _scripts() -> dict[str, str]:
    """Return the scripts that text may be in, each with the package that is lacking to draw it, or an empty text."""
    try:
        from conneg.content.readers.scripts import SCRIPTS
    except ImportError:  # without the converters
        return {}
    return {script.name: "" if script.is_drawn else script.package for script in SCRIPTS}


def _show_scripts(scripts: dict[str, str]) -> None:
    drawn = [name for name, lacking in scripts.items() if not lacking]
    if drawn:
        click.echo(f"text can be drawn in  {'; '.join(drawn)}")
    for package in dict.fromkeys(filter(None, scripts.values())):
        names = [name for name, lacking in scripts.items() if lacking == package]
        click.echo(
            f"  not in {'; '.join(names)}: it becomes question marks (Debian: apt-get install {package})"
        )


def _bilevel_pages() -> str:
    from conneg.content.native import way

    return way()


def _show(
    config: Any, formats: list[dict[str, str]], fence: dict[str, list[str]], office: dict[str, Any]
) -> None:
    from conneg.content import OFFICE_FORMATS

    click.echo(f"listens on    {', '.join(config.server.listen)} as {config.server.hostname}")
    if config.server.listen_tls:
        click.echo(f"under TLS     {', '.join(config.server.listen_tls)}")
    if config.server.receivers:
        click.echo(
            f"receivers     {config.server.receivers} processes accept mail, each with its share of the limits"
        )
    for certificate in config.certificate:
        click.echo(f"certificate   {certificate.file} for {', '.join(certificate.names) or 'any name'}")
    for signer in config.smime:
        click.echo(f"S/MIME        signed again for {', '.join(signer.addresses)} with {signer.certificate}")
    for signer in config.dkim:
        click.echo(
            f"DKIM          {signer.selector}._domainkey.{signer.domain} signs {signer.sign} with {signer.key}"
        )
    click.echo(f"spool         {config.spool.path}")
    click.echo(f"relays for    {', '.join(str(network) for network in config.relay.networks)}")
    sources = [str(path) for path in (config.directory.file, config.directory.sqlite) if path]
    sources += [f"{source.name} ({source.kind})" for source in config.source]
    click.echo(f"directory     {', '.join(sources) or 'none'}")
    for lookup in config.lookup:
        click.echo(f"  {', '.join(lookup.domains)}: {', '.join(lookup.sources)}")
    for destination in config.destination:
        where = destination.host or destination.path or "by the DNS"
        click.echo(
            f"destination   {', '.join(destination.domains)}: {destination.deliver} {where}; "
            f"CONNEG {destination.conneg}; baseline {destination.baseline}"
        )
    for number, rule in enumerate(config.strategy, start=1):
        click.echo(f"strategy {number:<4} {rule.use} {_conditions(rule)}")
    if config.staging is not None:
        click.echo(f"staging       {config.staging.folder}; links begin with {config.staging.base_url}")
    click.echo("documents are read behind a fence")
    _show_fence(fence)
    suffixes = ", ".join(row.suffix for row in OFFICE_FORMATS.values())
    click.echo(f"office documents ({suffixes}) are {office['reason']}")
    _show_fence(office["fence"])
    click.echo(f"fax pages     {_bilevel_pages()}")
    click.echo("formats")
    for row in formats:
        if row["name"] in OFFICE_FORMATS:
            continue
        missing = f"  ({row['missing']})" if row["missing"] else ""
        click.echo(f"  {row['name']:<22} reads {row['reads']:<4} writes {row['writes']}{missing}")


def _conditions(rule: Any) -> str:
    words = [f"from {', '.join(rule.senders)}"] if "*" not in rule.senders else []
    if rule.at_least_recipients > 1:
        words.append(f"to {rule.at_least_recipients} recipients or more")
    if rule.above_octets:
        words.append(f"above {octets(rule.above_octets)}")
    return f"for messages {', '.join(words)}" if words else "for all messages"


def _show_fence(fence: dict[str, list[str]]) -> None:
    for danger, layers in fence.items():
        click.echo(f"  {danger:<11} {', '.join(layers) or 'not fenced off here'}")
