"""The bits of DIS, DTC and DCS as a table: what each says, what it adds to a capability, and what it depends on.

Sources: RFC 2880 sections 3 to 5 for all bits of media; the bit list of spandsp, which quotes T.30, for the others and
for dependencies that RFC 2880 does not state. T.30 itself is not published freely.
"""

from typing import Final, NamedTuple

ERROR_CORRECTION: Final = 27
INCH: Final = 44
METRIC: Final = 45
MRC_MODE: Final = (92, 93, 94)
"""Three bits that are one number, the mode of T.44."""

RFC_2880: Final = "RFC 2880"
SPANDSP: Final = "spandsp"


class Bit(NamedTuple):
    """One bit: `meaning` when it is 1 in a DIS or DTC, `used` when it is 1 in a DCS ("" if the same words serve).

    `feature` is what it adds to a capability, "" for nothing. Of each of `needs` one must be 1 too, or the bit is a
    contradiction. If `serves` is not empty, one of those must be 1, or the bit says nothing, which is no mistake.
    """

    number: int
    meaning: str
    used: str = ""
    feature: str = ""
    needs: tuple[tuple[int, ...], ...] = ()
    serves: tuple[int, ...] = ()
    source: str = RFC_2880

    @property
    def is_media(self) -> bool:
        """Whether it says something that a feature set can say."""
        return bool(self.feature)


_ECM = (ERROR_CORRECTION,)
_JBIG = "(image-coding=JBIG)"
_T43 = f"(& {_JBIG} (image-coding-constraint=JBIG-T43))"
_T85 = f"(& {_JBIG} (image-coding-constraint=JBIG-T85) (JBIG-stripe-size=128))"
_JPEG = "(image-coding=JPEG) (image-coding-constraint=JPEG-T4E)"
_COLOURED = "(color=[Limited,Mapped,Grey,Full])"
_MULTI_LEVEL = "multi-level images"


def _square(dpi: int, colour: str = "") -> str:
    return f"(& {colour}{' ' * bool(colour)}(dpi={dpi}) (dpi-xyratio=1))"


def _bi_level(resolution: str) -> str:
    return f"(& (color=Binary) {resolution})"


_MEDIA = (
    Bit(
        15,
        "200x200 dpi and 8x7.7 lines/mm",
        "200x200 dpi or 8x7.7 lines/mm",
        "(| (& (color=Binary) (dpi=204) (dpi-xyratio=204/196)) (& (dpi=200) (dpi-xyratio=1)))",
    ),
    Bit(16, "MR coding", feature="(image-coding=MR)"),
    Bit(17, "scan lines of 255 mm", feature="(size-x<=2550/254)"),
    Bit(18, "scan lines of 255 and 303 mm", "scan lines of 303 mm", "(size-x<=3030/254)"),
    Bit(19, "pages of 364 mm (B4)", feature="(size-y<=3640/254)"),
    Bit(20, "pages of any length", feature="(size-y>=0)"),
    Bit(31, "MMR coding", feature="(image-coding=MMR)", needs=(_ECM,)),
    Bit(36, f"JBIG coding of {_MULTI_LEVEL} (T.43)", feature=_T43, needs=((68,), (15,), _ECM)),
    Bit(37, "JBIG planes one after the other", feature="(image-interleave=[stripe,plane])", serves=(36,)),
    Bit(41, "8x15.4 lines/mm", feature=_bi_level("(dpi=204) (dpi-xyratio=204/391)")),
    Bit(42, "300x300 dpi", feature=_square(300)),
    Bit(
        43,
        "400x400 dpi and 16x15.4 lines/mm",
        "400x400 dpi or 16x15.4 lines/mm",
        "(| (& (dpi=400) (dpi-xyratio=1)) (& (color=Binary) (dpi=408) (dpi-xyratio=408/391)))",
    ),
    Bit(68, "JPEG coding", feature=f"(& (color=Grey) {_JPEG})", needs=((15,), _ECM)),
    Bit(69, "colour", feature="(color=Full)", serves=(68,)),
    Bit(71, "12 bits for a component", feature="(color-levels<=68719476736)", serves=(68,)),
    Bit(73, "JPEG without subsampling", feature='(color-subsampling="1:1:1")', serves=(69,)),
    Bit(74, "any illuminant", "an illuminant of its own", "(color-illuminant=D50) falls away", serves=(68,)),
    Bit(75, "any gamut", "a gamut of its own", "the limits of CIELAB fall away", serves=(68,)),
    Bit(76, "letter paper", feature="(paper-size=letter)"),
    Bit(77, "legal paper", feature="(paper-size=legal)"),
    Bit(78, "JBIG coding of bi-level images (T.85)", feature=_T85, needs=(_ECM,)),
    Bit(79, "JBIG stripes of any size", feature="(JBIG-stripe-size>=0)", needs=((78,), _ECM)),
    *(Bit(n, "mixed raster content (T.44)", feature="(MRC-mode<=n)", needs=((15,), _ECM)) for n in MRC_MODE),
    Bit(95, "MRC stripes up to a page", feature="(MRC-max-stripe-size>=0)", serves=MRC_MODE),
    Bit(
        97,
        f"300 and 400 dpi for {_MULTI_LEVEL} too",
        f"300 or 400 dpi for {_MULTI_LEVEL}",
        f"(& {_COLOURED} (dpi=[300,400]) (dpi-xyratio=1))",
        needs=((68,), (42, 43)),
    ),
    Bit(98, f"100x100 dpi for {_MULTI_LEVEL}", feature=_square(100, _COLOURED), needs=((68,),)),
    Bit(105, "600x600 dpi", feature=_bi_level("(dpi=600) (dpi-xyratio=1)"), source=SPANDSP),
    Bit(106, "1200x1200 dpi", feature=_bi_level("(dpi=1200) (dpi-xyratio=1)"), source=SPANDSP),
    Bit(107, "300x600 dpi", feature=_bi_level("(dpi=300) (dpi-xyratio=300/600)"), source=SPANDSP),
    Bit(108, "400x800 dpi", feature=_bi_level("(dpi=400) (dpi-xyratio=400/800)"), source=SPANDSP),
    Bit(109, "600x1200 dpi", feature=_bi_level("(dpi=600) (dpi-xyratio=600/1200)"), source=SPANDSP),
    Bit(
        110,
        f"600x600 dpi for {_MULTI_LEVEL}",
        feature=_square(600, _COLOURED),
        needs=((105,), (68,)),
        source=SPANDSP,
    ),
    Bit(
        111,
        f"1200x1200 dpi for {_MULTI_LEVEL}",
        feature=_square(1200, _COLOURED),
        needs=((106,), (68,)),
        source=SPANDSP,
    ),
)

_OTHER = (
    (1, "Internet fax by mail, simple mode (T.37)"),
    (3, "Internet fax in real time (T.38)"),
    (4, "reached by a mobile network"),
    (6, "V.8 modem negotiation"),
    (7, "prefers error correction frames of 64 octets"),
    (9, "has a document to be polled"),
    (10, "can receive documents"),
    (11, "modem and speed"),
    (12, "modem and speed"),
    (13, "modem and speed"),
    (14, "modem and speed"),
    (21, "least time for a scan line"),
    (22, "least time for a scan line"),
    (23, "least time for a scan line"),
    (26, "uncompressed mode of MR and MMR"),
    (ERROR_CORRECTION, "error correction (ECM)"),
    (28, "error correction frames of 64 octets"),
    (33, "field not valid signal"),
    (34, "several selective polls"),
    (35, "polled sub-address"),
    (38, "voice coding (G.726)"),
    (INCH, "prefers resolutions in inches"),
    (METRIC, "prefers resolutions in millimetres"),
    (46, "half the scan line time at 8x7.7 lines/mm"),
    (47, "selective polling"),
    (49, "sub-address"),
    (50, "password"),
    (51, "has a data file to be polled"),
    (53, "binary file transfer (T.434)"),
    (54, "document transfer mode"),
    (55, "electronic data interchange"),
    (57, "basic transfer mode"),
    (59, "has a character coded document to be polled"),
    (60, "character mode"),
    (62, "mixed mode"),
    (65, "processable mode 26"),
    (66, "digital network"),
    (67, "duplex"),
    (70, "preferred Huffman tables"),
    (81, "key management by HKM"),
    (82, "key management by RSA"),
    (83, "override of encryption"),
    (84, "HFX40 cipher"),
    (85, "second alternative cipher"),
    (86, "third alternative cipher"),
    (87, "HFX40-I hashing"),
    (89, "second alternative hashing"),
    (90, "third alternative hashing"),
    (99, "simple file transfer negotiation"),
    (100, "extended file transfer negotiation"),
    (101, "Internet selective polling address"),
    (102, "Internet routing address"),
    (113, "both sides of a sheet, in turn"),
    (114, "both sides of a sheet, one side first"),
    (115, "bi-level mixed raster content"),
    (116, "run length colour coding (T.45)"),
    (117, "shared memory"),
    (118, "shared memory"),
    (119, "YCC in mixed raster content"),
    (121, "flow control for T.38"),
    (122, "K factors for high resolutions"),
    (123, "Internet aware fax by T.38"),
    (124, "profile of T.88"),
    (125, "profile of T.88"),
    (126, "profile of T.88"),
    (127, "sYCC JPEG"),
)

_COMMANDS = {
    10: "receive documents",
    INCH: "resolution in inches",
    METRIC: "says nothing here",
    50: "sender identification",
}
"""What bits without media say in a DCS, where it is something else."""

BITS: Final[dict[int, Bit]] = {
    bit.number: bit
    for bit in sorted(
        (
            *_MEDIA,
            *(Bit(number, text, _COMMANDS.get(number, ""), source=SPANDSP) for number, text in _OTHER),
        )
    )
}
"""Every bit with a meaning, by its number."""

MEDIA_BITS: Final = frozenset(bit.number for bit in _MEDIA)
"""The bits that say something which a feature set can say too."""

NEEDS_ERROR_CORRECTION: Final = frozenset(bit.number for bit in _MEDIA if _ECM in bit.needs)
"""The bits that need bit 27; in a DCS as in a DIS."""

NOT_DESCRIBED: Final = {
    115: "bi-level mixed raster content",
    116: "T.45 coding",
    119: "YCC",
    127: "sYCC JPEG",
}
"""Bits of media for which the schema has no tag or value."""
