"""Capabilities and forms in a few words, for tables and for the reasons of a plan."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from conneg.features import Conjunction, FeatureCollection, FeatureSet
from conneg.negotiation.capability import Capability
from conneg.negotiation.tags import all_words, largest, number_text, words

_COLOURS = ("binary", "limited", "grey", "mapped", "full")
"""The values of `color`, each able to show more than those before it."""

_COLOUR_WORDS = {
    "binary": "B/W",
    "limited": "few colours",
    "mapped": "palette colour",
    "grey": "grey",
    "full": "colour",
}
_CODINGS = ("MMR", "MR", "MH", "JBIG", "JPEG")
"""In the order in which a bi-level device's best coding is named."""

_TYPE_WORDS = {
    "application/pdf": "PDF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WebP",
    "image/heic": "HEIC",
    "image/heif": "HEIF",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/tiff-fx": "TIFF-FX",
    "text/plain": "text",
    "text/html": "HTML",
}
_TEXT_TYPES = frozenset({"text/plain", "text/html"})
_MANY_IMAGE_TYPES = 5
_MANY_OFFICE_TYPES = 5
_OFFICE_TYPES = ("application/vnd.", "application/msword", "application/rtf")
_LONGEST = 200


def describe_capability(capability: Capability) -> str:
    """Return what `capability` admits in a phrase: `fax, B/W, up to 400 dpi, MMR`; `JPEG or PNG up to 1080 px`."""
    features = capability.features
    if features.is_empty:
        return "nothing"
    if any(not conjunction.domains for conjunction in features.conjunctions):
        return "anything"
    pages = [c for c in features.conjunctions if c.domain("image-file-structure") is not None]
    others = [c for c in features.conjunctions if c.domain("image-file-structure") is None]
    phrases = [_describe_pages(pages)] if pages else []
    phrases += _describe_types(others)
    return _short(", ".join(phrases))


def describe_page_device(capability: Capability) -> str:
    """Say in words and tags why only page images will do: `device takes black and white TIFF pages only (...)`."""
    features = capability.features
    colours = all_words(features, "color")
    structures = all_words(features, "image-file-structure")
    tags = []
    if structures is not None:
        tags.append(f"image-file-structure={_one_or_set(_spell_structure(s) for s in sorted(structures))}")
    if colours is not None:
        ordered = sorted(colours, key=_colour_rank)
        tags.append(f"color={_one_or_set(colour.capitalize() for colour in ordered)}")
    kind = "" if colours is None or _can_show_colour(colours) else "grey "
    if colours == frozenset({"binary"}):
        kind = "black and white "
    return f"device takes {kind}TIFF pages only" + (f" ({_short(', '.join(tags))})" if tags else "")


def describe_form(target: FeatureCollection) -> str:
    """Return one concrete form in a few words: `400x400 dpi, MMR, A4, B/W`; `JPEG, within 1080x3000 px, colour`.

    A size in pixels is the frame that an image has to fit in; its own proportions decide what of that it fills.
    """
    values = _texts(target)
    phrases: list[str] = []
    kind = values.get("type", "")
    is_page = values.get("image-file-structure", "none").startswith("tiff")
    if kind and not is_page:
        phrases.append(_TYPE_WORDS.get(kind, kind))
    if "pix-x" in values:
        width = values["pix-x"]
        phrases.append(f"within {width}x{values['pix-y']} px" if "pix-y" in values else f"{width} px wide")
    dpi, ratio = _number(target, "dpi"), _number(target, "dpi-xyratio") or Fraction(1)
    if dpi is not None:
        phrases.append(_resolution(dpi, ratio) if is_page else f"{number_text(dpi)} dpi")
    coding = values.get("image-coding", "")
    if coding and is_page:
        phrases.append(coding.upper())
    if "paper-size" in values:
        phrases.append(_spell_paper(values["paper-size"]))
    if "color" in values:
        phrases.append(_COLOUR_WORDS.get(values["color"], values["color"]))
    return _short(", ".join(phrases) or str(target))


def describe_loss(
    target: FeatureCollection, colour: str | None, dpi: Fraction | None, original: FeatureSet | None = None
) -> str:
    """Say what the original had and the form `target` has not; nothing when it has all.

    `colour` and `dpi` are the original's; `original` describes it further (size in pixels, type).
    """
    values = _texts(target)
    lost: list[str] = []
    if colour is not None and _colour_rank(values.get("color", colour)) < _colour_rank(colour):
        lost.append("shades of grey" if colour.lower() == "grey" else "colour")
    across = _number(target, "dpi")
    if dpi is not None and across is not None and across < dpi:
        lost.append(f"resolution ({number_text(dpi)} dpi before)")
    width = _number(target, "pix-x")
    before = None if original is None else largest(original.conjunctions, "pix-x")
    if width is not None and before is not None and width < before:
        lost.append(f"size ({number_text(before)} px wide before)")
    return ", ".join(lost)


def _describe_pages(pages: list[Conjunction]) -> str:
    """Describe page images by the richest colour there is, and what comes with that."""
    best = max((_best_colour(page) for page in pages), key=_colour_rank)
    of_best = [page for page in pages if _best_colour(page) == best]
    phrases = ["fax"]
    resolution = _resolutions(of_best)
    if best == "binary":
        phrases += ["B/W", *([resolution] if resolution else [])]
        codings = {coding.upper() for page in of_best for coding in words(page, "image-coding") or ()}
        phrases += [next((coding for coding in _CODINGS if coding in codings), "")] if codings else []
    else:
        phrases.append(
            " ".join([_COLOUR_WORDS.get(best, "any colour"), *([resolution] if resolution else [])])
        )
    return ", ".join(phrase for phrase in phrases if phrase)


def _resolutions(conjunctions: list[Conjunction]) -> str:
    most = largest(conjunctions, "dpi")
    if most is None:
        return ""
    stated = [words(conjunction, "dpi") for conjunction in conjunctions]
    is_only_one = all(values is not None and values == stated[0] and len(values) == 1 for values in stated)
    return f"{number_text(most)} dpi" if is_only_one else f"up to {number_text(most)} dpi"


def _describe_types(conjunctions: list[Conjunction]) -> list[str]:
    """Describe conjunctions that are about types of content, those with equal limits together."""
    by_limit: dict[str, set[str]] = {}
    untyped: list[str] = []
    for conjunction in conjunctions:
        types = words(conjunction, "type")
        limit = _limits(conjunction)
        if types is None:
            untyped.append(f"any type{limit}")
        else:
            by_limit.setdefault(limit, set()).update(types)
    has_pdf = any("application/pdf" in types for types in by_limit.values())
    in_order = sorted(
        by_limit.items(), key=lambda item: (item[1] <= _TEXT_TYPES, _first_rank(item[1]), item[0])
    )
    phrases = [_name_types(types, limit, has_pdf) for limit, types in in_order]
    return [*(phrase for phrase in phrases if phrase), *sorted(set(untyped))]


def _name_types(types: set[str], limit: str, has_pdf: bool) -> str:
    """Name types: many images are `any image`, and text goes without saying for whoever takes PDF."""
    images = sorted((t for t in types if t.startswith("image/")), key=_type_rank)
    named = ["PDF"] if "application/pdf" in types else []
    named += ["any image"] if len(images) >= _MANY_IMAGE_TYPES else [_TYPE_WORDS.get(t, t) for t in images]
    texts = sorted(types & _TEXT_TYPES, key=_type_rank)
    if not (has_pdf and not limit and len(types) > len(texts)):
        named += [_TYPE_WORDS[t] for t in texts]
    others = types - set(images) - _TEXT_TYPES - {"application/pdf"}
    office = {one for one in others if one.startswith(_OFFICE_TYPES)}
    if len(office) >= _MANY_OFFICE_TYPES:
        named.append("office documents")
        others -= office
    named += sorted(others)
    joined = ", ".join(named) if "any image" in named else _or(named)
    return f"{joined}{limit}"


def _limits(conjunction: Conjunction) -> str:
    """Say what a conjunction limits besides the type."""
    phrases = []
    pixels = [limit for tag in ("pix-x", "pix-y") if (limit := largest([conjunction], tag)) is not None]
    if pixels:
        phrases.append(f" up to {number_text(min(pixels))} px")
    colours = words(conjunction, "color")
    if colours:
        phrases.append(f", {_COLOUR_WORDS.get(max(colours, key=_colour_rank), 'any colour')}")
    resolution = _resolutions([conjunction])
    if resolution:
        phrases.append(f", {resolution}")
    return "".join(phrases)


def _best_colour(conjunction: Conjunction) -> str:
    return max(words(conjunction, "color") or ("full",), key=_colour_rank)


def _can_show_colour(colours: Iterable[str]) -> bool:
    return any(colour in ("limited", "mapped", "full") for colour in colours)


def _colour_rank(colour: str) -> int:
    colour = colour.lower()
    return _COLOURS.index(colour) if colour in _COLOURS else len(_COLOURS)


def _type_rank(media_type: str) -> tuple[int, str]:
    names = list(_TYPE_WORDS)
    return (names.index(media_type) if media_type in names else len(names), media_type)


def _first_rank(types: set[str]) -> tuple[int, str]:
    return min(map(_type_rank, types))


def _resolution(dpi: Fraction, ratio: Fraction) -> str:
    return f"{number_text(dpi)}x{number_text(dpi / ratio)} dpi"


def _number(target: FeatureCollection, tag: str) -> Fraction | None:
    value = target.get(tag)
    return value if isinstance(value, Fraction) else None


def _short(phrase: str) -> str:
    """Cut a phrase that a capability of very many words led to."""
    return phrase if len(phrase) <= _LONGEST else f"{phrase[: _LONGEST - 3]}..."


def _texts(target: FeatureCollection) -> Mapping[str, str]:
    return {tag.lower(): str(value).strip('"').lower() for tag, value in target.items()}


def _spell_structure(structure: str) -> str:
    return structure.replace("tiff", "TIFF", 1).replace("mrc", "MRC")


def _spell_paper(paper: str) -> str:
    return paper.upper() if len(paper) == 2 else paper


def _one_or_set(values: Iterable[str]) -> str:
    listed = list(values)
    return listed[0] if len(listed) == 1 else f"[{','.join(listed)}]"


def _or(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
