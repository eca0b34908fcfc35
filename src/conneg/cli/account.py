"""`conneg account`: the users who may send, in the file that the configuration names under `[accounts]`."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from conneg.cli.options import as_json, config_file, load_config, print_json
from conneg.errors import ExitCode, UsageError

_from_stdin = click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the password from standard input, one line."
)


_EXAMPLES = """\b
Examples:
  conneg account --config gateway.toml set june        asks for the password, twice
  conneg account --config gateway.toml test june       is that her password?
  conneg account --config gateway.toml list --json
  pwgen -s 24 1 | conneg account hash --stdin          what a database of yours would keep
"""


@click.group("account", epilog=_EXAMPLES)
@config_file
@click.pass_context
def command(ctx: click.Context, config_file: Path | None) -> None:
    """Users and their passwords, for listeners with role = "submission" or auth = true."""
    ctx.obj = load_config(config_file)


@command.command("set")
@click.argument("username")
@_from_stdin
@click.pass_obj
def set_(config: Any, username: str, from_stdin: bool) -> None:
    """Add USERNAME, or give it another password. A running gateway knows it at once."""
    from conneg.accounts import PasswordHasher, make_account, read_accounts, write_accounts

    path = _file(config)
    accounts = read_accounts(path) if path.exists() else {}
    account = make_account(username, _password(from_stdin), PasswordHasher())
    is_new = account.username not in accounts
    path.parent.mkdir(parents=True, exist_ok=True)
    write_accounts(path, (accounts | {account.username: account}).values())
    click.echo(f"{account.username}: {'added to' if is_new else 'has a new password in'} {path}")


@command.command("remove")
@click.argument("username")
@click.pass_context
def remove(ctx: click.Context, username: str) -> None:
    """Forget USERNAME; exits with 1 if there is no such user."""
    from conneg.accounts import read_accounts, write_accounts

    path = _file(ctx.obj)
    accounts = read_accounts(path)
    if accounts.pop(username, None) is None:
        click.echo(f"{username}: no such user in {path}", err=True)
        ctx.exit(ExitCode.NO)
    write_accounts(path, accounts.values())
    click.echo(f"{username}: removed from {path}")


@command.command("list")
@as_json
@click.pass_obj
def list_(config: Any, as_json: bool) -> None:
    """Show who there is, and by which mechanisms each can log in."""
    from conneg.accounts import read_accounts

    accounts = read_accounts(_file(config)).values()
    known = {
        account.username: [
            *(["SCRAM-SHA-256"] if account.scram is not None else []),
            *(["PLAIN", "LOGIN"] if account.argon2 is not None else []),
        ]
        for account in accounts
    }
    if as_json:
        print_json([{"username": name, "mechanisms": mechanisms} for name, mechanisms in known.items()])
        return
    for name, mechanisms in known.items():
        click.echo(f"{name}  {' '.join(mechanisms) or 'cannot log in'}")


@command.command("test")
@click.argument("username")
@_from_stdin
@click.pass_context
def test(ctx: click.Context, username: str, from_stdin: bool) -> None:
    """Say whether a password is USERNAME's, asking the file or database that the gateway would; exits with 1 if not."""
    from conneg.gateway.opening import open_accounts
    from conneg.smtp.sasl import prepare

    accounts = open_accounts(ctx.obj)
    if accounts is None:
        raise UsageError("the configuration has no [accounts]")
    is_right = asyncio.run(accounts.check_password(prepare(username), prepare(_password(from_stdin))))
    click.echo(f"{username}: the password is {'right' if is_right else 'wrong, or there is no such user'}")
    ctx.exit(ExitCode.DONE if is_right else ExitCode.NO)


@command.command("hash")
@_from_stdin
def hash_(from_stdin: bool) -> None:
    """Print what a database keeps of a password: the columns argon2 and scram."""
    from conneg.accounts import PasswordHasher, make_account

    account = make_account("nobody", _password(from_stdin), PasswordHasher())
    click.echo(f"argon2  {account.argon2}")
    click.echo(f"scram   {account.scram.to_text() if account.scram else ''}")


def _file(config: Any) -> Path:
    if config.accounts is None or config.accounts.file is None:
        raise UsageError(
            "the configuration names no file of users",
            hint='write [accounts] and file = "accounts.toml" into it, and name it with --config',
        )
    return Path(config.accounts.file)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
