"""Documents: looked at, offered in other forms, converted, checked.

`inspect` what a document is, `offer` what can be made of it, `convert` it: in worker processes, through `Workers`.
"""

from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.page import Frame, PageGeometry, PageReader, Raster
from conneg.content.source import ReadLimits, Source

__all__ = [
    "ContentRefusedError",
    "ConversionError",
    "Frame",
    "PageGeometry",
    "PageReader",
    "Raster",
    "ReadLimits",
    "Source",
]
