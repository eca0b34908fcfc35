"""What makes a PDF of page images an archive, PDF/A-2b (ISO 19005-2): its metadata, its colours, its name.

The pages themselves have nothing that PDF/A forbids: no font, transparency, action, annotation or reference. Numbers in
brackets are sections of ISO 19005-2.
"""

import functools
import zlib

from PIL import ImageCms

LEAST_POINTS, MOST_POINTS = 3, 14_400
"""The sides that a page may have, in PDF's unit (6.1.13)."""

INTENT = (
    b"<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB)/Info(sRGB)/DestOutputProfile %d 0 R>>"
)
"""The output intent (6.2.3), which says what DeviceRGB and DeviceGray mean (6.2.4.3); with its profile's number."""

METADATA_ENTRIES = b"/Type/Metadata/Subtype/XML"
METADATA = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
    xmlns:dc="http://purl.org/dc/elements/1.1/">
   <pdfaid:part>2</pdfaid:part>
   <pdfaid:conformance>B</pdfaid:conformance>
   <dc:format>application/pdf</dc:format>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
"""The XMP packet with the identification of version and level (6.6.4); never compressed, so that anything finds it."""

PROFILE_ENTRIES = b"/N 3/Filter/FlateDecode"
_VERSION, _DATE = slice(8, 12), slice(24, 36)


@functools.cache
def profile_stream() -> bytes:
    """Return the ICC profile of sRGB, compressed: as Little CMS makes it, said to be of version 4.2 and never dated.

    PDF 1.7 knows profiles up to 4.2 (ISO 32000-1, table 66), and nothing in this one is newer.
    """
    octets = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    octets[_VERSION] = b"\x04\x20\x00\x00"
    octets[_DATE] = b"\x07\xe8\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"
    return zlib.compress(bytes(octets), 9)


def fitting(width: float, height: float) -> tuple[float, float]:
    """Return the sides of a page in points, all made larger or smaller where one is beyond what PDF/A has."""
    factor = min(1.0, MOST_POINTS / max(width, height))
    factor = max(factor, LEAST_POINTS / min(width, height))
    return min(width * factor, float(MOST_POINTS)), min(height * factor, float(MOST_POINTS))
