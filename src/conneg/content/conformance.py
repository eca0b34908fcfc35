"""Is this file what was announced? The file itself is inspected; what its maker said of it counts for nothing.

A TIFF is held against the rules of its profile (`conneg.content.profile_rules`), its pages are decoded, and each page's
features must be among the accepted ones. Any other document is inspected as if it had just arrived.
"""

from pathlib import Path

from conneg.content.errors import ContentRefusedError
from conneg.content.inspection import inspect
from conneg.content.profile_rules import check_tiff
from conneg.content.source import NO_TIFF, ReadLimits, Source
from conneg.features import Conjunction, FeatureSet, explain_mismatch, feature_set

_LIMITS = ReadLimits(pages=2000, pixels=200_000_000)


def verify_file(path: Path, media_type: str, accepted: FeatureSet) -> tuple[str, ...]:
    """Return what is wrong with the file as a `media_type` for a receiver of `accepted`, a line each.

    `accepted` is widened already. Decodes hostile octets: call it in a worker.
    """
    inspection = inspect(Source(path, media_type, path.name), _LIMITS)
    if inspection.problem is not None:
        return (inspection.problem,)
    problems: list[str] = []
    if inspection.media_type != media_type:
        problems.append(f"it is {inspection.media_type}, not {media_type}")
    if inspection.media_type in ("image/tiff", "image/tiff-fx"):
        try:
            problems += check_tiff(path, media_type)
        except (ContentRefusedError, OSError) as error:
            problems.append(str(error))
    features = feature_set(inspection.features)
    if inspection.media_type.startswith("text/"):
        features &= feature_set(NO_TIFF)
    for page in features.conjunctions:
        problem = _mismatch(page, accepted)
        if problem is not None and problem not in problems:
            problems.append(problem)
    return tuple(problems)


def _mismatch(page: Conjunction, accepted: FeatureSet) -> str | None:
    one = FeatureSet((page,))
    return None if not (one & accepted).is_empty else str(explain_mismatch(one, accepted))
