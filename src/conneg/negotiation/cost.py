"""What a plan costs before anything is made: octets to send, and work to make them, for comparing plans only.

Estimates rest on the samples of `conneg demo`, a page of text and two with a drawing and a photograph, made into every
form at 200 dpi (`python -m benchmarks.strategies --octets`): bits a pixel, the mean of both documents.
"""

from collections.abc import Mapping

from conneg.features import FeatureCollection
from conneg.negotiation.offer import MessageOffer
from conneg.negotiation.plan import AsItIs, ByPart, Convert, Drop, OneDocument, Plan
from conneg.negotiation.staging import CITATION_OCTETS

_BITS_OF_CODINGS = {"mh": 0.14, "mr": 0.11, "mmr": 0.084, "jbig": 0.036, "jpeg": 0.6}
_BITS_OF_TYPES = {
    "image/jpeg": 0.62,
    "image/png": 0.69,
    "image/webp": 0.47,
    "application/pdf": 0.89,
}
_BITS_OTHERWISE = 1.0
_TEXT_OCTETS = 3_000
"""A page of text as text."""

_DPI = 200.0
_PAGE_SQUARE_INCHES = 8.27 * 11.69

_OCTETS_A_PIXEL_MADE = 0.01
"""Making counts as sending so much: a page at 200 dpi takes 5 to 30 ms, in which 10 Mbit/s carry 6 to 37 kB."""


def estimate(plan: Plan, offer: MessageOffer) -> float:
    """Return about how many octets a copy has that `plan` leads to, and the work of making it counted in octets.

    Each converted part counts as one page.
    """
    match plan:
        case OneDocument(target=target):
            return _octets(target)
        case AsItIs():
            return float(sum(part.octets for part in offer.parts)) or 1.0
        case ByPart(actions=actions):
            left_out = [action.part_id for action in actions if isinstance(action, Drop)]
            converted = {action.part_id: action.target for action in actions if isinstance(action, Convert)}
            dropped = {part.id for member in left_out for part in offer.members(member)}
            staged = {action.part_id for action in plan.staged}
            kept = sum(
                CITATION_OCTETS if part.id in staged else part.octets
                for part in offer.parts
                if part.id not in dropped and part.id not in converted
            )
            return kept + sum(_octets(target) for target in converted.values()) or 1.0
        case _:
            return 1.0


def _octets(target: FeatureCollection) -> float:
    """Return the octets of a page in that form, and what making it counts."""
    words = {tag: str(value).strip('"').lower() for tag, value in target.items()}
    if words.get("type", "").startswith("text/"):
        return _TEXT_OCTETS
    pixels = _pixels(words)
    bits = _BITS_OF_CODINGS.get(words.get("image-coding", "")) or _BITS_OF_TYPES.get(
        words.get("type", ""), _BITS_OTHERWISE
    )
    return pixels * (bits / 8 + _OCTETS_A_PIXEL_MADE)


def _pixels(words: Mapping[str, str]) -> float:
    """Return the pixels of a page; a frame in pixels is taken to be filled."""
    if "pix-x" in words and "pix-y" in words:
        return _number(words["pix-x"]) * _number(words["pix-y"])
    across = _number(words.get("dpi", "")) or _DPI
    return across * across / (_number(words.get("dpi-xyratio", "")) or 1) * _PAGE_SQUARE_INCHES


def _number(text: str) -> float:
    """Return a number or fraction; 0 for anything else."""
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return 0.0
