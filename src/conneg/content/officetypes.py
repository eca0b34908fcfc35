"""Office documents as rows, and which of them a file is: by what its container holds, never by its name.

Text documents, spreadsheets and presentations of ISO/IEC 29500 (OOXML) and ISO/IEC 26300 (ODF), their forerunners in
OLE2 compound files, and RTF. Nothing is unpacked but the part that names the kind, and of that a bounded beginning.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conneg.bounds import Bound
from conneg.content.errors import ContentRefusedError
from conneg.content.source import Source, read_head, recognise

MAX_MEMBERS = Bound(
    name="content.office-members",
    value=10_000,
    unit="files in a document",
    reason="a presentation of five hundred slides has three thousand",
    answer="ContentRefusedError",
)
MAX_UNPACKED = Bound(
    name="content.office-octets",
    value=512 << 20,
    unit="octets unpacked",
    reason="a few kilobytes unpack to gigabytes if somebody wants them to; real documents hold packed pictures",
    answer="ContentRefusedError",
)


@dataclass(frozen=True, slots=True)
class OfficeFormat:
    """One kind of document: its media type and suffix, and what LibreOffice reads it with.

    That is one of its modules, and an import filter by its name. The mark is what a container holds that has it: the
    content type of an OOXML main part, the mimetype of an ODF package, the name of a stream of an OLE2 file.
    """

    media_type: str
    suffix: str
    module: str
    import_filter: str
    mark: str


_ODF = "application/vnd.oasis.opendocument"
_OOXML = "application/vnd.openxmlformats-officedocument"
_MS = "application/vnd.ms-"

_OOXML_FORMATS = (
    OfficeFormat(
        f"{_OOXML}.wordprocessingml.document",
        "docx",
        "writer",
        "MS Word 2007 XML",
        f"{_OOXML}.wordprocessingml.document.main+xml",
    ),
    OfficeFormat(
        f"{_MS}word.document.macroenabled.12",
        "docm",
        "writer",
        "MS Word 2007 XML",
        f"{_MS}word.document.macroEnabled.main+xml",
    ),
    OfficeFormat(
        f"{_OOXML}.spreadsheetml.sheet",
        "xlsx",
        "calc",
        "Calc MS Excel 2007 XML",
        f"{_OOXML}.spreadsheetml.sheet.main+xml",
    ),
    OfficeFormat(
        f"{_MS}excel.sheet.macroenabled.12",
        "xlsm",
        "calc",
        "Calc MS Excel 2007 XML",
        f"{_MS}excel.sheet.macroEnabled.main+xml",
    ),
    OfficeFormat(
        f"{_OOXML}.presentationml.presentation",
        "pptx",
        "impress",
        "Impress MS PowerPoint 2007 XML",
        f"{_OOXML}.presentationml.presentation.main+xml",
    ),
    OfficeFormat(
        f"{_MS}powerpoint.presentation.macroenabled.12",
        "pptm",
        "impress",
        "Impress MS PowerPoint 2007 XML",
        f"{_MS}powerpoint.presentation.macroEnabled.main+xml",
    ),
)
_ODF_FORMATS = (
    OfficeFormat(f"{_ODF}.text", "odt", "writer", "writer8", f"{_ODF}.text"),
    OfficeFormat(f"{_ODF}.spreadsheet", "ods", "calc", "calc8", f"{_ODF}.spreadsheet"),
    OfficeFormat(f"{_ODF}.presentation", "odp", "impress", "impress8", f"{_ODF}.presentation"),
)
_OLE2_FORMATS = (
    OfficeFormat("application/msword", "doc", "writer", "MS Word 97", "WordDocument"),
    OfficeFormat(f"{_MS}excel", "xls", "calc", "MS Excel 97", "Workbook"),
    OfficeFormat(f"{_MS}powerpoint", "ppt", "impress", "MS PowerPoint 97", "PowerPoint Document"),
)
_RTF = OfficeFormat("application/rtf", "rtf", "writer", "Rich Text Format", "{\\rtf")

OFFICE_FORMATS = {row.media_type: row for row in (*_OOXML_FORMATS, *_ODF_FORMATS, *_OLE2_FORMATS, _RTF)}
"""Every kind of office document that is known, by its media type."""

_ZIP_MAGIC = b"PK\x03\x04"
_OLE2_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NAMING_OCTETS = 1 << 20
"""How much is read of the part that names the kind."""


def recognise_source(source: Source, declared_type: str) -> str:
    """Return the media type that the content shows, of an office document or of anything else (`recognise`).

    Raises ContentRefusedError for an office document that is damaged, encrypted or beyond a bound, and for a file that
    cannot be read. What is too damaged to tell what it is, is an office document if its sender says so.
    """
    head = read_head(source)
    try:
        return _recognise_office(source.path, head) or recognise(head, declared_type)
    except _DamagedError as error:
        if not _is_said_to_be_office(source):
            return recognise(head, declared_type)
        raise ContentRefusedError(f"{source.label}: {error}") from error
    except ContentRefusedError as error:
        raise ContentRefusedError(f"{source.label}: {error}") from error
    except OSError as error:
        raise ContentRefusedError(f"{source.label}: cannot be read ({error.strerror})") from error


class _DamagedError(Exception):
    """A container that cannot be looked into; the text says why."""


def _is_said_to_be_office(source: Source) -> bool:
    suffixes = {row.suffix for row in OFFICE_FORMATS.values()}
    suffix = (source.name or "").rpartition(".")[2].lower()
    return source.declared_type.lower() in OFFICE_FORMATS or suffix in suffixes


def _recognise_office(path: Path, head: bytes) -> str | None:
    if head.startswith(_RTF.mark.encode()):
        return _RTF.media_type
    if head.startswith(_OLE2_MAGIC):
        return _kind_of_ole2(path)
    return _kind_of_zip(path) if head.startswith(_ZIP_MAGIC) else None


def _kind_of_zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as package:
            row = _row_of_package(package)
            if row is not None:
                _check_size(package)
            return None if row is None else row.media_type
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _DamagedError(f"a damaged package of files ({error})") from error


def _row_of_package(package: zipfile.ZipFile) -> OfficeFormat | None:
    """Return the row whose mark the package holds: `mimetype` (ODF), else `[Content_Types].xml` (OPC)."""
    names = set(package.namelist())
    if "mimetype" in names:
        mark = _beginning(package, "mimetype").decode("ascii", "replace").strip()
        found = next((row for row in _ODF_FORMATS if row.mark == mark), None)
        if found is not None and b"encryption-data" in _beginning(package, "META-INF/manifest.xml"):
            raise ContentRefusedError("it asks for a password")
        return found
    if "[Content_Types].xml" in names:
        types = _beginning(package, "[Content_Types].xml")
        return next((row for row in _OOXML_FORMATS if f'"{row.mark}"'.encode() in types), None)
    return None


def _beginning(package: zipfile.ZipFile, name: str) -> bytes:
    try:
        with package.open(name) as member:
            return member.read(_NAMING_OCTETS)
    except KeyError:
        return b""


def _check_size(package: zipfile.ZipFile) -> None:
    """Hold what the package says of itself against the bounds; if it lies, the converter's own limits stop it."""
    members = package.infolist()
    octets = sum(member.file_size for member in members)
    for bound, count in ((MAX_MEMBERS, len(members)), (MAX_UNPACKED, octets)):
        if count > bound.value:
            raise ContentRefusedError(f"{count} {bound.unit}, more than {bound.value} (bound {bound.name})")


def _kind_of_ole2(path: Path) -> str | None:
    names = set(_ole2_names(path))
    if "EncryptedPackage" in names:
        raise ContentRefusedError("it asks for a password")
    if "Book" in names:  # Excel 5.0 and 95
        names.add("Workbook")
    return next((row.media_type for row in _OLE2_FORMATS if row.mark in names), None)


_HEADER_OCTETS = 512
_ENTRY_OCTETS = 128
_MAX_SECTORS = 1000
"""Sectors of the directory that are looked at: the names that tell the kind are among the first."""


def _ole2_names(path: Path) -> Iterator[str]:
    """Yield the names in the directory of a compound file ([MS-CFB] 2.6), in the order of its sectors."""
    with path.open("rb") as file:
        header = file.read(_HEADER_OCTETS)
        if len(header) < _HEADER_OCTETS:
            raise _DamagedError("a damaged compound file (its header is cut off)")
        size = 1 << min(struct.unpack_from("<H", header, 30)[0], 12)
        fat_sectors = struct.unpack_from("<109I", header, 76)
        sector = struct.unpack_from("<I", header, 48)[0]
        for _ in range(_MAX_SECTORS):
            file.seek((sector + 1) * size)
            octets = file.read(size)
            for place in range(0, len(octets) - _ENTRY_OCTETS + 1, _ENTRY_OCTETS):
                length = min(struct.unpack_from("<H", octets, place + 64)[0], 64)
                yield octets[place : place + max(0, length - 2)].decode("utf-16-le", "replace")
            index, offset = divmod(sector * 4, size)
            if len(octets) < size or index >= len(fat_sectors):
                return
            file.seek((fat_sectors[index] + 1) * size + offset)
            following = file.read(4)
            if len(following) < 4:
                return
            sector = struct.unpack("<I", following)[0]
