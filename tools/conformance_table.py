"""Writes docs/reference/conformance.md: what is read and written, and which programs judge it; nothing is run.

python tools/conformance_table.py
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "conformance.md"

SUBJECTS = {
    "profile S, written": "TIFF-FX, minimal bi-level: MH (RFC 3949, 3)",
    "profile F, written": "TIFF-FX, bi-level: MH, MR, MMR (4)",
    "profile J, written": "TIFF-FX, bi-level: JBIG by T.85 (5)",
    "profile C, written": "TIFF-FX, grey and colour: JPEG in ITULAB (6)",
    "profile L, written": "TIFF-FX, lossless grey and colour: JBIG by T.43 (7)",
    "profile M, written": "TIFF-FX, layers (8)",
    "profiles S and F, read": "as above",
    "profile J, read": "as above, and T.82 of one layer as libtiff writes it",
    "profile C, read": "as above",
    "profile L, read": "as above",
    "profile M, read": "as above",
    "other TIFF, read": "strips, tiles, planes, either byte and bit order, old-style JPEG, every orientation",
    "JBIG, written": "the coding by itself",
    "JBIG, read": "the coding by itself",
    "application/pdf, written": "page images, PDF/A-2b",
    "application/pdf, read": "pages drawn",
    "image/jpeg, written": "one file a page",
    "image/png, written": "one file a page",
    "image/webp, written": "one file a page",
    "images, read": "JPEG, PNG, WebP, GIF, BMP, JPEG 2000, HEIC, AVIF",
    "image/svg+xml, read": "one page",
    "office documents, read": "docx, xlsx, pptx, odt, ods, odp, doc, xls, ppt, rtf",
    "text/plain, written": "from text, HTML and PDF",
}
"""What the marks of tests name, and what that is."""

UNJUDGED = {
    "profile L, written": "not written: T.43 is in no source that can be cited here",
    "profile L, read": "recognised, and refused by name",
    "profile M, read": "no other program at hand reads or writes layers: what is written is read again",
}
"""What no other program judges, and why."""

_HEAD = """# Conformance

What is written is judged by programs that nobody here wrote; what is read is made by them, or seen as they see it.
Each row names the tests, which make the files and start the programs: JBIG-KIT's (`pbmtojbg`, `jbgtopbm` and those of
T.85), libtiff's (`tiffinfo`, `tiffdump`, `tiffcp`, `fax2tiff`), Ghostscript, ImageMagick, HylaFAX, poppler, qpdf,
exiftool, librsvg, LibreOffice. The rules of each profile of TIFF-FX are checked field by field and bit by bit besides
(`conneg.content.conformance`); its tests break them one by one.

No validator of PDF/A is among them: veraPDF, the one there is, is packaged neither by Debian nor on PyPI. The rules
that concern page images are checked one by one by a test, over what qpdf reads.

The table is written by `python tools/conformance_table.py` from the marks in the tests.

| what | that is | judged by | tests |
|---|---|---|---|
"""


def judged() -> dict[str, dict[str, list[str]]]:
    """Return for each subject the programs, and for each of these the tests, in the order of files and lines."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((ROOT / "tests" / "content").glob("test_*.py")):
        name = path.relative_to(ROOT).as_posix()
        for test, subject, program in _marks(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(subject, {}).setdefault(program, []).append(f"{name}::{test}")
    return found


def page() -> str:
    """Return the page as it has to be."""
    known = judged()
    rows = []
    for subject, words in SUBJECTS.items():
        programs = known.get(subject, {})
        tests = dict.fromkeys(test for named in programs.values() for test in named)
        by = ", ".join(programs) or UNJUDGED.get(subject, "-")
        rows.append(f"| {subject} | {words} | {by} | {' '.join(f'`{test}`' for test in tests) or '-'} |\n")
    return _HEAD + "".join(rows)


def problems() -> list[str]:
    """Return what is wrong: subjects that nothing judges, marks that name no subject."""
    known = judged()
    missing = [
        f"{subject}: no program judges it"
        for subject in SUBJECTS
        if subject not in known and subject not in UNJUDGED
    ]
    return missing + [f"{subject}: no such subject" for subject in known if subject not in SUBJECTS]


def _marks(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    for test in tree.body:
        for mark in test.decorator_list if isinstance(test, ast.FunctionDef) else ():
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.judged":
                subject, program = (ast.literal_eval(argument) for argument in mark.args)
                yield test.name, subject, program


if __name__ == "__main__":
    for problem in problems():
        print(problem, file=sys.stderr)
    PAGE.write_text(page(), encoding="utf-8")
