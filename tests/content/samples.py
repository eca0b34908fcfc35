"""Documents for the tests of this package, each made here from its parts."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from conneg.content.source import Source

A4_POINTS = (595.276, 841.89)


def source(path: Path, declared_type: str = "application/octet-stream", charset: str | None = None) -> Source:
    return Source(path=path, declared_type=declared_type, name=path.name, charset=charset)


def save(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def pdf(
    pages: list[bytes], size: tuple[float, float] = A4_POINTS, extra: bytes = b"", trailer: bytes = b""
) -> bytes:
    """Return a PDF with these content streams; /F1 is Helvetica. `extra` goes into every page's dictionary."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, content in enumerate(pages):
        box = " ".join(f"{length:f}" for length in size).encode()
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>%s>>"
            % (box, 5 + 2 * number, extra)
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    return numbered(objects, trailer)


TEXT_PAGE = (
    b"BT /F1 12 Tf 14 TL 72 760 Td " + b"(The quick brown fox jumps over the lazy dog) Tj T* " * 40 + b"ET"
)
RED_PAGE = b"1 0 0 rg 100 100 200 200 re f"
GREY_PAGE = b"0.5 g 100 100 200 200 re f"


def encrypted_pdf() -> bytes:
    """Return a PDF that asks for a password: standard security handler, revision 2, keys that nothing opens."""
    key = b"<" + b"41" * 32 + b">"
    encrypt = b"/Encrypt<</Filter/Standard/V 1/R 2/O %s/U %s/P -4>>/ID[<00><00>]" % (key, key)
    return pdf([TEXT_PAGE], trailer=encrypt)


def photo(width: int = 800, height: int = 600) -> Image.Image:
    """Return a smooth picture in colour: red grows to the right, green downwards."""
    across = np.linspace(0, 255, width, dtype=np.uint8)
    down = np.linspace(0, 255, height, dtype=np.uint8)
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = across
    pixels[..., 1] = down[:, None]
    pixels[..., 2] = 64
    return Image.fromarray(pixels)


def fax_page(width: int = 1728, height: int = 1146) -> Image.Image:
    """Return a bi-level page: white with black bars at known places."""
    pixels = np.full((height, width), 255, dtype=np.uint8)
    pixels[100:200, 100:1000] = 0
    pixels[300:301, 50:1700] = 0
    return Image.fromarray(pixels).convert("1", dither=Image.Dither.NONE)


def fax_tiff(path: Path, pages: int = 1, dpi: tuple[int, int] = (204, 98), height: int = 1146) -> Path:
    """Save a facsimile of `pages` pages in MH."""
    page = fax_page(height=height)
    page.save(path, compression="group3", dpi=dpi, save_all=True, append_images=[page] * (pages - 1))
    return path


def png_header_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """Return a PNG of little that claims to be huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 1000)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def form_pdf(value: bytes) -> bytes:
    """Return a page of text with a text field that holds `value` and a square annotation in red at the top left."""
    look = b"/Tx BMC q BT /Helv 12 Tf 0 g 2 6 Td (%s) Tj ET Q EMC" % value
    square = b"1 0 0 rg 0 0 50 50 re f"
    form = b"/Type/XObject/Subtype/Form"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]/DR<</Font<</Helv 5 0 R>>>>/DA(/Helv 12 Tf 0 g)>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Annots[6 0 R 8 0 R]"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(TEXT_PAGE), TEXT_PAGE),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(%s)/F 4/P 3 0 R/Rect[300 40 560 60]/DA(/Helv 12 Tf 0 g)"
        b"/AP<</N 7 0 R>>>>" % value,
        b"<<%s/BBox[0 0 260 20]/Resources<</Font<</Helv 5 0 R>>>>/Length %d>>stream\n%s\nendstream"
        % (form, len(look), look),
        b"<</Type/Annot/Subtype/Square/F 4/P 3 0 R/Rect[0 792 50 842]/AP<</N 9 0 R>>>>",
        b"<<%s/BBox[0 0 50 50]/Length %d>>stream\n%s\nendstream" % (form, len(square), square),
    ]
    return numbered(objects)


def numbered(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF of these objects, the catalogue first."""
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(
        b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    )
    return out.getvalue()
