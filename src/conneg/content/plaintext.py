"""Plain text out: what is to be read in a document, for receivers that take nothing else.

Lines end in CRLF (RFC 2046, 4.1.1), pages of a PDF are parted by form feeds. Runs in a worker.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from conneg.content.errors import ConversionError
from conneg.content.rendition import Rendition, RenditionFile
from conneg.content.source import NO_TIFF, ReadLimits
from conneg.features import FeatureCollection

if TYPE_CHECKING:
    from conneg.content.conversion import ConversionJob

_ASCII, _UTF_8 = "us-ascii", "utf-8"


def write_text(
    job: "ConversionJob", path: Path, limits: ReadLimits, progress: Callable[[int, int], None] | None = None
) -> Rendition:
    """Write the texts of all sources, one after the other, into the file `path`.

    The charset is what the target asks for, `us-ascii` or `utf-8`; without a word from it the smaller one that holds
    the text. Raises ConversionError where a source has no text, or the target's charset does not hold it.
    """
    from conneg.content.readers import open_document

    texts = []
    for source in job.sources:
        with open_document(source, limits) as document:
            text = document.text()
        if text is None:
            raise ConversionError(f"{source.label}: there is no text in it that could become text/plain")
        texts.append(re.sub("\r\n|\r|\n", "\r\n", text))
    whole = "\r\n".join(texts)
    charset = _charset(job.target, whole)
    octets = whole.encode(charset, "replace")
    path.write_bytes(octets)
    if progress is not None:
        progress(1, 1)
    features = f'(& (type="text/plain") {NO_TIFF} (charset={charset}))'
    return Rendition((RenditionFile(path, "text/plain", path.name, features, 1, len(octets), charset),))


def _charset(target: FeatureCollection, text: str) -> str:
    asked = target.get("charset")
    if asked is None:
        return _ASCII if text.isascii() else _UTF_8
    charset = str(asked).strip('"').lower()
    if charset not in {_ASCII, _UTF_8}:
        raise ConversionError(f"text is written in {_ASCII} or {_UTF_8}, not in {charset}")
    if charset == _ASCII and not text.isascii():
        raise ConversionError(f"the text has characters that {_ASCII} has not")
    return charset
