"""Who takes part in the demo, and what their devices can take: data only.

`june` is the fax machine of draft-ietf-fax-esmtp-conneg-03, section 6.1, word for word (its line wrapping aside).
"""

from dataclasses import dataclass
from pathlib import Path

from conneg.gateway.config import Config
from conneg.gateway.sections import (
    ConnegSection,
    DeliverySection,
    DestinationSection,
    ServerSection,
    SpoolSection,
)
from conneg.gateway.sources import DirectorySection

SENDER = "may@ship.example"
DEVICES_DOMAIN = "devices.example"
PLAIN_DOMAIN = "plain.example"

JUNE = (
    "(&(image-file-structure=TIFF-minimal)(MRC-mode=0)(color=Binary)"
    "(|(&(dpi=204)(dpi-xyratio=[204/98,204/196]) )(&(dpi=200)(dpi-xyratio=[200/100,1]) )(&(dpi=400)(dpi-xyratio=1) ) )"
    "(|(image-coding=[MH,MR,MMR])(&(image-coding=JBIG)(image-coding-constraint=JBIG-T85)(JBIG-stripe-size=128) ) )"
    "(paper-size=[letter,A4,B4])(ua-media=stationery) )"
)
MONO = (
    "(&(image-file-structure=TIFF-minimal)(MRC-mode=0)(color=Binary)(image-coding=MH)"
    "(dpi=204)(dpi-xyratio=[204/98,204/196])(size-x<=2150/254)(paper-size=A4))"
)
COLOUR = (
    "(|(&(image-file-structure=[TIFF-limited,TIFF-minimal])(MRC-mode=0)(color=[grey,full])"
    "(image-coding=JPEG)(image-coding-constraint=JPEG-T4E)"
    '(color-levels<=16777216)(color-space=CIELAB)(color-illuminant=D50)(color-subsampling=["1:1:1","4:1:1"])'
    "(CIELAB-L-min>=0)(CIELAB-L-max<=100)(dpi=200)(dpi-xyratio=1)(size-x<=2150/254)(paper-size=A4))"
    f"{MONO})"
)
PHONE = '(|(&(type=["image/jpeg","image/png"])(pix-x<=1080))(type="text/plain"))'
DESK = (
    '(type=["application/pdf","image/jpeg","image/png","image/gif","image/webp","image/heic","image/tiff",'
    '"text/plain","text/html"])'
)

DEVICES = {
    f"june@{DEVICES_DOMAIN}": JUNE,
    f"mono@{DEVICES_DOMAIN}": MONO,
    f"colour@{DEVICES_DOMAIN}": COLOUR,
    f"phone@{DEVICES_DOMAIN}": PHONE,
    f"desk@{DEVICES_DOMAIN}": DESK,
}
"""What the receiving server's directory says; `legacy` has no entry."""

KNOWN_TO_THE_GATEWAY = {
    f"fax@{PLAIN_DOMAIN}": MONO,
    f"tablet@{PLAIN_DOMAIN}": PHONE,
}
"""What only the gateway's own directory says of the recipients behind the server that speaks no CONNEG."""

LEGACY = f"legacy@{DEVICES_DOMAIN}"
BASELINE = "profile S"
RECIPIENTS = (*DEVICES, LEGACY, *KNOWN_TO_THE_GATEWAY)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the demo keeps its things: what people look at in `output`, what only programs need in `work`."""

    output: Path
    work: Path

    @property
    def maildirs(self) -> Path:
        """Return the folder that holds one Maildir for each recipient."""
        return self.output / "maildir"

    def maildir(self, recipient: str) -> Path:
        """Return the Maildir of `recipient`."""
        local_part, _, domain = recipient.partition("@")
        return self.maildirs / domain / local_part


def directory_text(entries: dict[str, str]) -> str:
    """Write a TOML directory file with these entries."""
    lines = ["[addresses]", *(f"{_toml(name)} = {_toml(text)}" for name, text in entries.items())]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def receiving_config(folders: Folders, domain: str, *, conneg: bool) -> Config:
    """Return the configuration of a receiving server for `domain` that files into Maildirs."""
    directory = folders.work / f"{domain}.toml"
    return Config(
        server=ServerSection(hostname=f"mx.{domain}", listen=("127.0.0.1:0",), stop_within_seconds=5),
        conneg=ConnegSection(advertise=conneg, understands=conneg),
        spool=SpoolSection(path=folders.work / f"spool-{domain}"),
        directory=DirectorySection(file=directory if conneg else None),
        destination=(
            DestinationSection(
                domains=(domain,),
                deliver="maildir",
                path=str(folders.maildirs / "{domain}" / "{local_part}"),
                convert=False,
            ),
        ),
    )


def gateway_config(folders: Folders, devices: str, plain: str) -> Config:
    """Return the gateway's configuration; `devices` and `plain` are the servers' endpoints."""
    return Config(
        server=ServerSection(hostname="gateway.ship.example", listen=("127.0.0.1:0",), stop_within_seconds=5),
        spool=SpoolSection(path=folders.work / "spool-gateway"),
        directory=DirectorySection(file=folders.work / "gateway.toml"),
        delivery=DeliverySection(open_transaction_seconds=2),
        destination=(
            DestinationSection(domains=(DEVICES_DOMAIN,), deliver="smtp", host=devices, baseline=BASELINE),
            DestinationSection(domains=(PLAIN_DOMAIN,), deliver="smtp", host=plain, baseline=BASELINE),
        ),
    )
