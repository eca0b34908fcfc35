"""What recipients can take, for `strategies`: fax machines of many kinds, and all kinds of device beside each other."""

import itertools
from collections.abc import Callable

_CODINGS = ("MH", "MH,MR", "MH,MMR", "MH,MR,MMR", "MR,MMR")
_LINES = {"204/98": 204, "204/196": 204, "204/391": 204, "1": 400}
_PAPERS = ("A4", "A4,letter")
_COLOUR_FAX = (
    "(& (image-file-structure=TIFF-limited) (color=Full) (MRC-mode=0) (image-coding=JPEG) "
    '(image-coding-constraint=JPEG-T4E) (color-space=CIELAB) (color-subsampling=["1:1:1","4:1:1"]) '
    "(color-illuminant=D50) (CIELAB-L-depth<=8) (dpi-xyratio=1) "
)
_SCREENS = ((640, 960), (750, 1334), (1080, 1920), (1170, 2532), (1440, 3200))


def fax_machines() -> list[str]:
    """Machines that differ in codings, in the resolutions they have beside 204 x 196, and in paper: 70 kinds."""
    found = []
    finer = [(), ("204/98",), ("204/391",), ("1",), ("204/98", "204/391"), ("204/391", "1"), ("204/98", "1")]
    for others, codings, papers in itertools.product(finer, _CODINGS, _PAPERS):
        lines = " ".join(f"(& (dpi={_LINES[ratio]}) (dpi-xyratio={ratio}))" for ratio in ("204/196", *others))
        found.append(
            "(& (image-file-structure=TIFF-minimal) (color=Binary) (MRC-mode=0) "
            f"(| {lines}) (image-coding=[{codings}]) (paper-size=[{papers}]))"
        )
    return found


def mailboxes() -> list[str]:
    """Mail programs in offices: all show PDF and text, some also HTML, pictures, Word documents: 12 kinds."""
    pictures = ((), ("image/jpeg",), ("image/jpeg", "image/png"))
    others = ((), ("text/html",), ("application/msword",), ("text/html", "application/msword"))
    return [
        _types("text/plain", "application/pdf", *some, *more)
        for some, more in itertools.product(pictures, others)
    ]


def colour_printers() -> list[str]:
    """Machines that print, scan and fax in colour: TIFF-FX of profile C, or PDF with JPEG in it: 9 kinds."""
    resolutions = ("200", "200,300", "200,300,400")
    tiff = [
        f"{_COLOUR_FAX} (dpi=[{dpi}]) (paper-size=[{papers}]))"
        for dpi, papers in itertools.product(resolutions, _PAPERS)
    ]
    pdf = [
        f'(& (type="application/pdf") (color=[Binary,Grey,Full]) (image-coding=JPEG) (dpi<={dpi}))'
        for dpi in (200, 300, 600)
    ]
    return tiff + pdf


def phones() -> list[str]:
    """Phones that show text, and pictures as large as their screen: 10 kinds."""
    return [
        f'(| (type="text/plain") (& {_types(*pictures)} (pix-x<={across}) (pix-y<={down})))'
        for (across, down), pictures in itertools.product(
            _SCREENS, (("image/jpeg",), ("image/jpeg", "image/png"))
        )
    ]


def pagers() -> list[str]:
    """Devices that show text only, and keep more or less of it: 4 kinds."""
    text = '(type="text/plain")'
    return [text, *(f"(& {text} (u.urn:x-conneg:octets<={octets}))" for octets in (8_000, 16_000, 32_000))]


def mixed() -> list[str]:
    """Fax machines, mailboxes, colour printers, phones and pagers: 50 kinds."""
    return [*_spread(fax_machines(), 15), *mailboxes(), *colour_printers(), *phones(), *pagers()]


FLEETS: dict[str, Callable[[], list[str]]] = {"fax machines": fax_machines, "mixed devices": mixed}
"""Whom a message is sent to, by what they are called."""


def devices(fleet: str, recipients: int, kinds: int) -> list[str]:
    """The capability of each recipient, so many kinds of them spread over all that the fleet has."""
    chosen = _spread(FLEETS[fleet](), kinds)
    return [chosen[number % kinds] for number in range(recipients)]


def _spread(known: list[str], count: int) -> list[str]:
    return [known[number * len(known) // count] for number in range(count)]


def _types(*types: str) -> str:
    return "(type=[" + ",".join(f'"{one}"' for one in types) + "])"
