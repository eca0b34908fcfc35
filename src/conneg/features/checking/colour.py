"""Rules about colour: how many levels, which space and gamut, what goes with which `color` (RFC 2879, 3.5, 3.6)."""

from collections.abc import Iterator
from fractions import Fraction

from conneg.features.checking.context import Checked, numbers_of
from conneg.features.checking.oddity import Finding, notes, warns
from conneg.features.domain import Domain
from conneg.features.expression import Comparison, Operator
from conneg.features.registry import spelling
from conneg.features.values import Text, Token

_BINARY, _FULL, _JPEG, _CIELAB = (Token(word) for word in ("Binary", "Full", "JPEG", "CIELAB"))
_COLORS = tuple(Token(word) for word in ("Grey", "Limited", "Mapped", "Full"))
_DEVICES = Domain.of(*(Token(word) for word in ("Device-RGB", "Device-CMY", "Device-CMYK")))
_LEAST_B = Domain.compared(Operator.AT_LEAST, Fraction(-85))
_DEPTHS = ("cielab-l-depth", "cielab-a-depth", "cielab-b-depth")


@warns("RFC 2879 3.6, A.3")
def levels_of_binary(checked: Checked) -> Iterator[Finding]:
    """A number of colours with `color=Binary`, which has two."""
    for leaf, scope in checked.on("color-levels"):
        if scope.excludes("color", *_COLORS):
            yield leaf, "color-levels goes with a color other than Binary, which has 2; leave it out"


@notes("RFC 2879 A.3")
def levels_as_equality(checked: Checked) -> Iterator[Finding]:
    """A receiver that takes exactly one number of colours; a document with fewer will not match."""
    for leaf, _ in checked.on("color-levels"):
        if not checked.is_capability or not isinstance(leaf, Comparison):
            continue
        if leaf.operator is Operator.EQUAL:
            yield leaf, f"a receiver states a limit; write (color-levels<={leaf.value})"


@warns("RFC 2879 A.13; RFC 2880 3.13")
def subsampling_out_of_place(checked: Checked) -> Iterator[Finding]:
    """A chroma subsampling without `color=Full`, or without JPEG; JBIG has none."""
    for leaf, scope in checked.on("color-subsampling"):
        if scope.excludes("color", _FULL) or scope.lacks("color"):
            yield leaf, "color-subsampling goes with (color=Full); put it into that alternative"
        elif scope.excludes("image-coding", _JPEG):
            yield leaf, "color-subsampling goes with (image-coding=JPEG); put it into that alternative"


@warns("RFC 2879 3.6")
def depth_of_other_space(checked: Checked) -> Iterator[Finding]:
    """A CIELAB depth with another colour space: it is significant only with `color-space=CIELAB`."""
    for leaf, scope in checked.on(*_DEPTHS):
        if scope.excludes("color-space", _CIELAB):
            yield leaf, f"{spelling(leaf.tag)} is significant only with (color-space=CIELAB); leave it out"


@notes("RFC 2879 3.6")
def depth_without_space(checked: Checked) -> Iterator[Finding]:
    """A CIELAB depth without any colour space, as the samples of RFC 2879 A.6 have it."""
    for leaf, scope in checked.on(*_DEPTHS):
        if scope.lacks("color-space"):
            yield leaf, f"{spelling(leaf.tag)} is significant only with (color-space=CIELAB); add it"


@notes("RFC 2879 A.5")
def illuminant_of_device(checked: Checked) -> Iterator[Finding]:
    """An illuminant of a device colour space, which has none."""
    for leaf, scope in checked.on("color-illuminant"):
        space = scope.domain("color-space")
        if space is not None and not space.is_empty and space.is_within(_DEVICES):
            yield leaf, "color-illuminant goes with a calibrated color-space such as CIELAB; leave it out"


@warns("RFC 2879 A.7")
def exchanged_gamut(checked: Checked) -> Iterator[Finding]:
    """The default gamut with the ranges of a* and b* exchanged, as the sample of RFC 2879 A.7 has it.

    T.42 has a* from -85 to 85 and b* from -75 to 125.
    """
    for leaf, scope in checked.on("cielab-a-min"):
        other = scope.domain("cielab-b-min")
        if (
            -75 in numbers_of(leaf)
            and other is not None
            and other.is_within(_LEAST_B)
            and other.contains(Fraction(-85))
        ):
            yield leaf, "the ranges of a* and b* are exchanged; T.42 has a* -85 to 85 and b* -75 to 125"


@warns("RFC 2879 3.5")
def only_full(checked: Checked) -> Iterator[Finding]:
    """A fax receiver that lists no `color` but Full: tokens have no order, so it takes neither grey nor bi-level."""
    if not checked.is_capability or not checked.is_fax:
        return
    leaves = list(checked.on("color"))
    domains = [scope.domain("color") for _, scope in leaves]
    if leaves and all(domain is not None and domain.single == _FULL for domain in domains):
        yield leaves[0][0], "this takes neither Grey nor Binary; list what is taken: color=[Binary,Grey,Full]"


@notes("RFC 2879 3.6, A.4")
def only_calibrated(checked: Checked) -> Iterator[Finding]:
    """A colour receiver without a device colour space; it should state one besides CIELAB."""
    if not checked.is_capability:
        return
    leaves = list(checked.on("color-space"))
    spaces = [scope.domain("color-space") for _, scope in leaves]
    colours = [scope.domain("color") for _, scope in leaves]
    is_coloured = any(colour is not None and colour.contains(_FULL) for colour in colours)
    if is_coloured and all(space is not None and space.single == _CIELAB for space in spaces):
        yield leaves[0][0], "a colour receiver states a device space besides CIELAB, such as Device-RGB"


@notes("RFC 2880 3.13")
def only_unsampled(checked: Checked) -> Iterator[Finding]:
    """A receiver that takes only images without subsampling; T.30 has 4:1:1 as the base and 1:1:1 as the extra."""
    leaves = list(checked.on("color-subsampling"))
    domains = [scope.domain("color-subsampling") for _, scope in leaves]
    if (
        checked.is_capability
        and leaves
        and all(one is not None and one.single == Text("1:1:1") for one in domains)
    ):
        yield leaves[0][0], 'fax receivers take 4:1:1 at least; write color-subsampling=["1:1:1","4:1:1"]'


RULES = (
    levels_of_binary,
    levels_as_equality,
    subsampling_out_of_place,
    depth_of_other_space,
    depth_without_space,
    illuminant_of_device,
    exchanged_gamut,
    only_full,
    only_calibrated,
    only_unsampled,
)
