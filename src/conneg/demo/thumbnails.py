"""Small pictures of documents, made by the same converters that make the renditions."""

from pathlib import Path

from conneg.content import ContentRefusedError, ConversionError, ConversionJob, Source, Workers, offer
from conneg.features import choose, default_preference, feature_set

WIDTH_PIXELS = 420
_SMALL = feature_set(f'(&(type="image/png")(pix-x<={WIDTH_PIXELS}))')


async def draw_thumbnails(
    document: Path, charset: str | None, out: Path, stem: str, workers: Workers
) -> list[Path]:
    """Draw each page of `document` into the folder `out`; no pictures when it cannot be drawn."""
    source = Source(document, "application/octet-stream", document.name, charset)
    out.mkdir(parents=True, exist_ok=True)
    try:
        choice = choose(offer(await workers.inspect(source)) & _SMALL, default_preference())
        if choice is None:
            return []
        rendition = await workers.convert(ConversionJob((source,), choice.collection, out, stem))
    except (ContentRefusedError, ConversionError):
        return []
    return [file.path for file in rendition.files]
