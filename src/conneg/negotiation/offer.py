"""What a message holds and what could be made of it: the planner's view of content it never sees."""

from dataclasses import dataclass
from fractions import Fraction

from conneg.features import FeatureSet, Preference, default_preference


@dataclass(frozen=True, slots=True)
class SmallType:
    """The smallest running type of a page, in points, and the page's sides in inches, as it is read."""

    points: Fraction
    width_inches: Fraction
    height_inches: Fraction


@dataclass(frozen=True, slots=True)
class OfferedPart:
    """One body part that is not a container.

    `features` describes it as it is, one conjunction for each page that differs; `offer` is the set of renditions that
    could be made of it (`FeatureSet.nothing()` when none). `octets` is its size as it stands in the message. `colour`
    (a value of the tag `color`), `dpi` and `lossless` describe the original; `dpi` is None when it has no resolution
    of its own, as text and drawings have none. `protection`: what was done to it, in words behind "is"
    ("S/MIME-signed"); a part that has one is never converted. `small_type`: that of each kind of page, as far as it is
    known.
    """

    id: str
    media_type: str
    label: str
    octets: int
    features: FeatureSet
    offer: FeatureSet
    protection: str | None = None
    colour: str | None = None
    dpi: Fraction | None = None
    lossless: bool = True
    small_type: tuple[SmallType, ...] = ()

    @property
    def protected(self) -> bool:
        """Whether it is signed or encrypted, and therefore never converted."""
        return self.protection is not None

    @property
    def preference(self) -> Preference:
        """The default order among the forms that this part could become."""
        return default_preference(colour=self.colour, dpi=self.dpi, lossless=self.lossless)


@dataclass(frozen=True, slots=True)
class MessageOffer:
    """A whole message: its parts in reading order, and all of them as the pages of one document.

    `document_colour`, `document_dpi` and `document_paper` (a `paper-size` token) describe the originals of those pages;
    None is not known, or any.

    `signed_again`: what was done to the whole message and is done anew to what it becomes, in words behind "is"; None
    where nothing is.

    `alternatives` has one group for each multipart/alternative: the ids of its members in the sender's order, which is
    that of increasing faithfulness (RFC 2046, 5.1.4). A member may be a container; its parts are those whose ids begin
    with its own and a dot.
    """

    parts: tuple[OfferedPart, ...]
    document: FeatureSet
    document_colour: str | None = None
    document_dpi: Fraction | None = None
    document_paper: str | None = None
    alternatives: tuple[tuple[str, ...], ...] = ()
    signed_again: str | None = None

    @property
    def document_preference(self) -> Preference:
        """The default order among the forms of all parts as one document."""
        return default_preference(
            colour=self.document_colour, dpi=self.document_dpi, paper=self.document_paper
        )

    def members(self, member_id: str) -> tuple[OfferedPart, ...]:
        """Return the parts in `member_id`: the part of that id, or those inside the container of that id."""
        inside = f"{member_id}."
        return tuple(part for part in self.parts if part.id == member_id or part.id.startswith(inside))
