"""Documents made to exhaust who reads them: small files that claim, or unpack to, very much. All are made here."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

from PIL import Image

from tests.content import samples


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _zeros(count: int) -> bytes:
    """That many zeros, deflated; nothing so large is ever held."""
    deflate = zlib.compressobj(9)
    block = bytes(1 << 20)
    pieces = [deflate.compress(block) for _ in range(count >> 20)]
    return b"".join([*pieces, deflate.compress(bytes(count & ((1 << 20) - 1))), deflate.flush()])


def png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def png_that_unpacks_to_more() -> bytes:
    """A picture of 10 by 10 pixels whose data unpack to 300 MB."""
    return png(10, 10, _zeros(300 << 20))


def png_with_a_comment() -> bytes:
    """A text of 200 MB beside a picture of one pixel."""
    text = b"Comment\0\0" + _zeros(200 << 20)
    return png(1, 1, zlib.compress(bytes(5)), _chunk(b"zTXt", text))


def png_with_a_profile() -> bytes:
    return png(1, 1, zlib.compress(bytes(5)), _chunk(b"iCCP", b"icc\0\0" + _zeros(200 << 20)))


def _tiff(*entries: tuple[int, int, int, int], following: int = 0, data: bytes = b"") -> bytes:
    """One IFD at offset 8; entries are tag, type, count, value."""
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + ifd + struct.pack("<I", following) + data


def tiff_of_pixels(width: int, height: int, compression: int = 8) -> bytes:
    data = _zeros(1 << 24)
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 12 * 9 + 4), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    return _tiff(*entries, data=data)


def tiff_that_is_its_own_next() -> bytes:
    return _tiff((256, 4, 1, 10), (257, 4, 1, 10), following=8)


def tiff_of_many_pages() -> bytes:
    """Ten thousand directories of one pixel each."""
    pages, size = 10_000, 2 + 12 * 8 + 4
    out = [b"II*\0\x08\0\0\0"]
    for number in range(pages):
        offset = 8 + number * size
        following = offset + size if number + 1 < pages else 0
        entries = [
            (256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 8), (278, 4, 1, 1), (279, 4, 1, 1),
        ]  # fmt: skip
        out.append(struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries))
        out.append(struct.pack("<I", following))
    return b"".join(out)


def tiff_of_many_strips() -> bytes:
    """A count of strips that no file has."""
    return _tiff(
        (256, 4, 1, 1000), (257, 4, 1, 1000), (258, 3, 1, 1), (259, 3, 1, 4), (262, 3, 1, 0),
        (273, 4, 0xFFFFFFFF, 8), (278, 4, 1, 1), (279, 4, 0xFFFFFFFF, 8),
    )  # fmt: skip


def gif_of_a_large_canvas() -> bytes:
    frame = BytesIO()
    Image.new("P", (8, 8)).save(frame, "GIF")
    octets = bytearray(frame.getvalue())
    octets[6:10] = struct.pack("<HH", 65535, 65535)
    return bytes(octets)


def jpeg_of_65535_lines() -> bytes:
    out = BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG")
    octets = bytearray(out.getvalue())
    at = octets.index(b"\xff\xc0") + 5
    octets[at : at + 4] = struct.pack(">HH", 65535, 65535)
    return bytes(octets)


def webp_of_16384_lines() -> bytes:
    out = BytesIO()
    Image.new("RGB", (16383, 16383)).save(out, "WEBP", lossless=True, method=0)
    return out.getvalue()


def bmp_of_pixels() -> bytes:
    out = BytesIO()
    Image.new("RGB", (4, 4)).save(out, "BMP")
    octets = bytearray(out.getvalue())
    octets[18:26] = struct.pack("<ii", 60_000, 60_000)
    return bytes(octets)


def _pdf(*objects: bytes) -> bytes:
    return samples.numbered(list(objects))


def pdf_that_unpacks_to_more() -> bytes:
    """A page whose content unpacks to 200 MB of blanks."""
    content = zlib.compress(b"")[:0] + _deflated(b" " * (1 << 20), 200)
    return _page(b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(content), content))


def _deflated(block: bytes, times: int) -> bytes:
    deflate = zlib.compressobj(9)
    return b"".join([*(deflate.compress(block) for _ in range(times)), deflate.flush()])


def _page(content: bytes, resources: bytes = b"", *more: bytes, box: bytes = b"0 0 595 842") -> bytes:
    return _pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources<<%s>>>>" % (box, resources),
        content,
        *more,
    )


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def pdf_of_a_large_page() -> bytes:
    return _page(_stream(b"0 0 m 9 9 l S"), box=b"0 0 20000000 20000000")


def pdf_that_draws_itself() -> bytes:
    """A form that draws itself."""
    form = _stream(b"/F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>")
    return _page(_stream(b"/F Do"), b"/XObject<</F 5 0 R>>", form)


def pdf_of_a_thousand_million_forms() -> bytes:
    """Nine forms, each of which draws the next one ten times."""
    forms = []
    for level in range(9):
        entries = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</F %d 0 R>>>>"
        draws = b"/F Do " * 10 if level < 8 else b"0 0 m 595 842 l S"
        forms.append(_stream(draws, entries % (6 + level)))
    return _page(_stream(b"/F Do"), b"/XObject<</F 5 0 R>>", *forms)


def pdf_of_many_annotations() -> bytes:
    count = 20_000
    annotations = b" ".join(b"%d 0 R" % (5 + number) for number in range(count))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Annots[%s]>>" % annotations
    each = b"<</Type/Annot/Subtype/Square/Rect[0 0 595 842]/C[1 0 0]/F 4>>"
    return _pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
        _stream(b""),
        *[each] * count,
    )


def pdf_whose_pages_are_their_own_parent() -> bytes:
    return _pdf(
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2000000000/Parent 2 0 R>>"
    )


def pdf_with_a_large_picture() -> bytes:
    """A picture of 60,000 by 60,000 pixels in 440 kB."""
    data = _zeros(60_000 * 7_500)
    entries = b"/Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 1/ColorSpace/DeviceGray"
    picture = _stream(data, entries + b"/Filter/FlateDecode")
    return _page(_stream(b"595 0 0 842 0 0 cm /I Do"), b"/XObject<</I 5 0 R>>", picture)


def pdf_of_brackets() -> bytes:
    return _page(_stream(b"[" * 1_000_000))


def svg_of_entities() -> bytes:
    """A thousand million laughs."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE svg [<!ENTITY l0 "ha">{entities}]><svg xmlns="http://www.w3.org/2000/svg"><text>&l9;</text></svg>'.encode()


def svg_of_uses() -> bytes:
    groups = "".join(f'<g id="g{n}">{f"""<use href="#g{n - 1}"/>""" * 10}</g>' for n in range(1, 10))
    return f'<svg xmlns="http://www.w3.org/2000/svg"><g id="g0"><rect width="9" height="9"/></g>{groups}</svg>'.encode()


def html_of_tables() -> bytes:
    return b"<html>" + b"<table><tr><td>" * 20_000


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "png-header": (samples.png_header_bomb, "image/png"),
    "png-data": (png_that_unpacks_to_more, "image/png"),
    "png-text": (png_with_a_comment, "image/png"),
    "png-profile": (png_with_a_profile, "image/png"),
    "tiff-pixels": (lambda: tiff_of_pixels(60_000, 60_000), "image/tiff"),
    "tiff-largest": (lambda: tiff_of_pixels(0xFFFFFFFF, 0xFFFFFFFF), "image/tiff"),
    "tiff-mmr": (lambda: tiff_of_pixels(1728, 3_000_000, 4), "image/tiff"),
    "tiff-loop": (tiff_that_is_its_own_next, "image/tiff"),
    "tiff-pages": (tiff_of_many_pages, "image/tiff"),
    "tiff-strips": (tiff_of_many_strips, "image/tiff"),
    "gif-canvas": (gif_of_a_large_canvas, "image/gif"),
    "jpeg-lines": (jpeg_of_65535_lines, "image/jpeg"),
    "webp-lines": (webp_of_16384_lines, "image/webp"),
    "bmp-pixels": (bmp_of_pixels, "image/bmp"),
    "pdf-content": (pdf_that_unpacks_to_more, "application/pdf"),
    "pdf-page": (pdf_of_a_large_page, "application/pdf"),
    "pdf-itself": (pdf_that_draws_itself, "application/pdf"),
    "pdf-forms": (pdf_of_a_thousand_million_forms, "application/pdf"),
    "pdf-annotations": (pdf_of_many_annotations, "application/pdf"),
    "pdf-parents": (pdf_whose_pages_are_their_own_parent, "application/pdf"),
    "pdf-picture": (pdf_with_a_large_picture, "application/pdf"),
    "pdf-brackets": (pdf_of_brackets, "application/pdf"),
    "svg-entities": (svg_of_entities, "image/svg+xml"),
    "svg-uses": (svg_of_uses, "image/svg+xml"),
    "html-tables": (html_of_tables, "text/html"),
}
"""What is built, and what it says it is."""
