"""What a configuration names, opened: the users, the certificates."""

import structlog

from conneg.accounts import Accounts, AccountsFile, AccountSource, SqlAccounts
from conneg.gateway.config import Config
from conneg.net import CertificateFiles, ServerTls

log = structlog.get_logger("conneg")


def open_accounts(config: Config) -> Accounts | None:
    """Return the users that `config` names, None if it names none; a mistake in their file is told at once.

    Raises `conneg.accounts.AccountsUnavailableError`, or `UnavailableError` for a driver that is not installed.
    """
    section = config.accounts
    if section is None:
        return None
    source: AccountSource
    if section.file is not None:
        source = AccountsFile(section.file, on_problem=_warn_of_accounts)
        source.load()
    else:
        source = SqlAccounts(section.sql or "", section.query, seconds=section.seconds)
    return Accounts(source, mechanisms=section.mechanisms, on_problem=_warn_of_accounts)


def open_tls(config: Config) -> ServerTls | None:
    """Read the certificates that `config` names; None if there are none. Raises `conneg.net.TlsError`."""
    if not config.certificate:
        return None
    files = [CertificateFiles(one.file, one.key, one.names) for one in config.certificate]
    return ServerTls(
        files, report=lambda error: log.error("the old certificate stays in force", reason=str(error))
    )


def _warn_of_accounts(problem: str) -> None:
    log.warning("users cannot be looked up as they should", problem=problem)
