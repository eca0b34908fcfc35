"""The TIFF-FX profiles as expressions (RFC 2879 appendix B), with the registered structures and nominal scan lines.

RFC 2879 writes structures of RFC 2531 (`TIFF-S`) and scan lines as pixels by resolution (1728/204), by which profile
S would not match its own simple mode receiver (2150/254). Here a scan line is what T.4 calls it: 215, 255 or 303 mm.
"""

from functools import cache
from typing import NamedTuple

from conneg.features.sets import FeatureSet, feature_set


class Profile(NamedTuple):
    """One profile: its name, and the expression that a reader of it accepts."""

    name: str
    text: str

    @property
    def features(self) -> FeatureSet:
        """The set that `text` means, worked out once."""
        return _features(self.text)


@cache
def _features(text: str) -> FeatureSet:
    return feature_set(text)


_LINES = "(size-x=[2150/254,2550/254,3030/254])"
_PAPERS = "(paper-size=[A4,B4,A3,letter,legal])"
_LIMITED = "(image-file-structure=TIFF-limited)"
_SQUARE = "(dpi=[100,200,300,400]) (dpi-xyratio=1)"
_BASE_FINE = "(dpi=204) (dpi-xyratio=[204/98,204/196]) (size-x=2150/254) (paper-size=A4)"
_BASE_COLOUR = "(dpi=200) (dpi-xyratio=1) (size-x=2150/254) (paper-size=A4)"
_FULL_FINE = f"""(| (& (dpi=200) (dpi-xyratio=[200/100,200/200]) {_LINES})
 (& (dpi=204) (dpi-xyratio=[204/98,204/196,204/391]) {_LINES})
 (& (dpi=300) (dpi-xyratio=1) {_LINES}) (& (dpi=400) (dpi-xyratio=1) {_LINES})
 (& (dpi=408) (dpi-xyratio=408/391) {_LINES})) {_PAPERS}"""
_JPEG = "(image-coding=JPEG) (image-coding-constraint=JPEG-T4E)"
_JBIG = "(image-coding=JBIG) (image-coding-constraint=JBIG-T85)"
_T43 = "(image-coding=JBIG) (image-coding-constraint=JBIG-T43)"
_GREY_LAB = """(color=Grey) (color-levels<=256) (MRC-mode=0) (color-space=CIELAB) (CIELAB-L-min>=0)
 (CIELAB-L-max<=100) (color-illuminant=D50)"""
_GREY_DEPTH = "(color=Grey) (color-levels<=4096) (CIELAB-L-depth<=4096)"
_LAB_DEPTHS = "(CIELAB-L-depth<=4096) (CIELAB-a-depth<=4096) (CIELAB-b-depth<=4096)"
_FULL_DEPTH = f"(color=Full) (color-levels<=68719476736) {_LAB_DEPTHS}"


def _profile(name: str, text: str) -> Profile:
    return Profile(name, " ".join(text.split()))


PROFILE_S = _profile(
    "S",
    """(& (image-file-structure=TIFF-minimal) (color=Binary) (image-coding=MH) (MRC-mode=0)
 (| (& (dpi=200) (dpi-xyratio=[200/100,200/200])) (& (dpi=204) (dpi-xyratio=[204/98,204/196])))
 (size-x=2150/254) (paper-size=A4))""",
)
PROFILE_F = _profile("F", f"(& {_LIMITED} (color=Binary) (image-coding=MH) (MRC-mode=0) {_BASE_FINE})")
PROFILE_F_FULL = _profile(
    "F full", f"(& {_LIMITED} (color=Binary) (image-coding=[MH,MR,MMR]) (MRC-mode=0) {_FULL_FINE})"
)
PROFILE_J = _profile(
    "J", f"(& {_LIMITED} (color=Binary) {_JBIG} (JBIG-stripe-size=128) (MRC-mode=0) {_BASE_FINE})"
)
PROFILE_J_FULL = _profile(
    "J full", f"(& {_LIMITED} (color=Binary) {_JBIG} (JBIG-stripe-size>=0) (MRC-mode=0) {_FULL_FINE})"
)
PROFILE_C = _profile("C", f"(& {_LIMITED} {_GREY_LAB} {_JPEG} (CIELAB-L-depth<=101) {_BASE_COLOUR})")
PROFILE_C_FULL = _profile(
    "C full",
    f"""(& {_LIMITED} {_JPEG} (color-space=CIELAB)
 (| (& {_GREY_DEPTH}) (& {_FULL_DEPTH} (color-subsampling=["4:1:1","1:1:1"])))
 (MRC-mode=0) {_SQUARE} {_LINES} {_PAPERS})""",
)
PROFILE_L = _profile(
    "L",
    f"""(& {_LIMITED} {_GREY_LAB} {_T43} (JBIG-stripe-size=128) (image-interleave=stripe)
 (CIELAB-L-depth=101) {_BASE_COLOUR})""",
)
PROFILE_L_FULL = _profile(
    "L full",
    f"""(& {_LIMITED} {_T43} (JBIG-stripe-size>=0) (image-interleave=[stripe,plane])
 (| (& (color=Limited) (| (& (color-space=[Device-RGB,Device-CMY]) (color-levels<=8))
 (& (color-space=Device-CMYK) (color-levels<=16))))
 (& (color=Mapped) (color-levels<=65536) (color-space=CIELAB) {_LAB_DEPTHS})
 (& (color-space=CIELAB) {_GREY_DEPTH}) (& (color-space=CIELAB) {_FULL_DEPTH}))
 (MRC-mode=0) {_SQUARE} {_LINES} {_PAPERS})""",
)
PROFILE_M = _profile("M", "(& (image-file-structure=TIFF-MRC) (MRC-mode>=1) (MRC-max-stripe-size<=256))")
PROFILE_M_FULL = _profile("M full", "(& (image-file-structure=TIFF-MRC) (MRC-mode>=1))")

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        PROFILE_S,
        PROFILE_F,
        PROFILE_F_FULL,
        PROFILE_J,
        PROFILE_J_FULL,
        PROFILE_C,
        PROFILE_C_FULL,
        PROFILE_L,
        PROFILE_L_FULL,
        PROFILE_M,
        PROFILE_M_FULL,
    )
}
"""All profiles by name."""
