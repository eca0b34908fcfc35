"""Gateways between peers: what they are told, and what they said to their next hops."""

from pathlib import Path

from conneg.gateway.config import Config
from conneg.gateway.events import DialogueLine
from conneg.net import CertificateFiles
from tests.gateway.servers import Events, config

from .ports import Server

OFFICE = '[retry]\nfirst_seconds = 600\n[[destination]]\ndomains = ["office.example"]\n'


def to_server(
    folder: Path, next_hop: Server, *, certificate: CertificateFiles | None = None, tls: str = ""
) -> Config:
    """A gateway that sends the mail for office.example to `next_hop`; `tls` are lines of its destination."""
    hop = f'deliver = "smtp"\nhost = "{next_hop.host}:{next_hop.port}"\n{tls}\n'
    return config(folder, _certificate(certificate) + OFFICE + hop)


def to_maildir(folder: Path, *, certificate: CertificateFiles | None = None) -> Config:
    """A gateway that files the mail for office.example below `folder`/mail, a folder for each local-part."""
    return config(
        folder, _certificate(certificate) + OFFICE + 'deliver = "maildir"\npath = "mail/{local_part}"\n'
    )


def verified(name: str, authorities: Path) -> str:
    """The lines of a destination whose server must show a certificate for `name`."""
    return f'tls = "verified"\ntls_name = "{name}"\ntls_authorities = "{authorities}"'


def said(events: Events, *, sent: bool = True) -> list[str]:
    """The lines of the dialogues with next hops: commands sent, or replies received."""
    return [event.line for event in events.of(DialogueLine) if event.sent is sent]


def _certificate(files: CertificateFiles | None) -> str:
    return f'[[certificate]]\nfile = "{files.certificate}"\nkey = "{files.key}"\n' if files else ""
