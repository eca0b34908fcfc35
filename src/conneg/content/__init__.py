"""Documents: looked at, offered in other forms, converted, checked.

`Workers.inspect` says what a document is, `offer` what can be made of it, `Workers.convert` makes it and
`Workers.verify` checks a file. Hostile octets are decoded in worker processes only; importing this package loads none
of the libraries for that.
"""

from conneg.content.cache import RenditionCache
from conneg.content.conversion import ConversionJob
from conneg.content.errors import ContentRefusedError, ConversionError
from conneg.content.examination import Examined, examine
from conneg.content.fence import Fence, WorkerLimits
from conneg.content.formats import FORMATS, Format, can_write
from conneg.content.inspection import Inspection
from conneg.content.offer import document_offer, offer
from conneg.content.office import Office
from conneg.content.officetypes import OFFICE_FORMATS
from conneg.content.page import Frame, PageGeometry, PageReader, Raster
from conneg.content.paper import paper_of
from conneg.content.rendition import Rendition, RenditionFile
from conneg.content.source import ReadLimits, Source, described, recognise
from conneg.content.workers import Workers

__all__ = [
    "FORMATS",
    "OFFICE_FORMATS",
    "ContentRefusedError",
    "ConversionError",
    "ConversionJob",
    "Examined",
    "Fence",
    "Format",
    "Frame",
    "Inspection",
    "Office",
    "PageGeometry",
    "PageReader",
    "Raster",
    "ReadLimits",
    "Rendition",
    "RenditionCache",
    "RenditionFile",
    "Source",
    "WorkerLimits",
    "Workers",
    "can_write",
    "described",
    "document_offer",
    "examine",
    "offer",
    "paper_of",
    "recognise",
]
