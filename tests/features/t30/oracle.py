"""Does a machine with these bits take this document? Bit by bit, as RFC 2880 sections 3 and 4 tell it in prose."""

from collections.abc import Iterator, Set
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from conneg.features import Text, Token, Value


class Document(NamedTuple):
    coding: str
    colour: str
    dpi: int
    down: Fraction | int
    levels: int = 2
    space: str = "CIELAB"
    illuminant: str = "D50"
    a_min: int = -85
    subsampling: str = "4:1:1"
    interleave: str = "stripe"
    stripe: int = 128
    width: int = 215
    length: int = 297
    paper: str = "A4"
    mode: int = 0
    mrc_stripe: int = 256

    def values(self) -> dict[str, Value]:
        """All tags that the document determines."""
        constraint = {"T43": "JBIG-T43", "T85": "JBIG-T85", "JPEG": "JPEG-T4E"}.get(self.coding)
        found: dict[str, Value] = {
            "color": Token(self.colour),
            "image-coding": Token("JBIG" if self.coding in ("T43", "T85") else self.coding),
            "dpi": Fraction(self.dpi),
            "dpi-xyratio": self.dpi / Fraction(self.down),
            "size-x": Fraction(10 * self.width, 254),
            "size-y": Fraction(10 * self.length, 254),
            "paper-size": Token(self.paper),
            "mrc-mode": Fraction(self.mode),
        }
        if constraint:
            found["image-coding-constraint"] = Token(constraint)
        if self.coding == "T85":
            found["jbig-stripe-size"] = Fraction(self.stripe)
        if self.coding == "T43":
            found["image-interleave"] = Token(self.interleave)
        if self.colour != "Binary":
            found |= {"color-levels": Fraction(self.levels), "color-space": Token(self.space)}
        if self.colour in ("Grey", "Full", "Mapped"):
            found["color-illuminant"] = Token(self.illuminant)
        if self.colour in ("Full", "Mapped"):
            found["cielab-a-min"] = Fraction(self.a_min)
        if self.colour == "Full" and self.coding == "JPEG":
            found["color-subsampling"] = Text(self.subsampling)
        if self.mode:
            found["mrc-max-stripe-size"] = Fraction(self.mrc_stripe)
        return found


def takes(bits: Set[int], mode: int, document: Document, has_large_paper: bool = False) -> bool:
    """`mode` is the MRC mode of the machine; contradicting bits have been cleared."""
    is_possible = _takes_binary if document.colour == "Binary" else _takes_coloured
    return (
        is_possible(bits, document)
        and document.width <= (303 if 18 in bits else 255 if 17 in bits else 215)
        and (20 in bits or document.length <= (364 if 19 in bits else 297))
        and _takes_paper(bits, document.paper, has_large_paper)
        and (document.mode == 0 or (document.mode <= mode and (95 in bits or document.mrc_stripe <= 256)))
    )


def _takes_paper(bits: Set[int], paper: str, has_large_paper: bool) -> bool:
    match paper:
        case "A4":
            return True
        case "letter":
            return 76 in bits
        case "legal":
            return 77 in bits
        case "B4":
            return has_large_paper and (17 in bits or 18 in bits)
        case "A3":
            return has_large_paper and 18 in bits and 20 in bits
    return False


def _takes_binary(bits: Set[int], document: Document) -> bool:
    coding = {"MH": None, "MR": 16, "MMR": 31, "T85": 78}
    resolutions = {
        (204, 98): None,
        (200, 100): None,
        (204, 196): 15,
        (200, 200): 15,
        (204, 391): 41,
        (300, 300): 42,
        (400, 400): 43,
        (408, 391): 43,
        (600, 600): 105,
        (1200, 1200): 106,
        (300, 600): 107,
        (400, 800): 108,
        (600, 1200): 109,
    }
    resolution = (document.dpi, document.down)
    if document.coding not in coding or resolution not in resolutions:
        return False
    if document.coding == "T85" and document.stripe != 128 and 79 not in bits:
        return False
    return all(bit is None or bit in bits for bit in (coding[document.coding], resolutions[resolution]))


def _takes_coloured(bits: Set[int], document: Document) -> bool:
    if 68 not in bits or 15 not in bits or document.dpi != document.down:
        return False
    square = {100: {98}, 200: {15}, 300: {42, 97}, 400: {43, 97}, 600: {105, 110}, 1200: {106, 111}}
    if not square.get(document.dpi, {-1}) <= bits:
        return False
    match document.coding:
        case "JPEG":
            if document.colour not in ("Grey", "Full"):
                return False
            if document.colour == "Full" and document.subsampling == "1:1:1" and 73 not in bits:
                return False
        case "T43":
            if 36 not in bits or (document.interleave == "plane" and 37 not in bits):
                return False
        case _:
            return False
    if document.colour != "Grey" and 69 not in bits:
        return False
    if document.colour == "Limited":
        return document.levels <= {"Device-RGB": 8, "Device-CMY": 8, "Device-CMYK": 16}.get(document.space, 0)
    most = {"Grey": 4096, "Full": 4096**3, "Mapped": 65536} if 71 in bits else {}
    most = most or {"Grey": 256, "Full": 256**3, "Mapped": 4096}
    return (
        document.space == "CIELAB"
        and document.levels <= most[document.colour]
        and (document.illuminant == "D50" or 74 in bits)
        and (document.colour == "Grey" or document.a_min >= -85 or 75 in bits)
    )


RESOLUTIONS = [(204, 98), (200, 100), (204, 196), (200, 200), (204, 391), (300, 300), (400, 400), (408, 391)]
RESOLUTIONS += [(600, 600), (1200, 1200), (300, 600), (400, 800), (600, 1200), (100, 100), (250, 250)]


def documents() -> Iterator[Document]:
    """A grid: every coding with every colour and resolution, and around one of each kind every other choice."""
    for coding, colour, (dpi, down) in product(
        ("MH", "MR", "MMR", "T85", "JPEG", "T43"),
        ("Binary", "Limited", "Mapped", "Grey", "Full"),
        RESOLUTIONS,
    ):
        yield Document(coding, colour, dpi, down, 8, "Device-RGB" if colour == "Limited" else "CIELAB")
    kinds = [Document("MH", "Binary", 204, 98), Document("T85", "Binary", 200, 200)]
    for colour, coding in product(("Grey", "Full", "Mapped", "Limited"), ("JPEG", "T43")):
        kinds.append(
            Document(coding, colour, 200, 200, 8, "Device-CMYK" if colour == "Limited" else "CIELAB")
        )
    for kind in kinds:
        for width, length, paper in product(
            (215, 255, 303), (297, 364, 420), ("A4", "letter", "legal", "B4", "A3")
        ):
            yield kind._replace(width=width, length=length, paper=paper)
        for mode, stripe in product(range(8), (128, 257)):
            yield kind._replace(mode=mode, mrc_stripe=stripe)
        for stripe in (1, 127, 128, 3508):
            yield kind._replace(stripe=stripe)
        for levels, space in product(
            (2, 8, 9, 16, 17, 256, 257, 4096, 4097, 65536, 65537, 256**3, 256**3 + 1, 4096**3, 4096**3 + 1),
            ("CIELAB", "Device-RGB", "Device-CMY", "Device-CMYK"),
        ):
            yield kind._replace(levels=levels, space=space)
        for illuminant, a_min, subsampling, interleave in product(
            ("D50", "D65"), (-85, -86), ("4:1:1", "1:1:1"), ("stripe", "plane")
        ):
            yield kind._replace(
                illuminant=illuminant, a_min=a_min, subsampling=subsampling, interleave=interleave
            )


DOCUMENTS = tuple(dict.fromkeys(documents()))
