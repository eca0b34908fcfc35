"""The pages in a real browser: read, walked by keyboard, on a phone; and nothing that was staged ever runs there."""

import re
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from conneg.demo.message import sample
from tests.web.servers import RetrievalServer, looked_at, serving

expect.set_options(timeout=30_000)

HOSTILE_HTML = b"""<!doctype html><title>calm</title><body onload="fetch('/leaked-by-event')">
<script>document.title = 'ran'; fetch('/leaked-by-script')</script><img src="/leaked-by-picture">
<iframe srcdoc="<script>fetch('/leaked-by-frame')</script>"></iframe></body>"""
HOSTILE_SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" onload="fetch('/leaked-by-event')" width="50" height="50">
<script>fetch('/leaked-by-script')</script><rect width="50" height="50" fill="red"/></svg>"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RetrievalServer]:
    with serving(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1100, "height": 900}, java_script_enabled=False)
    yield made
    made.close()


@pytest.fixture(scope="module")
def survey(server: RetrievalServer) -> str:
    staged = server.stage(
        sample("survey.pdf"), part_id="survey", media_type="application/pdf", name="survey.pdf"
    )
    looked_at(server.link(staged))
    return server.link(staged)


def complaints(page: Page) -> list[str]:
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def all_pictures_are_there(page: Page) -> None:
    for picture in page.get_by_role("img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 300


def test_the_page_says_what_there_is(context: BrowserContext, survey: str) -> None:
    page = context.new_page()
    found = complaints(page)
    page.goto(survey)
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("heading", level=1)).to_have_text("survey.pdf")
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Download", "Preview"]
    expect(page.get_by_role("main")).to_be_visible()
    expect(page.get_by_role("region", name="Preview")).to_be_visible()
    assert [one.get_attribute("alt") for one in page.get_by_role("img").all()] == [
        "Page 1 of 2",
        "Page 2 of 2",
    ]
    all_pictures_are_there(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Original PDF").click()
    assert download.value.suggested_filename == "survey.pdf"
    assert download.value.path().read_bytes() == sample("survey.pdf")
    with page.expect_download() as download:
        page.get_by_role("link", name="Text").click()
    assert b"Hull survey" in download.value.path().read_bytes()
    assert found == []


def test_the_keyboard_is_enough(context: BrowserContext, survey: str) -> None:
    page = context.new_page()
    page.goto(survey)
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        reached.append(focused.get_attribute("aria-label") or focused.inner_text().split("\n")[0])
        outline = focused.evaluate("element => getComputedStyle(element).outlineWidth")
        assert outline == "3px", "where one is can be seen"
    assert reached == ["Original", "Text", "Page 1 as PNG", "Page 2 as PNG"]
    page.keyboard.press("Shift+Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "survey-1.png"


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Browser, server: RetrievalServer, width: int
) -> None:
    name = "a-name-that-no-line-of-a-phone-holds_" * 4 + ".pdf"
    staged = server.stage(sample("survey.pdf"), part_id="phone", media_type="application/pdf", name=name)
    context = browser.new_context(
        viewport={"width": width, "height": 780}, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    page = context.new_page()
    looked_at(server.link(staged))
    page.goto(server.link(staged))
    all_pictures_are_there(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for link in page.get_by_role("link").all():
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 40, "large enough for a finger"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_can_be_read(browser: Browser, survey: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(survey)
    ratios = page.evaluate(_CONTRASTS)
    assert len(ratios) > 10
    assert min(ratios.values()) >= 4.5, ratios  # WCAG 2.2, 1.4.3
    context.close()


_CONTRASTS = """() => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const ratios = {};
  for (const element of document.querySelectorAll('main *')) {
    const own = [...element.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    if (!own.length) continue;
    const [a, b] = [channels(getComputedStyle(element).color), behind(element)].map(light);
    ratios[element.tagName + ' ' + own[0].data.trim()] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return ratios;
}"""


def test_the_page_that_asks_for_a_code(context: BrowserContext, server: RetrievalServer) -> None:
    recipients = ("june@devices.test", "july@devices.test")
    staged = server.stage(b"abc", part_id="code", wants_code=True, recipients=recipients)
    page = context.new_page()
    found = complaints(page)
    page.goto(server.link(staged))
    for name in ("Your mail address", "Mail me a code", "Code from the mail", "Open"):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_accessible_name(name)
    page.get_by_label("Code from the mail").fill("12345678")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This is not the code")
    field = page.get_by_label("Code from the mail")
    expect(field).to_have_accessible_description(re.compile("This is not the code"))
    assert field.evaluate("element => getComputedStyle(element).borderRadius") == "8px", "styled there, too"
    page.get_by_label("Your mail address").fill("stranger@devices.test")
    page.get_by_role("button", name="Mail me a code").click()
    expect(page.get_by_role("status")).to_contain_text("if the mail went to that address")
    assert found == []


def test_nothing_moves_for_who_wants_it_so(browser: Browser, survey: str) -> None:
    for wish, wanted in (("reduce", "0s"), ("no-preference", "0.15s, 0.15s")):
        context = browser.new_context(reduced_motion=wish)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(survey)
        link = page.get_by_role("link", name="Original PDF")
        assert link.evaluate("element => getComputedStyle(element).transitionDuration") == wanted
        context.close()


@pytest.mark.parametrize(
    ("octets", "media_type"), [(HOSTILE_HTML, "text/html"), (HOSTILE_SVG, "image/svg+xml")]
)
@pytest.mark.parametrize("stripped", ["", "content-disposition", "all"])
def test_what_was_staged_never_runs(
    browser: Browser, server: RetrievalServer, octets: bytes, media_type: str, stripped: str
) -> None:
    """As it is served; should a browser show it in spite of Content-Disposition; and, to see that it would run at
    all, without any of our fields.
    """
    staged = server.stage(octets, part_id=f"hostile {stripped}", media_type=media_type, name="evil")
    context = browser.new_context(accept_downloads=True)
    answered: list[str] = []  # a request that CSP stops has no answer
    context.on("response", lambda response: answered.append(response.url))

    def strip(route: Route) -> None:
        response = route.fetch()
        kept = {"content-type"} if stripped == "all" else set(response.headers) - {stripped}
        route.fulfill(
            response=response,
            headers={name: value for name, value in response.headers.items() if name in kept},
        )

    original = f"{server.link(staged)}/original"
    if stripped:
        context.route("**/original", strip)
    page = context.new_page()
    with nullcontext() if stripped else pytest.raises(PlaywrightError, match="Download is starting"):
        page.goto(original)
    page = context.new_page()
    for element in ("<iframe src='{}'></iframe>", "<object data='{}'></object>", "<img src='{}'>"):
        page.set_content(element.format(original))
        page.wait_for_timeout(100)
    for _ in range(100 if stripped == "all" else 3):
        if [url for url in answered if "leaked" in url]:
            break
        page.wait_for_timeout(100)
    leaked = [url for url in answered if "leaked" in url]
    assert bool(leaked) is (stripped == "all"), leaked
    context.close()


def test_previews_of_what_is_hostile_are_pictures(context: BrowserContext, server: RetrievalServer) -> None:
    staged = server.stage(HOSTILE_SVG, part_id="drawn", media_type="image/svg+xml", name="evil.svg")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    looked_at(server.link(staged))
    page.goto(server.link(staged))
    (picture,) = page.get_by_role("img").all()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    assert not [url for url in asked if "leaked" in url]
    expect(page.get_by_text("Open the original only if you know")).to_be_visible()
