"""Octets to text by the charset that their sender names, or by what they are. Nothing is raised.

Every charset that Python knows by a name of the IANA registry can be read. A codec of Python that is no charset is
never used, and neither are those that take more than linear time.
"""

import codecs
import re
from typing import NamedTuple

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_NAMES = {
    "iso-8859-8-i": "iso-8859-8",  # RFC 1556: the text is stored in reading order, as everywhere else
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-6-e": "iso-8859-6",
    "ks_c_5601-1987": "cp949",  # what Outlook calls the charset of Korean Windows
    "ks_c_5601-1989": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",  # mail says shift_jis and means Microsoft's superset, with its circled figures
    "gb2312": "gb18030",  # likewise: what says gb2312 uses the characters of its supersets
    "gbk": "gb18030",
    "windows-874": "cp874",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "unicode-1-1-utf-7": "utf-7",
}
"""Names in mail that Python does not know, or knows more narrowly than mail uses them."""

_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
)
"""Text encodings of Python that are no charsets; some of them take quadratic time on hostile octets."""


class Decoded(NamedTuple):
    """A text, the codec that it was read by, and how many of its characters stand for octets that did not fit."""

    text: str
    codec: str
    misfits: int
    unknown: bool

    def notes(self, charset: str | None) -> tuple[str, ...]:
        """Return what people should know, `charset` being the one that was stated."""
        notes = []
        if self.unknown:
            notes.append(f"the charset {_shown(charset or '')} is not known; read as {self.codec}")
        if self.misfits:
            octets = "1 place holds" if self.misfits == 1 else f"{self.misfits} places hold"
            notes.append(f"{octets} octets that are not {self.codec}, shown as a replacement")
        return tuple(notes)


def decode_text(octets: bytes, charset: str | None) -> Decoded:
    """Return the text: by its byte order mark, else as `charset`, else UTF-8, else Windows-1252.

    A text that claims to be ASCII and is not is treated as one that claims nothing: that is what old programs mean.
    Octets that do not fit become U+FFFD.
    """
    for mark, name in _MARKS:
        if octets.startswith(mark):
            return _decode(octets, name)
    known = None if charset is None else codec_of(charset)
    if known is not None and known != "ascii":
        return _decode(octets, known)
    unknown = charset is not None and known is None
    try:
        return Decoded(octets.decode("utf-8"), "utf-8", 0, unknown)
    except UnicodeDecodeError:
        return _decode(octets, "cp1252", unknown)


def decode_html(octets: bytes, charset: str | None) -> Decoded:
    """Return the markup: its charset as stated, else by a `meta` element, else as `decode_text` finds it."""
    if charset is None and (stated := _META.search(octets[:_META_OCTETS])):
        charset = stated[1].decode("ascii")
        if charset.lower().startswith("utf-16"):
            charset = "utf-8"  # what can be read as ASCII is none (HTML, 13.2.3.2)
    return decode_text(octets, charset)


_META = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META_OCTETS = 1024
"""Where a `meta` element with the charset must stand (HTML, 4.2.5.5)."""


def codec_of(charset: str) -> str | None:
    """Return the name of Python's codec for a MIME charset; None where there is none or it is no charset."""
    name = charset.strip().lower()
    try:
        found = codecs.lookup(_OTHER_NAMES.get(name, name))
    except (LookupError, ValueError):
        return None
    is_text = getattr(found, "_is_text_encoding", True)
    return found.name if is_text and found.name.replace("-", "_") not in _NO_CHARSETS else None


def _decode(octets: bytes, codec: str, unknown: bool = False) -> Decoded:
    text = octets.decode(codec, "replace")
    shown = text.count("\N{REPLACEMENT CHARACTER}")
    if shown:  # those that the text has of its own are no misfits
        shown -= octets.decode(codec, "ignore").count("\N{REPLACEMENT CHARACTER}")
    return Decoded(text, codec.removesuffix("-sig"), shown, unknown)


def _shown(charset: str) -> str:
    return re.sub(r"[^!-~]", "?", charset)[:40]
