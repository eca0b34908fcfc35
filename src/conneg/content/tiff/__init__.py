"""TIFF as a container: tags and field types, reading every IFD to the octet, writing pages one by one.

Nothing here decodes or encodes an image; the codings are in `conneg.content.codings`, the rules of the TIFF-FX
profiles in `conneg.content.tiff.rules`.
"""

from conneg.content.tiff.reading import (
    MAX_ENTRIES,
    MAX_LAYERS,
    MAX_PAGES,
    MAX_VALUES,
    Directory,
    Entry,
    Structure,
    TiffStructureError,
    read_structure,
)
from conneg.content.tiff.tags import FieldType, Tag, tag_name
from conneg.content.tiff.writing import Field, TiffContainer

__all__ = [
    "MAX_ENTRIES",
    "MAX_LAYERS",
    "MAX_PAGES",
    "MAX_VALUES",
    "Directory",
    "Entry",
    "Field",
    "FieldType",
    "Structure",
    "Tag",
    "TiffContainer",
    "TiffStructureError",
    "read_structure",
    "tag_name",
]
