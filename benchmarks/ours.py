"""Every entry point of conneg that the benchmarks call, in one place; each may be called in a process of its own."""

import sys
from pathlib import Path

CONFIG = """\
[server]
listen = ["{listen}"]

[spool]
path = "spool"

[[destination]]
domains = ["*"]
deliver = "smtp"
host = "{next_hop}"
conneg = "optional"
baseline = "as-is"
"""


def serve_command(folder: Path, *, listen: tuple[str, int], next_hop: tuple[str, int]) -> list[str | Path]:
    """The command that runs the gateway with its configuration and spool in `folder`, relaying all to `next_hop`."""
    config = folder / "conneg.toml"
    host, port = next_hop
    config.write_text(CONFIG.format(listen=f"{listen[0]}:{listen[1]}", next_hop=f"{host}:{port}"))
    return [Path(sys.executable).parent / "conneg", "serve", "--config", config]


FAX_PAGE = (
    '(& (type="image/tiff") (image-file-structure=TIFF-minimal) (image-coding=MMR) (color=Binary) (MRC-mode=0)'
    " (dpi=204) (dpi-xyratio=204/196) (size-x=2150/254) (paper-size=A4))"
)
"""A page as a fax machine takes it: 204 by 196 dpi, 1728 pixels wide, MMR."""


def convert_command(source: Path, folder: Path, *, times: int = 1) -> list[str | Path]:
    """The command that makes MMR pages of `source` in `folder`, `times` over, in one process."""
    return [sys.executable, "-m", "benchmarks.convert_once", source, folder, str(times)]


def convert(source: Path, folder: Path) -> int:
    """Make MMR pages of `source` into a TIFF file in `folder`; how many pages."""
    from conneg.content.conversion import ConversionJob
    from conneg.content.conversion import convert as run
    from conneg.content.source import ReadLimits, Source
    from conneg.features import collection

    media_type = {".pdf": "application/pdf", ".jpg": "image/jpeg"}[source.suffix]
    job = ConversionJob((Source(source, media_type),), collection(FAX_PAGE), folder, source.stem)
    return sum(file.pages for file in run(job, ReadLimits()).files)
