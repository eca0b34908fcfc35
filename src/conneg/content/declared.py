"""What a document was said to be, held against what its content is. Pure.

The content decides what is done with a document; where the declared type or the ending of the name says something
else, that is told to people in one line.
"""

from collections.abc import Iterator

from conneg.content.officetypes import OFFICE_FORMATS
from conneg.content.source import UNKNOWN_TYPE, Source

_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/tif": "image/tiff",
    "image/x-tiff": "image/tiff",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/jpx": "image/jp2",
    "image/jpm": "image/jp2",
    "image/j2c": "image/jp2",
    "image/x-jp2": "image/jp2",
    "image/svg": "image/svg+xml",
    "image/tiff-fx": "image/tiff",
    "application/x-pdf": "application/pdf",
    "application/xhtml+xml": "text/html",
    "text/rtf": "application/rtf",
    "text/richtext": "application/rtf",
    "application/x-rtf": "application/rtf",
}
"""Other names in use for a type that we recognise, in the IANA registry or out of it."""

_ENDINGS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "jpe": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "tfx": "image/tiff",
    "heic": "image/heic",
    "heif": "image/heic",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "jp2": "image/jp2",
    "j2k": "image/jp2",
    "jpf": "image/jp2",
    "jpx": "image/jp2",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "htm": "text/html",
    "html": "text/html",
    **{row.suffix: row.media_type for row in OFFICE_FORMATS.values()},
}
"""The endings of names that promise one of the types that we recognise."""


def mismatches(recognised: str, source: Source) -> Iterator[str]:
    """Yield one line for each of the declared type and the name that does not fit the `recognised` type."""
    declared = source.declared_type.lower()
    if declared not in {UNKNOWN_TYPE, ""} and not _fits(recognised, _SAME.get(declared, declared)):
        yield f"declared as {declared}, but its content is {_words(recognised)}"
    name = source.name or ""
    promised = _ENDINGS.get(name.rpartition(".")[2].lower()) if "." in name else None
    if promised is not None and not _fits(recognised, promised):
        yield f"named {_shown(name)}, but its content is {_words(recognised)}"


def _fits(recognised: str, said: str) -> bool:
    """Whether the content can be what was said: any text is any kind of text, what nobody knows can be anything new."""
    if recognised == said:
        return True
    if recognised == UNKNOWN_TYPE:
        return said not in _ENDINGS.values()
    if recognised == "image/svg+xml":
        return said in {"text/xml", "application/xml"}
    if recognised == "text/plain":
        return said.startswith("text/") or said not in _ENDINGS.values()
    return False


def _words(recognised: str) -> str:
    return "nothing that is known" if recognised == UNKNOWN_TYPE else recognised


def _shown(name: str) -> str:
    """Return a name as one line can hold it."""
    return "".join(character if character.isprintable() else "?" for character in name)[:80]
