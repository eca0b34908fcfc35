"""HTML to plain text: what a reader would read, in order, with paragraphs and list items. Pure.

Nothing is fetched and nothing runs; styles, scripts and what is meant for the head are left out; an image is its
alternative text. Layout is not kept.
"""

import re
from html.parser import HTMLParser

_SKIPPED = frozenset(
    {"script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "iframe"}
)
_PARAGRAPHS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre", "hr"}
)
_BLOCKS = frozenset(
    {
        "div",
        "li",
        "tr",
        "dt",
        "dd",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "nav",
        "form",
        "address",
    }
)
_CELLS = frozenset({"td", "th"})


def text_of_html(markup: str) -> str:
    """Return the text of an HTML document or fragment, however damaged; nothing is raised."""
    extractor = _Extractor()
    extractor.feed(markup)
    extractor.close()
    return extractor.text()


class _Extractor(HTMLParser):
    """Collects text; `_gap` is how many line ends the next text needs before it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._skipping: list[str] = []
        self._preformatted = 0
        self._gap = 0
        self._space = False

    def text(self) -> str:
        """Return what was collected."""
        return "".join(self._pieces).strip("\n") + "\n"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, an item, or something that is left out."""
        if tag in _SKIPPED:
            self._skipping.append(tag)
        elif tag == "body":
            self._skipping.clear()
        if self._skipping:
            return
        self._break_for(tag)
        if tag == "pre":
            self._preformatted += 1
        elif tag == "br":
            self._emit("\n")
        elif tag == "li":
            self._emit("- ")
        elif tag == "hr":
            self._emit("-" * 40)
            self._gap = 2
        elif tag == "img":
            alternative = dict(attrs).get("alt")
            if alternative:
                self._words(f"[{alternative}]")

    def handle_endtag(self, tag: str) -> None:
        """End a block."""
        if self._skipping:
            if tag in self._skipping:
                del self._skipping[self._skipping.index(tag) :]
            return
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        self._break_for(tag)
        if tag in _CELLS:
            self._space = True

    def handle_data(self, data: str) -> None:
        """Take text: as it is inside `pre`, else with its white space as single spaces."""
        if self._skipping:
            return
        if self._preformatted:
            self._emit(data)
        else:
            self._words(data)

    def _break_for(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._gap = 2
        elif tag in _BLOCKS:
            self._gap = max(self._gap, 1)

    def _words(self, data: str) -> None:
        collapsed = re.sub(r"[ \t\r\n\f]+", " ", data)
        words = collapsed.strip(" ")
        if words:
            if collapsed[0] == " ":
                self._space = True
            self._emit(words)
        self._space = self._space or collapsed.endswith(" ")

    def _emit(self, text: str) -> None:
        if self._pieces and self._gap:
            self._pieces.append("\n" * self._gap)
        elif self._space and self._pieces and not self._pieces[-1].endswith(("\n", " ")) and text != "\n":
            self._pieces.append(" ")
        self._gap, self._space = 0, False
        self._pieces.append(text)
