"""A PDF of plain pages of text, written by hand: fifty pages that any renderer must set from scratch."""

import random
import textwrap
from collections.abc import Sequence
from pathlib import Path

WORDS = (Path(__file__).parent.parent / "src/conneg/demo/samples/letter.txt").read_text("utf-8").split()


def write_text_pdf(path: Path, pages: int, *, shared_fonts: bool = False) -> None:
    """Write `pages` A4 pages, each about 2,600 characters of 11 pt Times, a heading and a page number.

    With `shared_fonts` all pages have the same font objects, else each page describes its own.
    """
    words = random.Random(4141)
    contents = [_page(words, number) for number in range(1, pages + 1)]
    write_pdf(path, contents, (b"Times-Roman", b"Helvetica-Bold"), shared_fonts=shared_fonts)


def write_pdf(
    path: Path, contents: Sequence[bytes], fonts: Sequence[bytes], *, shared_fonts: bool = False
) -> None:
    """Write A4 pages with these content streams; /F1, /F2 ... in them are the standard fonts of these names."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    described = [b"<< /Type /Font /Subtype /Type1 /BaseFont /%s >>" % font for font in fonts]
    if shared_fonts:
        objects += described
        described = [b"%d 0 R" % (3 + number) for number in range(len(fonts))]
    names = b" ".join(b"/F%d %s" % (number, font) for number, font in enumerate(described, start=1))
    kids = []
    for content in contents:
        kids.append(b"%d 0 R" % (len(objects) + 1))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /Font << %s >> >> /Contents %d 0 R >>" % (names, len(objects) + 2)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(contents), b" ".join(kids))
    path.write_bytes(_file(objects))


def _page(words: random.Random, number: int) -> bytes:
    text = " ".join(words.choice(WORDS) for _ in range(480)).encode("ascii", "ignore").decode()
    lines = textwrap.wrap(text, 92)[:44]
    shown = "\n".join(f"({_escape(line)}) Tj T*" for line in lines)
    heading = f"BT /F2 14 Tf 60 780 Td (Section {number}) Tj ET\n"
    foot = f"BT /F2 8 Tf 290 40 Td ({number}) Tj ET"
    return f"{heading}BT /F1 11 Tf 15 TL 60 750 Td\n{shown}\nET\n{foot}".encode("ascii")


def _escape(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _file(objects: list[bytes]) -> bytes:
    """Number the objects, write the cross-reference table and the trailer (ISO 32000-1 7.5)."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
