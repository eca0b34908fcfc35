"""Rules about codings and files: constraints that belong to a coding, structures, MRC (RFC 2879, 3.7 and 3.8)."""

from collections.abc import Iterator
from fractions import Fraction

from conneg.features.checking.context import Checked, meaning_of, numbers_of, values_of
from conneg.features.checking.oddity import Finding, notes, warns
from conneg.features.domain import Domain
from conneg.features.expression import Comparison, Operator
from conneg.features.registry import spelling
from conneg.features.values import Token

_BINARY, _JBIG, _JPEG = Token("Binary"), Token("JBIG"), Token("JPEG")
_COLORS = tuple(Token(word) for word in ("Grey", "Limited", "Mapped", "Full"))
_CODING_OF = {Token("JBIG-T85"): _JBIG, Token("JBIG-T43"): _JBIG, Token("JPEG-T4E"): _JPEG}
_EXACTLY_128 = Domain.of(Fraction(128))
_ANY_SIZE = Domain.compared(Operator.AT_LEAST, Fraction(0))
_UP_TO_256 = Domain.compared(Operator.AT_MOST, Fraction(256))
_ANY_FROM_0_TO_256 = _UP_TO_256 & _ANY_SIZE
_READS_TOO = (
    (Token("TIFF"), (Token("TIFF-limited"), Token("TIFF-minimal"))),
    (Token("TIFF-limited"), (Token("TIFF-minimal"),)),
    (Token("TIFF-MRC"), (Token("TIFF-MRC-limited"),)),
)


@warns("RFC 2879 3.7")
def jbig_without_constraint(checked: Checked) -> Iterator[Finding]:
    """JBIG without `image-coding-constraint`: T.85 is bi-level, T.43 multi-level, and few take both."""
    for leaf, scope in checked.on("image-coding"):
        if _JBIG in values_of(leaf) and scope.lacks("image-coding-constraint"):
            wanted = "JBIG-T43" if scope.excludes("color", _BINARY) else "JBIG-T85"
            yield leaf, f"JBIG without its constraint; add (image-coding-constraint={wanted})"


@warns("RFC 2879 3.7, A.11")
def jbig_without_stripe_size(checked: Checked) -> Iterator[Finding]:
    """JBIG without `JBIG-stripe-size`: it matches any, and a fax machine takes 128 unless it says otherwise."""
    for leaf, scope in checked.on("image-coding"):
        if _JBIG in values_of(leaf) and scope.lacks("jbig-stripe-size"):
            yield leaf, "JBIG without its stripe size; add (JBIG-stripe-size=128), or >=0 for no limit"


@warns("RFC 2879 3.7, A.10")
def jpeg_without_constraint(checked: Checked) -> Iterator[Finding]:
    """JPEG in a TIFF file without `image-coding-constraint=JPEG-T4E`, which is what fax uses."""
    for leaf, scope in checked.on("image-coding"):
        if _JPEG in values_of(leaf) and scope.lacks("image-coding-constraint") and checked.is_fax_file:
            yield leaf, "JPEG without its constraint; add (image-coding-constraint=JPEG-T4E)"


@warns("RFC 2879 3.7, A.10")
def constraint_of_other_coding(checked: Checked) -> Iterator[Finding]:
    """A constraint beside a coding, or a kind of colour, that it does not belong to."""
    for leaf, scope in checked.on("image-coding-constraint"):
        for value in dict.fromkeys(values_of(leaf)):
            coding = _CODING_OF.get(value) if isinstance(value, Token) else None
            if coding is None:
                continue
            if scope.excludes("image-coding", coding):
                yield leaf, f"{value} belongs to image-coding={coding}, which cannot be here"
            elif value == Token("JBIG-T85") and scope.excludes("color", _BINARY):
                yield leaf, "JBIG-T85 is bi-level; write JBIG-T43 for this color"
            elif value == Token("JBIG-T43") and scope.excludes("color", *_COLORS):
                yield leaf, "JBIG-T43 is multi-level; write JBIG-T85 for color=Binary"


@warns("RFC 2879 3.7, A.11, A.12")
def jbig_feature_of_other_coding(checked: Checked) -> Iterator[Finding]:
    """`JBIG-stripe-size` or `image-interleave` where the coding cannot be JBIG."""
    for leaf, scope in checked.on("jbig-stripe-size", "image-interleave"):
        if scope.excludes("image-coding", _JBIG):
            yield leaf, f"{spelling(leaf.tag)} belongs to image-coding=JBIG, which cannot be here"


@notes("RFC 2880 3.6")
def jbig_without_jpeg(checked: Checked) -> Iterator[Finding]:
    """A receiver that takes multi-level JBIG and no JPEG; T.30 wants JPEG from whoever takes T.43."""
    if not checked.is_capability:
        return
    for leaf, _ in checked.on("image-coding-constraint"):
        if Token("JBIG-T43") in values_of(leaf):
            if not any(_JPEG in values_of(other) for other, _ in checked.on("image-coding")):
                yield leaf, "multi-level JBIG comes with JPEG in T.30; list JPEG too if it is taken"
            return


@notes("RFC 2879 3.7, 3.8")
def stripe_size_limit(checked: Checked) -> Iterator[Finding]:
    """A receiver's limit on stripes other than the ones that the schema has.

    They are `=128` or `>=0` for JBIG, `<=256` or `>=0` for MRC.
    """
    if not checked.is_capability:
        return
    for leaf, _ in checked.on("jbig-stripe-size"):
        if meaning_of(leaf) not in (_EXACTLY_128, _ANY_SIZE):
            yield leaf, "the schema has (JBIG-stripe-size=128) and (JBIG-stripe-size>=0); write one of them"
    for leaf, _ in checked.on("mrc-max-stripe-size"):
        if meaning_of(leaf) not in (_UP_TO_256, _ANY_FROM_0_TO_256, _ANY_SIZE):
            yield leaf, "the schema has (MRC-max-stripe-size<=256) and (MRC-max-stripe-size>=0); write one"


@notes("RFC 2879 3.7")
def structure_taken_alone(checked: Checked) -> Iterator[Finding]:
    """A receiver that lists a file structure without those that every reader of it can read.

    The matcher does not know that a reader of TIFF reads TIFF-limited and TIFF-minimal.
    """
    if not checked.is_capability:
        return
    leaves = list(checked.on("image-file-structure"))
    listed = {value for leaf, _ in leaves for value in values_of(leaf)}
    for leaf, _ in leaves:
        for wide, narrow in _READS_TOO:
            missing = [value for value in narrow if value not in listed]
            if wide in values_of(leaf) and missing:
                full = ",".join(str(value) for value in (wide, *narrow))
                yield leaf, f"who reads {wide} reads {missing[-1]} too; write image-file-structure=[{full}]"
                return


@notes("RFC 2879 3.7")
def missing_structure(checked: Checked) -> Iterator[Finding]:
    """Fax tags without `image-file-structure`, which every alternative should state."""
    if checked.is_fax and checked.root.lacks("image-file-structure"):
        yield checked.expression, "fax always states image-file-structure; add it, such as TIFF-minimal"


@notes("RFC 2879 3.7")
def missing_coding(checked: Checked) -> Iterator[Finding]:
    """Fax tags without `image-coding`, which every alternative should state."""
    if checked.is_fax and checked.root.lacks("image-coding"):
        yield checked.expression, "fax always states image-coding; add it, such as (image-coding=MH)"


@warns("RFC 2879 3.8; RFC 2880 5.1.3")
def mrc_mode_as_equality(checked: Checked) -> Iterator[Finding]:
    """A receiver that takes one MRC mode only; the number is the highest mode, so it takes the lower ones too."""
    if not checked.is_capability:
        return
    for leaf, _ in checked.on("mrc-mode"):
        if (
            isinstance(leaf, Comparison)
            and leaf.operator is Operator.EQUAL
            and any(0 < mode <= 7 for mode in numbers_of(leaf))
        ):
            yield leaf, f"mode {leaf.value} is the highest one taken; write (MRC-mode<={leaf.value})"


@warns("RFC 2879 3.8")
def mrc_stripes_without_mrc(checked: Checked) -> Iterator[Finding]:
    """A stripe size of MRC where the MRC mode is 0, which means no MRC."""
    for leaf, scope in checked.on("mrc-max-stripe-size"):
        mode = scope.domain("mrc-mode")
        if mode is not None and mode.single == Fraction(0):
            yield leaf, "MRC-max-stripe-size with MRC-mode=0, which is no MRC; leave it out"


RULES = (
    jbig_without_constraint,
    jbig_without_stripe_size,
    jpeg_without_constraint,
    constraint_of_other_coding,
    jbig_feature_of_other_coding,
    jbig_without_jpeg,
    stripe_size_limit,
    structure_taken_alone,
    missing_structure,
    missing_coding,
    mrc_mode_as_equality,
    mrc_stripes_without_mrc,
)
