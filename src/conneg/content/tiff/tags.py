"""The tags and field types that TIFF-FX uses, under their names in RFC 3949 (2.2 and 4 to 8)."""

import functools
from enum import IntEnum


class Tag(IntEnum):
    """A field's number."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC_INTERPRETATION = 262
    FILL_ORDER = 266
    DOCUMENT_NAME = 269
    IMAGE_DESCRIPTION = 270
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    X_POSITION = 286
    Y_POSITION = 287
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    RESOLUTION_UNIT = 296
    PAGE_NUMBER = 297
    SOFTWARE = 305
    DATE_TIME = 306
    BAD_FAX_LINES = 326
    CLEAN_FAX_DATA = 327
    CONSECUTIVE_BAD_FAX_LINES = 328
    SUB_IFDS = 330
    INDEXED = 346
    GLOBAL_PARAMETERS_IFD = 400
    DECODE = 433
    IMAGE_BASE_COLOR = 434
    T82_OPTIONS = 435
    CHROMA_SUBSAMPLING = 530
    CHROMA_POSITIONING = 531
    STRIP_ROW_COUNTS = 559
    IMAGE_LAYER = 34732


@functools.lru_cache(maxsize=512)
def tag_name(tag: int) -> str:
    """Return the name that people know a tag by, such as `ImageWidth`, or its number."""
    try:
        words = Tag(tag).name.split("_")
    except ValueError:
        return f"field {tag}"
    return "".join(_SPELLINGS.get(word, word.capitalize()) for word in words)


_SPELLINGS = {"IFD": "IFD", "IFDS": "IFDs", "SUBFILE": "SubFile", "SUBSAMPLING": "SubSampling"}


class FieldType(IntEnum):
    """How a field's values are coded (TIFF 6.0, as RFC 3949 uses it)."""

    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    SBYTE = 6
    UNDEFINED = 7
    SSHORT = 8
    SLONG = 9
    SRATIONAL = 10
    FLOAT = 11
    DOUBLE = 12

    @property
    def code(self) -> str:
        """The `struct` code of one value; two for a fraction."""
        return _CODES[self]

    @property
    def octets(self) -> int:
        """The octets of one value."""
        return _SIZES[self]


_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
