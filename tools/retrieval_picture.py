"""Draw docs/pictures/retrieval.png: the retrieval server's page on a desk and on a phone, by Chromium.

`python -m tools.retrieval_picture`
"""

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright
from tests.web.servers import serving

from conneg.demo.message import sample

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "retrieval.png"
_HEIGHT = 860
_GAP = 40
_GROUND = (226, 224, 218)


def main() -> None:
    """Serve the demo's survey, look at it twice, and write the picture."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        staged = server.stage(sample("survey.pdf"), media_type="application/pdf", name="survey.pdf")
        link = server.link(staged)
        desk = _screenshot(link, viewport={"width": 900, "height": _HEIGHT})
        phone = _screenshot(
            link, viewport={"width": 390, "height": _HEIGHT - 2 * _GAP}, color_scheme="dark", is_mobile=True
        )
    width = desk.width + phone.width + 3 * _GAP
    picture = Image.new("RGB", (width, _HEIGHT + 2 * _GAP), _GROUND)
    picture.paste(desk, (_GAP, _GAP))
    picture.paste(phone, (desk.width + 2 * _GAP, 2 * _GAP))
    picture.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


def _screenshot(link: str, **device: Any) -> Image.Image:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(**device).new_page()
        page.goto(link)
        page.wait_for_load_state("networkidle")
        octets = page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(octets)).convert("RGB")


if __name__ == "__main__":
    main()
