"""The command line: one module for each command, imported only when that command runs.

`main` is the one place where errors become a line on standard error and an exit code (`conneg.errors.ExitCode`).
"""

import importlib
import sys
from collections.abc import Sequence

import click

from conneg import __version__
from conneg.errors import ConnegError, ExitCode

_COMMANDS = {
    "serve": "run the gateway",
    "check": "say what is wrong with a configuration, and what this installation can do",
    "send": "send documents, each recipient the best form it can take",
    "probe": "ask a server what a recipient can take",
    "features": "what an expression means and what is odd about it; what a document, message or fax frame is",
    "match": "what two expressions have in common, or what stands in the way",
    "convert": "make the best form of a document that an expression accepts",
    "queue": "look at the spool, explain what happened, retry, hold, remove",
    "staging": "serve content that is fetched instead of sent; list, remove, sweep",
    "directory": "who can take what: show, set, remove, import, test",
    "account": "users who may send, and their passwords: set, remove, list, test, hash",
    "demo": "the main job on real input, start to end, on this machine",
}


class _Commands(click.Group):
    """Loads `conneg.cli.NAME:command` when NAME is called, so that help is there at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"conneg.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


_EPILOG = """\b
Examples:
  conneg demo                                        see the whole thing work, in a minute
  conneg serve                                       a gateway on 127.0.0.1:2525
  conneg probe june@ifax1.jp --via mail.ifax1.jp     what can June's device take?
  conneg convert report.pdf out.tif --accept 'profile S'
  conneg queue explain 4f1c                          why did June get black and white?

\b
Exit status: 0 yes or done; 1 the answer is no; 2 usage; 65 bad data;
69 a peer or service is unavailable; 75 try later.
"""


@click.command(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="conneg")
def _root() -> None:
    """Content negotiation for mail: each recipient gets the best form that its device can take."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line `arguments` (by default the process's own) and exit with its code."""
    try:
        code = _root.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("conneg: interrupted", err=True)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = ExitCode.DONE
    except ConnegError as error:
        click.echo(f"conneg: {error}", err=True)
        for line in getattr(error, "excerpt", "").splitlines():
            click.echo(f"        {line}", err=True)
        if error.hint:
            click.echo(f"        {error.hint}", err=True)
        code = error.exit_code
    except ModuleNotFoundError as error:
        if (error.name or "conneg").partition(".")[0] == "conneg":
            raise
        click.echo(f"conneg: this needs {error.name}, which is not installed", err=True)
        extra = "web" if error.name in ("starlette", "uvicorn", "anyio") else "gateway"
        click.echo(f"        pip install 'conneg[{extra}]'", err=True)
        code = ExitCode.UNAVAILABLE
    except OSError as error:
        click.echo(f"conneg: {error}", err=True)
        code = ExitCode.UNAVAILABLE
    sys.exit(int(code) if isinstance(code, int) else ExitCode.DONE)
