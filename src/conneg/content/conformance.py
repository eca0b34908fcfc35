"""Is a file what it should be, and does a receiver take it? Looks at the file itself, never at what was claimed.

For TIFF every rule of profiles S, F, J, C and M (RFC 3949) is checked: structure, order, fields, strips to the bit.
For other types: whether the file is of its type and whole. Then the features that the file really has are held against
what is accepted. Decodes octets: run it in a worker.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from conneg.content import jbig
from conneg.content.codings import Coding, StripForm, reversed_bits
from conneg.content.errors import ContentRefusedError
from conneg.content.image_features import ImageProblemError, features_of_image
from conneg.content.jpegdata import jpeg_problems
from conneg.content.placement import MAX_FRAME_PIXELS
from conneg.content.source import HEAD_OCTETS, NO_TIFF, UNKNOWN_TYPE, recognise
from conneg.content.strips import check_strip
from conneg.content.tiff import Directory, Structure, Tag, TiffStructureError, read_structure
from conneg.content.tiff.layer_rules import check_layers, is_layered, rows_of
from conneg.content.tiff.layout import LIMITED, MINIMAL, Layout, layout_of, overlaps, strips_of
from conneg.content.tiff.rules import JBIG, JPEG, check_fields
from conneg.content.tiff_features import page_collections, page_features
from conneg.errors import BoundExceededError, ConnegError
from conneg.features import FeatureCollection, FeatureSet, explain_mismatch, feature_set, widen

__all__ = ["verify_file"]

_TIFF = ("image/tiff", "image/tiff-fx")
_IMAGES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}


def verify_file(path: Path, media_type: str, accepted: FeatureSet) -> tuple[str, ...]:
    """Return what is wrong with the file as a `media_type` for a receiver of `accepted`, one line each.

    Empty when it conforms. `accepted` is widened here (fax-schema section 2). Raises OSError when the file cannot be
    read.
    """
    accepted = widen(accepted)
    with path.open("rb") as file:
        recognised = recognise(file.read(HEAD_OCTETS), media_type)
    fitting = {media_type}
    if media_type in _TIFF:
        fitting |= {"image/tiff", UNKNOWN_TYPE}  # what has not even TIFF's first octets is told so in detail
    if media_type.startswith("text/") and recognised.startswith("text/"):
        fitting.add(recognised)
    if recognised not in fitting:
        return (f"the file is {recognised}, not {media_type}",)
    if media_type in _TIFF:
        return tuple(_tiff_problems(path, media_type, accepted))
    if media_type in _IMAGES:
        return tuple(_image_problems(path, media_type, accepted))
    return tuple(_other_problems(path, media_type, accepted))


def _tiff_problems(path: Path, media_type: str, accepted: FeatureSet) -> Iterator[str]:
    try:
        structure = read_structure(path)
        layout = layout_of(structure)
        yield from overlaps(structure)
        with path.open("rb") as file:
            sound = True
            for number, page in enumerate(structure.directories, start=1):
                for problem in _page_problems(file, structure, page, number):
                    sound = False
                    yield f"page {number}: {problem}"
        codings = {page.number(Tag.COMPRESSION, 1) for page in structure.directories}
        if JPEG in codings and media_type == "image/tiff":
            yield "pages in colour or grey are image/tiff-fx, not image/tiff (RFC 3950, 3)"
        if any(map(is_layered, structure.directories)) and media_type == "image/tiff":
            yield "pages of layers are image/tiff-fx, not image/tiff (RFC 3950, 3)"
        if JBIG in codings and media_type == "image/tiff":
            yield "pages in JBIG are image/tiff-fx, not image/tiff (RFC 3950, 3)"
        if sound:
            yield from _not_accepted(path, media_type, layout, accepted)
    except (TiffStructureError, BoundExceededError, ContentRefusedError) as error:
        yield str(error)


def _page_problems(file: BinaryIO, structure: Structure, page: Directory, number: int) -> Iterator[str]:
    """Check the fields, then, if they can be trusted, the strips."""
    check = check_layers if is_layered(page) else check_fields
    problems = check(page, number, len(structure.directories), structure.octets)
    yield from problems
    if problems:
        return
    for layer in (page, *page.children) if is_layered(page) else (page,):
        if any(layer.values(Tag.STRIP_BYTE_COUNTS)):
            yield from _strip_problems(file, layer)


def _strip_problems(file: BinaryIO, page: Directory) -> Iterator[str]:
    """Check what the strips of a page or of a layer hold, as far as they hold anything."""
    width, length = page.number(Tag.IMAGE_WIDTH, 0), page.number(Tag.IMAGE_LENGTH, 0)
    if width * length > MAX_FRAME_PIXELS.value:
        yield f"{width} by {length} pixels, more than {MAX_FRAME_PIXELS.value}"
        return
    for height, (offset, count) in zip(rows_of(page), strips_of(page), strict=True):
        if not count:
            continue
        file.seek(offset)
        strip = file.read(count)
        if page.number(Tag.COMPRESSION, 0) == JPEG:
            yield from _jpeg_strip(strip, page, width, height)
        elif page.number(Tag.COMPRESSION, 0) == JBIG:
            yield from _jbig_strip(_first_bit_first(strip, page), width, height)
        else:
            yield from check_strip(_first_bit_first(strip, page), _form(page, width, height))


def _first_bit_first(strip: bytes, page: Directory) -> bytes:
    return reversed_bits(strip) if page.number(Tag.FILL_ORDER, 1) == 2 else strip


def _form(page: Directory, width: int, height: int) -> StripForm:
    options = page.number(Tag.T4_OPTIONS, 0)
    coding = Coding.MR if options & 1 else Coding.MH
    if page.number(Tag.COMPRESSION, 0) == 4:
        coding, options = Coding.MMR, 0
    dpi_y = float(page.values(Tag.Y_RESOLUTION)[0])
    if page.number(Tag.RESOLUTION_UNIT, 2) == 3:
        dpi_y *= 2.54
    return StripForm(width, height, coding, bool(options & 4), dpi_y)


def _jpeg_strip(strip: bytes, page: Directory, width: int, height: int) -> tuple[str, ...]:
    samples = page.number(Tag.SAMPLES_PER_PIXEL, 1)
    across, down = (int(value) for value in page.values(Tag.CHROMA_SUBSAMPLING) or (2, 2))
    return jpeg_problems(strip, (width, height), samples, (across, down) if samples == 3 else (1, 1))


def _jbig_strip(bie: bytes, width: int, height: int) -> Iterator[str]:
    """The data is that of T.85, has the page's size, and nothing after it."""
    problems = jbig.t85_problems(bie)
    yield from problems
    if problems:
        return
    try:
        page = jbig.decode(bie, width, height)
    except jbig.JbigError as error:
        yield str(error)
        return
    if page.height != height:
        yield f"the JBIG data has {page.height} lines, the fields say {height}"
    if page.octets < len(bie):
        yield f"there are {len(bie) - page.octets} octets after the JBIG data"


def _not_accepted(path: Path, media_type: str, layout: Layout, accepted: FeatureSet) -> Iterator[str]:
    """Hold each kind of page against what is accepted."""
    pages = page_collections(path, media_type)
    kinds: dict[tuple[FeatureCollection, tuple[str, ...]], int] = {}
    for number, point, papers in pages:
        kinds.setdefault((point, papers), number)
    for kind, number in kinds.items():
        features = page_features(*kind)
        if not (features & accepted).is_empty:
            continue
        yield f"page {number}: {explain_mismatch(features, accepted)}"
        yield from _why_not_narrower(layout, accepted)


def _why_not_narrower(layout: Layout, accepted: FeatureSet) -> tuple[str, ...]:
    """Say what keeps the file from the structure that alone is accepted."""

    def takes(token: str) -> bool:
        return not (accepted & feature_set(f"(image-file-structure={token})")).is_empty

    if takes(layout.token):
        return ()
    if layout.token != MINIMAL and takes(MINIMAL) and not takes(LIMITED):
        return layout.not_minimal
    return layout.not_limited if takes(LIMITED) else ()


def _image_problems(path: Path, media_type: str, accepted: FeatureSet) -> Iterator[str]:
    try:
        candidates = features_of_image(path, media_type, _IMAGES[media_type])
    except ImageProblemError as error:
        yield str(error)
        return
    if all((features & accepted).is_empty for features in candidates):
        yield str(explain_mismatch(candidates[0], accepted))


def _other_problems(path: Path, media_type: str, accepted: FeatureSet) -> Iterator[str]:
    """PDF must open and have pages; text must be what its type says; anything else is only held against its type."""
    extra = ""
    if media_type == "application/pdf":
        extra = NO_TIFF
        yield from _pdf_problems(path)
    elif media_type == "text/plain":
        octets = path.read_bytes()
        extra = f"{NO_TIFF} (charset={'[us-ascii,utf-8]' if octets.isascii() else 'utf-8'})"
        try:
            octets.decode("utf-8")
        except UnicodeDecodeError as error:
            yield f"the text is not UTF-8 (octet {error.start})"
    features = feature_set(f'(& (type="{media_type}") {extra})')
    if (features & accepted).is_empty:
        yield str(explain_mismatch(features, accepted))


def _pdf_problems(path: Path) -> Iterator[str]:
    from conneg.content.readers.pdf import PdfReader
    from conneg.content.source import ReadLimits, Source

    try:
        with PdfReader(Source(path, "application/pdf", path.name), ReadLimits()) as document:
            if not document.pages:
                yield "the PDF has no page"
    except ConnegError as error:
        yield str(error)


Image.MAX_IMAGE_PIXELS = None  # our own budget is checked before any decoding
