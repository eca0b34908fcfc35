"""Office documents: made by LibreOffice from plain sources, or by hand where no program would make them so."""

import io
import struct
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from conneg.content.office import remove_socket
from tests.system import require

WORDS = "Heron, otter and kingfisher"
LETTER = f"<html><body><h1>{WORDS}</h1><p>were seen at the weir.</p></body></html>"
SHEET = f'"{WORDS}",3\nat the weir,4\n'
SLIDES = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
 xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" office:version="1.2"
 office:mimetype="application/vnd.oasis.opendocument.presentation"><office:body><office:presentation>
<draw:page draw:name="one"><draw:frame svg:width="24cm" svg:height="3cm" svg:x="2cm" svg:y="2cm">
<draw:text-box><text:p>{WORDS}</text:p></draw:text-box></draw:frame></draw:page>
<draw:page draw:name="two"><draw:frame svg:width="24cm" svg:height="3cm" svg:x="2cm" svg:y="2cm">
<draw:text-box><text:p>were seen at the weir.</text:p></draw:text-box></draw:frame></draw:page>
</office:presentation></office:body></office:document>
"""

MADE = {
    "docx": ("letter.html", "docx:MS Word 2007 XML"),
    "odt": ("letter.html", "odt:writer8"),
    "doc": ("letter.html", "doc:MS Word 97"),
    "rtf": ("letter.html", "rtf:Rich Text Format"),
    "xlsx": ("sheet.csv", "xlsx:Calc MS Excel 2007 XML"),
    "ods": ("sheet.csv", "ods:calc8"),
    "xls": ("sheet.csv", "xls:MS Excel 97"),
    "pptx": ("slides.fodp", "pptx:Impress MS PowerPoint 2007 XML"),
    "odp": ("slides.fodp", "odp:impress8"),
    "ppt": ("slides.fodp", "ppt:MS PowerPoint 97"),
}
"""Suffix -> the source that LibreOffice makes such a document of, and its name for that."""


def soffice(folder: Path, *arguments: str | Path) -> None:
    """Run LibreOffice as anybody would, with a profile of its own in `folder`."""
    subprocess.run(_command(folder, *arguments), cwd=folder, capture_output=True, check=True, timeout=120)


def open_with_macros(folder: Path, document: Path) -> None:
    """Open a document as somebody would who trusts all macros; one of these has to end LibreOffice."""
    user = folder / "profile" / "user"
    user.mkdir(parents=True)
    setting = '<prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>0</value></prop>'
    (user / "registrymodifications.xcu").write_text(
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<item oor:path="/org.openoffice.Office.Common/Security/Scripting">{setting}</item></oor:items>'
    )
    try:
        subprocess.run(_command(folder, document), cwd=folder, capture_output=True, check=False, timeout=120)
    finally:
        remove_socket(folder / "profile")  # ended by a macro it does not tidy up


def _command(folder: Path, *arguments: str | Path) -> list[str]:
    program = require("soffice", "libreoffice-writer-nogui")
    profile = (folder / "profile").as_uri()
    return [program, f"-env:UserInstallation={profile}", "--headless", *map(str, arguments)]


def made_by_libreoffice(folder: Path, suffix: str) -> Path:
    """Return a document of that kind, with `WORDS` in it."""
    source, name = MADE[suffix]
    for other, text in (("letter.html", LETTER), ("sheet.csv", SHEET), ("slides.fodp", SLIDES)):
        (folder / other).write_text(text)
    options = ("--infilter=HTML (StarWriter)",) if source == "letter.html" else ()
    soffice(folder, *options, "--convert-to", name, source)
    return folder / f"{Path(source).stem}.{suffix}"


_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_TYPES = (
    f'<?xml version="1.0"?><Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)


def docx(
    body: str, links: Mapping[str, tuple[str, str]] | None = None, document: bytes | None = None
) -> bytes:
    """Return a document of this `body`; `links`: an id -> the kind and the place of something outside of it.

    `document`: the octets of the main part, if they are not to be made of `body`.
    """
    relations = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/relationships/{kind}" Target="{place}" TargetMode="External"/>'
        for name, (kind, place) in (links or {}).items()
    )
    main = (
        f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/officeDocument" Target="word/document.xml"/>'
    )
    text = f'<?xml version="1.0"?><w:document xmlns:w="{_W}" xmlns:r="{_OFFICE}/relationships"><w:body>{body}'
    return package(
        {
            "[Content_Types].xml": _TYPES.encode(),
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{main}</Relationships>'.encode(),
            "word/_rels/document.xml.rels": (
                f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>'.encode()
            ),
            "word/document.xml": document or f"{text}</w:body></w:document>".encode(),
        }
    )


def docx_of_spaces(octets: int) -> bytes:
    """Return a document whose main part is that many octets of white space, in a thousandth of that size."""
    return docx("", document=b" " * octets)


def paragraph(text: str) -> str:
    """Return a paragraph of WordprocessingML."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def red_paragraph(text: str) -> str:
    """Return a paragraph in red."""
    return f'<w:p><w:r><w:rPr><w:color w:val="FF0000"/></w:rPr><w:t>{text}</w:t></w:r></w:p>'


def linked_picture(link: str) -> str:
    """Return a paragraph with a picture that is not in the document."""
    drawing = "http://schemas.openxmlformats.org/drawingml/2006"
    return (
        f'<w:p><w:r><w:drawing><wp:inline xmlns:wp="{drawing}/wordprocessingDrawing">'
        '<wp:extent cx="900000" cy="900000"/>'
        f'<wp:docPr id="1" name="p"/><a:graphic xmlns:a="{drawing}/main"><a:graphicData uri="{drawing}/picture">'
        f'<pic:pic xmlns:pic="{drawing}/picture">'
        '<pic:nvPicPr><pic:cNvPr id="1" name="p"/><pic:cNvPicPr/></pic:nvPicPr>'
        f'<pic:blipFill><a:blip r:link="{link}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm>'
        '<a:off x="0" y="0"/><a:ext cx="900000" cy="900000"/></a:xfrm><a:prstGeom prst="rect"/></pic:spPr></pic:pic>'
        "</a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )


def included_text(path: Path) -> str:
    """Return a field that shows the text of another file (INCLUDETEXT)."""
    code = f' INCLUDETEXT "{path.as_uri()}" '
    return (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        f'<w:r><w:instrText xml:space="preserve">{code}</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>not there</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>'
    )


def package(members: Mapping[str, bytes]) -> bytes:
    """Return a ZIP file of these members, the first of them stored as it is."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as made:
        for number, (name, content) in enumerate(members.items()):
            made.writestr(name, content, zipfile.ZIP_STORED if number == 0 else zipfile.ZIP_DEFLATED)
    return octets.getvalue()


_NS = "urn:oasis:names:tc:opendocument:xmlns"


def odt(
    body: str, *, scripts: str = "", more: Mapping[str, bytes] | None = None, manifest: str = ""
) -> bytes:
    """Return a text document of this `body`; `scripts` and `manifest` are elements, `more` are further members."""
    entries = "".join(
        f'<manifest:file-entry manifest:full-path="{name}" manifest:media-type="text/xml"/>'
        for name in ("content.xml", *(more or {}))
    )
    return package(
        {
            "mimetype": b"application/vnd.oasis.opendocument.text",
            "content.xml": (
                f'<office:document-content xmlns:office="{_NS}:office:1.0" xmlns:text="{_NS}:text:1.0"'
                f' xmlns:dom="http://www.w3.org/2001/xml-events" xmlns:ooo="http://openoffice.org/2004/office"'
                f' xmlns:script="{_NS}:script:1.0" xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2">'
                f"{scripts}<office:body><office:text>{body}</office:text></office:body></office:document-content>"
            ).encode(),
            **(more or {}),
            "META-INF/manifest.xml": (
                f'<manifest:manifest xmlns:manifest="{_NS}:manifest:1.0" manifest:version="1.2"><manifest:file-entry'
                ' manifest:full-path="/" manifest:version="1.2" manifest:media-type='
                f'"application/vnd.oasis.opendocument.text"/>{entries}{manifest}</manifest:manifest>'
            ).encode(),
        }
    )


def odt_with_a_macro(written: Path) -> bytes:
    """Return a text document whose macro, when it is opened, writes the file `written` and ends LibreOffice."""
    code = f'Sub Main\nOpen "{written}" For Output As #1\nPrint #1, "ran"\nClose #1\nStarDesktop.terminate()\nEnd Sub'
    library = '<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard"'
    return odt(
        f"<text:p>{WORDS}</text:p>",
        scripts=(
            '<office:scripts><office:event-listeners><script:event-listener script:language="ooo:script"'
            ' script:event-name="dom:load" xlink:type="simple"'
            ' xlink:href="vnd.sun.star.script:Standard.Module1.Main?language=Basic&amp;location=document"/>'
            "</office:event-listeners></office:scripts>"
        ),
        more={
            "Basic/Standard/Module1.xml": (
                '<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1"'
                f' script:language="StarBasic">{code.replace("&", "&amp;")}</script:module>'
            ).encode(),
            "Basic/Standard/script-lb.xml": (
                f'{library} library:readonly="false" library:passwordprotected="false">'
                '<library:element library:name="Module1"/></library:library>'
            ).encode(),
            "Basic/script-lc.xml": (
                b'<library:libraries xmlns:library="http://openoffice.org/2000/library">'
                b'<library:library library:name="Standard" library:link="false"/></library:libraries>'
            ),
        },
    )


def compound_file(*names: str) -> bytes:
    """Return a compound file (OLE2) whose directory has these names, and nothing in it."""
    fat = struct.pack("<2I", 0xFFFFFFFD, 0xFFFFFFFE).ljust(512, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0")
    header += struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6).ljust(20, b"\0")
    header += struct.pack("<8I", 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<I", 0).ljust(436, b"\xff")
    entries = b""
    for kind, name in ((5, "Root Entry"), *((2, name) for name in names)):
        text = name.encode("utf-16-le") + b"\0\0"
        entries += text.ljust(64, b"\0") + struct.pack("<HB", len(text), kind).ljust(64, b"\0")
    return header + fat + entries.ljust(512, b"\0")
