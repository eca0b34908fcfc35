"""PDF: page images, each page as large as its raster at its resolution; black and white in MMR, shades in JPEG.

Written here, page by page, since a page of a document has a resolution of its own and the file must not be held in
memory. The structure is PDF 1.4: a catalogue, a page tree, and for each page an image and the stream that draws it.
"""

import io
from fractions import Fraction
from pathlib import Path

from PIL import Image

from conneg.content.codings import Coding, encode_bits
from conneg.content.halftone import in_grey, to_bits
from conneg.content.page import Raster
from conneg.content.rendition import RenditionFile
from conneg.content.writers import word
from conneg.features import FeatureCollection

_QUALITY = 88


class PdfWriter:
    """One PDF of all pages."""

    def __init__(self, target: FeatureCollection, out_dir: Path, stem: str, page_total: int) -> None:
        self._path = out_dir / f"{stem}.pdf"
        self._file = self._path.open("wb")
        self._bilevel = word(target, "color") == "binary"
        self._grey = word(target, "color") == "grey"
        self._offsets: dict[int, int] = {}
        self._pages: list[int] = []
        self._next = 3  # 1 is the catalogue, 2 the page tree
        self._file.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(self, raster: Raster) -> None:
        """Write one page: its image, its drawing, itself."""
        width, height = raster.width * 72 / raster.dpi_x, raster.height * 72 / raster.dpi_y
        image = self._object(*self._image(raster))
        drawing = b"q %s 0 0 %s 0 0 cm /I Do Q" % (_number(width), _number(height))
        content = self._object(b"<</Length %d>>" % len(drawing), drawing)
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s %s]/Contents %d 0 R/Resources<</XObject<</I %d 0 R>>>>>>"
        self._pages.append(self._object(page % (_number(width), _number(height), content, image)))

    def finish(self) -> list[RenditionFile]:
        """Write the page tree, the catalogue and the table of objects."""
        kids = b" ".join(b"%d 0 R" % page for page in self._pages)
        self._object(b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(self._pages), kids), number=2)
        self._object(b"<</Type/Catalog/Pages 2 0 R>>", number=1)
        table = self._file.tell()
        self._file.write(b"xref\n0 %d\n0000000000 65535 f \n" % self._next)
        for number in range(1, self._next):
            self._file.write(b"%010d 00000 n \n" % self._offsets[number])
        self._file.write(b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (self._next, table))
        self._file.close()
        return [
            RenditionFile(
                self._path,
                "application/pdf",
                self._path.name,
                '(type="application/pdf")',
                pages=len(self._pages),
                octets=self._path.stat().st_size,
            )
        ]

    def _image(self, raster: Raster) -> tuple[bytes, bytes]:
        """Return the dictionary and the octets of a page image."""
        if self._bilevel:
            bits = to_bits(in_grey(raster), float(raster.dpi_x), float(raster.dpi_y))
            octets = encode_bits(bits, raster.width, raster.height, Coding.MMR)
            parameters = b"<</K -1/Columns %d/Rows %d>>" % (raster.width, raster.height)
            kind = b"/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/CCITTFaxDecode/DecodeParms" + parameters
        else:
            picture = Image.fromarray(raster.pixels)
            if self._grey and picture.mode != "L":
                picture = picture.convert("L")
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
            octets = buffer.getvalue()
            space = b"DeviceGray" if picture.mode == "L" else b"DeviceRGB"
            kind = b"/BitsPerComponent 8/ColorSpace/%s/Filter/DCTDecode" % space
        head = b"<</Type/XObject/Subtype/Image/Width %d/Height %d%s/Length %d>>"
        return head % (raster.width, raster.height, kind, len(octets)), octets

    def _object(self, dictionary: bytes, stream: bytes | None = None, *, number: int | None = None) -> int:
        if number is None:
            number, self._next = self._next, self._next + 1
        self._offsets[number] = self._file.tell()
        body = dictionary if stream is None else dictionary + b"stream\n" + stream + b"\nendstream"
        self._file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        return number


def _number(value: Fraction) -> bytes:
    return f"{float(value):.4f}".rstrip("0").rstrip(".").encode()
