"""Every entry point of conneg that the benchmarks call, in one place; each may be called in a process of its own."""

import sys
from pathlib import Path

CONFIG = """\
[server]
listen = ["{listen}"]
receivers = {receivers}

[spool]
path = "spool"

[[destination]]
domains = ["*"]
deliver = "smtp"
host = "{next_hop}"
conneg = "optional"
baseline = "as-is"
"""


CROWDED = CONFIG.replace(
    "[spool]",
    """\
max_connections = {connections}

[directory]
file = "directory.toml"

[spool]""",
).replace('"as-is"', '"as-is"\nconvert = false')

ACCEPTING = """\
[server]
hostname = "bench.example"
listen = ["127.0.0.1:0"]
receivers = {receivers}
max_connections = 2000
max_connections_per_peer = 2000

[limits]
connections_per_minute = 1000000

[spool]
path = "spool"

[directory]
file = "directory.toml"

[[destination]]
domains = ["*"]
deliver = "maildir"
path = "mail"
"""


def accepting_arguments(folder: Path, expression: str, *, receivers: int = 0) -> tuple[str, ...]:
    """What `benchmarks.servers.conneg_accepting` is started with, its configuration and spool in `folder`.

    Everybody at ifax1.example can take `expression`; so many `receivers` accept, or with 0 one process by itself.
    """
    folder.mkdir()
    config = folder / "conneg.toml"
    config.write_text(ACCEPTING.format(receivers=receivers))
    _write_directory(folder, expression)
    return (str(config),)


def capability_of(octets: int) -> str:
    """The text of a capability of exactly so many octets: fax pages of two kinds, and sizes until it is full."""
    head = (
        '(| (& (type="image/tiff") (image-file-structure=TIFF-minimal) (image-coding=[MH,MR,MMR]) (color=Binary)'
        " (dpi=[204,408]) (paper-size=[A4,B4])"
    )
    tail = ") (& (color=Full) (dpi=200)))"
    if octets < len(head) + len(tail):
        return f"(color=Binary){' ' * (octets - 14)}" if octets >= 14 else "(a=b)".ljust(octets)
    text, size = head, 1000
    while len(text) + len(tail) + len(term := f" (size-x<={size}/254)") <= octets:
        text, size = text + term, size + 1
    return text + " " * (octets - len(text) - len(tail)) + tail


def serve_command(
    folder: Path, *, listen: tuple[str, int], next_hop: tuple[str, int], receivers: int = 0
) -> list[str | Path]:
    """The command that runs the gateway with its configuration and spool in `folder`, relaying all to `next_hop`."""
    config = folder / "conneg.toml"
    host, port = next_hop
    config.write_text(
        CONFIG.format(listen=f"{listen[0]}:{listen[1]}", next_hop=f"{host}:{port}", receivers=receivers)
    )
    return [Path(sys.executable).parent / "conneg", "serve", "--config", config]


def crowded_command(
    folder: Path, listen: tuple[str, int], next_hop: tuple[str, int], connections: int
) -> list[str | Path]:
    """The command that runs a gateway for so many connections, with a directory in which everybody is known."""
    folder.mkdir()
    config = folder / "conneg.toml"
    config.write_text(
        CROWDED.format(
            listen=f"{listen[0]}:{listen[1]}",
            next_hop=f"{next_hop[0]}:{next_hop[1]}",
            receivers=0,
            connections=connections,
        )
    )
    _write_directory(folder, capability_of(400))
    return [Path(sys.executable).parent / "conneg", "serve", "--config", config]


def _write_directory(folder: Path, expression: str) -> None:
    (folder / "directory.toml").write_text(f"[domains]\n\"ifax1.example\" = '{expression}'\n")


SOAKED = """\
[server]
hostname = "soak.example"
listen = []
max_connections = 2000

[limits]
connections_per_minute = 100000

[accounts]
file = "users.toml"

[[certificate]]
file = "certificate.pem"
key = "certificate.key"

[[listener]]
listen = "{listen}"
auth = true

[directory]
file = "directory.toml"

[spool]
path = "spool"
keep_records_days = 0.0002

[[destination]]
domains = ["*"]
deliver = "smtp"
host = "{next_hop}"
"""


def soaked_command(folder: Path, listen: tuple[str, int], next_hop: tuple[str, int]) -> list[str | Path]:
    """The command that runs a gateway with TLS, users and a directory, relaying all to `next_hop`."""
    from tests.net.certificates import make_certificate

    from conneg.accounts import PasswordHasher, make_account, write_accounts

    folder.mkdir()
    make_certificate(folder, "certificate", "soak.example")
    write_accounts(folder / "users.toml", [make_account("may", "swordfish", PasswordHasher())])
    _write_directory(folder, capability_of(400))
    config = folder / "conneg.toml"
    config.write_text(
        SOAKED.format(listen=f"{listen[0]}:{listen[1]}", next_hop=f"{next_hop[0]}:{next_hop[1]}")
    )
    return [Path(sys.executable).parent / "conneg", "serve", "--config", config]


FAX_PAGE = (
    '(& (type="image/tiff") (image-file-structure=TIFF-minimal) (image-coding=MMR) (color=Binary) (MRC-mode=0)'
    " (dpi=204) (dpi-xyratio=204/196) (size-x=2150/254) (paper-size=A4))"
)
"""A page as a fax machine takes it: 204 by 196 dpi, 1728 pixels wide, MMR."""


def convert_command(source: Path, folder: Path, *, times: int = 1, coding: str = "MMR") -> list[str | Path]:
    """The command that makes pages of `source` in `folder`, `times` over, in one process.

    Its memory and its threads are a worker's.
    """
    from conneg.content.fence import environment

    of_workers = ("MALLOC_", "OPENBLAS_", "OMP_")
    kept = [f"{name}={value}" for name, value in environment("", "").items() if name.startswith(of_workers)]
    return ["env", *kept, sys.executable, "-m", "benchmarks.convert_once", source, folder, str(times), coding]


def convert(source: Path, folder: Path, coding: str = "MMR", dpi: tuple[int, int] = (204, 196)) -> int:
    """Make pages of `source` into a TIFF file in `folder`; how many pages."""
    from conneg.content.conversion import ConversionJob
    from conneg.content.conversion import convert as run
    from conneg.content.source import ReadLimits, Source
    from conneg.features import collection

    media_type = {".pdf": "application/pdf", ".jpg": "image/jpeg", ".tif": "image/tiff"}[source.suffix]
    target = FAX_PAGE.replace("=MMR", f"={coding}").replace("dpi=204", f"dpi={dpi[0]}")
    target = target.replace("204/196", f"{dpi[0]}/{dpi[1]}")
    job = ConversionJob((Source(source, media_type),), collection(target), folder, source.stem)
    return sum(file.pages for file in run(job, ReadLimits(pages=5000)).files)


def convert_to_images(source: Path, folder: Path, width: int) -> list[Path]:
    """Make grey PNG files of the pages of a PDF, so many pixels wide, in `folder`."""
    from conneg.content.conversion import ConversionJob
    from conneg.content.conversion import convert as run
    from conneg.content.source import ReadLimits, Source
    from conneg.features import collection

    target = f'(& (type="image/png") (image-coding=PNG) (color=Grey) (color-levels=256) (pix-x={width}) (pix-y=20000))'
    job = ConversionJob((Source(source, "application/pdf"),), collection(target), folder, source.stem)
    return [file.path for file in run(job, ReadLimits(pages=5000)).files]
