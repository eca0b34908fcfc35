"""What a receiver takes beyond what it says, because who reads the one form reads the other too."""

from conneg.features.conjunction import Work, absorb
from conneg.features.repair import widen_structures
from conneg.features.sets import FeatureSet


def widen(accepted: FeatureSet) -> FeatureSet:
    """Return `accepted` with the image file structures that it implies (RFC 2879, 3.7).

    `TIFF` takes `TIFF-limited` and `TIFF-minimal` too, `TIFF-limited` takes `TIFF-minimal`, `TIFF-MRC` takes
    `TIFF-MRC-limited`. The aliases of RFC 2879 appendix B (`TIFF-S`, ...) and `color-space=LAB` are read as the
    registered values, media types in small letters. For receivers only: a document is what it is.
    """
    # each factor by itself: what a word becomes depends on nothing but the word
    return FeatureSet.of_factors(
        tuple(tuple(absorb(widen_structures(factor), Work())) for factor in accepted.factors)
    )
