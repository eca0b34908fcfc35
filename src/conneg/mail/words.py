"""Text in header fields that is not ASCII: encoded-words (RFC 2047) and parameters with charsets (RFC 2231).

Reading is lenient, as real mail is: what cannot be decoded stays as it was written. Writing follows the RFCs.
"""

import base64
import binascii
import codecs
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*)\?=")
# Codecs of Python that are no charsets of mail; some of them take quadratic time on hostile octets.
_NO_CHARSETS = frozenset(
    {"punycode", "idna", "undefined", "unicode_escape", "raw_unicode_escape", "unicode-escape"}
)
_PARAMETER = re.compile(r"""\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?[^;]*|([^;]*))""", re.DOTALL)
_SEGMENT = re.compile(r"([^*]+)\*(\d{1,4})(\*?)\Z")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`{|}~A-Za-z0-9]+")
_WORD_OCTETS = 45
_PARAMETER_OCTETS = 60


def read_words(text: str) -> str:
    """Return `text` with its encoded-words decoded (RFC 2047); white space between two of them goes (6.2).

    >>> read_words("=?utf-8?q?Gr=C3=BC=C3=9Fe?= an =?iso-8859-1?B?SvxyZ2Vu?=")
    'Grüße an Jürgen'
    """
    if "=?" not in text:
        return text
    pieces: list[str] = []
    pending, pending_charset, end = bytearray(), "", 0
    for found in _ENCODED_WORD.finditer(text):
        octets = _read_word(found[2], found[3])
        if octets is None:
            continue
        between = text[end : found.start()]
        charset = found[1].partition("*")[0].lower()
        if pending_charset and (charset != pending_charset or between.strip()):
            pieces.append(decode(bytes(pending), pending_charset))
            pending.clear()
        if not pending_charset or between.strip():
            pieces.append(between)
        # A character may be cut across adjacent words in real mail, so their octets are joined before
        # decoding.
        pending += octets
        pending_charset, end = charset, found.end()
    pieces.append(decode(bytes(pending), pending_charset) if pending_charset else "")
    return "".join(pieces) + text[end:]


def _read_word(encoding: str, text: str) -> bytes | None:
    try:
        octets = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    if encoding in "qQ":
        return binascii.a2b_qp(octets, header=True)
    return read_base64(octets)


def read_base64(octets: bytes) -> bytes:
    """Decode base64 as mail has it: foreign octets skipped, missing padding added, the rest after padding
    dropped.
    """
    clean = octets.translate(None, _NOT_BASE64).partition(b"=")[0]
    spare = len(clean) % 4
    if spare == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))


def decode(octets: bytes, charset: str | None) -> str:
    """Decode `octets` in `charset`; an unknown charset is tried as UTF-8, then taken as ISO 8859-1."""
    name = (charset or "").lower()
    if name not in {"", "us-ascii", "ascii", "utf-8", "utf8"}:
        try:
            if codecs.lookup(name).name not in _NO_CHARSETS:
                return _whole(octets.decode(name, "replace"))
        except (LookupError, ValueError):
            pass
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _whole(text: str) -> str:
    """Replace lone surrogates, which some codecs let through and nothing can write."""
    return text.encode("utf-8", "replace").decode("utf-8")


def write_words(text: str) -> str:
    """Return `text` for an unstructured field: as it is if it is ASCII, else as encoded-words in UTF-8 (RFC
    2047, 2).
    """
    if text.isascii() and "=?" not in text:
        return text
    words, piece = [], ""
    for char in text:
        if len((piece + char).encode("utf-8", "replace")) > _WORD_OCTETS:
            words.append(piece)
            piece = ""
        piece += char
    return " ".join(
        f"=?utf-8?b?{base64.b64encode(word.encode('utf-8', 'replace')).decode()}?="
        for word in [*words, piece]
    )


def read_parameters(text: str) -> tuple[str, dict[str, str]]:
    """Return the main value, in lower case, and the parameters of a field like Content-Type (RFC 2045, 5.1;
    RFC 2231).

    Names come in lower case; of a repeated name the first counts. Continuations and charsets are resolved.

    >>> read_parameters("Attachment; filename*0*=utf-8''Gr%C3%BC; filename*1=sse.pdf")
    ('attachment', {'filename': 'Grüsse.pdf'})
    """
    text = _without_comments(text)
    main, _, _ = text.partition(";")
    found: dict[str, str] = {}
    segments: dict[str, dict[int, tuple[str, bool]]] = {}
    position = len(main)
    while position < len(text):
        match = _PARAMETER.match(text, position + 1)
        if match is None:
            position = _next_semicolon(text, position + 1)
            continue
        value = _unquote(match[2]) if match[2] is not None else match[3].strip()
        _note(match[1].lower(), value, found, segments)
        position = match.end() if match.end() > position else position + 1
    for name, pieces in segments.items():
        found.setdefault(name, _join_segments(pieces))
    return main.strip().lower(), {name: _clean(value) for name, value in found.items()}


def _next_semicolon(text: str, position: int) -> int:
    found = text.find(";", position)
    return len(text) if found < 0 else found


def _note(
    name: str, value: str, found: dict[str, str], segments: dict[str, dict[int, tuple[str, bool]]]
) -> None:
    """Sort one parameter in: plain, with charset (`name*`), or one segment of a continued one (`name*0`,
    `name*0*`).
    """
    if segment := _SEGMENT.match(name):
        segments.setdefault(segment[1], {}).setdefault(int(segment[2]), (value, bool(segment[3])))
    elif name.endswith("*"):
        segments.setdefault(name[:-1], {}).setdefault(0, (value, True))
    else:
        found.setdefault(name, value)


def _join_segments(pieces: Mapping[int, tuple[str, bool]]) -> str:
    """Join the segments of a continued parameter; the charset stands in the first (RFC 2231, 4.1)."""
    charset: str | None = None
    octets: list[bytes] = []
    for number, (value, is_extended) in sorted(pieces.items()):
        if is_extended and number == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        octets.append(unquote_to_bytes(value) if is_extended else value.encode("utf-8", "replace"))
    return decode(b"".join(octets), charset)


def _unquote(text: str) -> str:
    # Only quotes and backslashes are unescaped: in real mail `"C:\scans\a.tif"` means what it looks like.
    return text.replace('\\"', '"').replace("\\\\", "\\")


def _clean(text: str) -> str:
    return "".join(char for char in text if char >= " " and char != "\x7f")


def _without_comments(text: str) -> str:
    """Drop comments (RFC 5322, 3.2.2) that stand where one can; a `(` inside a word is left as part of it."""
    if "(" not in text:
        return text
    kept: list[str] = []
    depth, is_quoted, previous = 0, False, " "
    characters = iter(text)
    for char in characters:
        if depth == 0 and char == '"':
            is_quoted = not is_quoted
        elif not is_quoted and char == "(" and (depth or previous in " \t;="):
            depth += 1
        if depth == 0:
            kept.append(char)
        if char == "\\" and (depth or is_quoted):
            escaped = next(characters, "")
            kept.append("" if depth else escaped)
        elif depth and char == ")":
            depth -= 1
        previous = char
    return "".join(kept)


def write_parameter(name: str, value: str) -> str:
    """Write one parameter: a token, a quoted-string, or with a charset (RFC 2231) where it is not ASCII.

    >>> write_parameter("filename", "fax 1.tif"), write_parameter("filename", "Grüße.tif")
    ('filename="fax 1.tif"', "filename*=utf-8''Gr%C3%BC%C3%9Fe.tif")
    """
    value = _clean(value)
    if not value.isascii() or len(value) > _PARAMETER_OCTETS:
        return _write_extended(name, quote(value.encode("utf-8", "replace"), safe=""))
    if _TOKEN.fullmatch(value):
        return f"{name}={value}"
    return f'{name}="' + re.sub(r'([\\"])', r"\\\1", value) + '"'


def _write_extended(name: str, coded: str) -> str:
    """One `name*=` parameter, or its continuations where it is too long for a line (RFC 2231, 3 and 4.1)."""
    if len(coded) <= _PARAMETER_OCTETS:
        return f"{name}*=utf-8''{coded}"
    pieces: list[str] = [""]
    for octet in re.findall(r"%..|[^%]", coded):
        if len(pieces[-1]) + len(octet) > _PARAMETER_OCTETS:
            pieces.append("")
        pieces[-1] += octet
    pieces[0] = f"utf-8''{pieces[0]}"
    return "; ".join(f"{name}*{number}*={piece}" for number, piece in enumerate(pieces))
