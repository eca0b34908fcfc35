"""The pages that recipients see, as HTML: no script, one style sheet, nothing from elsewhere.

Every value is escaped where it is put in. Addresses are relative to the page (`TOKEN/original`), so that a proxy may
serve it under any path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from conneg.staging import Item
from conneg.web.forms import Offered
from conneg.web.refusal import Refusal
from conneg.words import octets as size

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<link rel="stylesheet" href="{root}style.css">
<link rel="icon" type="image/svg+xml" href="{root}icon.svg">
</head>
<body>
<main>
"""
_FOOT = "</main>\n</body>\n</html>\n"
_NEEDS_CARE = ("text/html", "image/svg+xml", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of an item says: the item, what can be made of it (None: not known yet) and the downloads left."""

    item: Item
    token: str
    offered: Offered | None
    downloads_left: int


def item_page(shown: Shown) -> str:
    """Return the page of a content that may be fetched."""
    item = shown.item
    return "".join(
        [
            _head(f"{item.label}: kept for you", "../"),
            f"<h1>{escape(item.label)}</h1>\n",
            '<p class="lead">Sent to you with a mail, and kept here because it could not go in the mail.</p>\n',
            '<section aria-labelledby="fetch">\n<h2 id="fetch">Download</h2>\n',
            _forms(shown),
            _care(item),
            _facts(shown),
            "</section>\n",
            _previews(shown),
            _footer(item),
            _FOOT,
        ]
    )


def _forms(shown: Shown) -> str:
    item, token = shown.item, escape(shown.token)
    if not shown.downloads_left:
        return f'<p class="note">{escape(Refusal.no_download_left().text)}</p>\n'
    original = f"{escape(_kind(item))}, {size(item.octets)}"
    rows = [
        f'<li><a class="button main" href="{token}/original" download>Original<small>{original}</small></a></li>'
    ]
    for form in shown.offered.documents if shown.offered else ():
        made = "made from the original"
        rows.append(
            f'<li><a class="button" href="{token}/{form.key}" download>{form.label}<small>{made}</small></a></li>'
        )
    later = (
        ""
        if shown.offered
        else "<p>Other forms are being looked for: load this page again in a moment.</p>\n"
    )
    return f'<ul class="forms">\n{"".join(rows)}\n</ul>\n{later}'


def _kind(item: Item) -> str:
    """The kind of file in a word, as file names end; the type of what has no such name."""
    suffix = item.label.rpartition(".")[2] if "." in item.label else ""
    return suffix.upper() if suffix.isalnum() and suffix.isascii() and len(suffix) <= 5 else item.media_type


def _care(item: Item) -> str:
    """A word of caution about what a browser or a system would run."""
    is_program = item.media_type.startswith("application/") and item.media_type not in _DOCUMENTS
    if not is_program and item.media_type not in _NEEDS_CARE:
        return ""
    return '<p class="note">Open the original only if you know what it is and who sent it.</p>\n'


_DOCUMENTS = ("application/pdf",)


def _facts(shown: Shown) -> str:
    item = shown.item
    until = datetime.fromtimestamp(item.expires_at, UTC)
    facts = [
        ("Type", escape(item.media_type)),
        ("Size", size(item.octets)),
        ("Kept until", f'<time datetime="{until:%Y-%m-%dT%H:%M:%SZ}">{until:%Y-%m-%d %H:%M} UTC</time>'),
        ("Downloads left", str(shown.downloads_left)),
    ]
    return "<dl>\n" + "".join(f"<dt>{name}</dt><dd>{value}</dd>\n" for name, value in facts) + "</dl>\n"


def _previews(shown: Shown) -> str:
    offered = shown.offered
    if offered is None or not offered.shown:
        return ""
    token, of = escape(shown.token), f" of {offered.pages}" if offered.pages > 1 else ""
    rows = []
    for page in range(1, offered.shown + 1):
        fetch = (
            f'<a href="{token}/page-{page}" download aria-label="Page {page} as PNG">PNG</a>'
            if shown.downloads_left
            else ""
        )
        rows.append(
            f'<li><figure><img src="{token}/preview-{page}" alt="Page {page}{of}" loading="lazy">'
            f"<figcaption><span>Page {page}{of}</span>{fetch}</figcaption></figure></li>\n"
        )
    more = offered.pages - offered.shown
    rest = f"<p>{more} more pages are in the whole document.</p>\n" if more else ""
    return (
        '<section aria-labelledby="pages">\n<h2 id="pages">Preview</h2>\n'
        f'<ol class="pages">\n{"".join(rows)}</ol>\n{rest}</section>\n'
    )


def _footer(item: Item) -> str:
    return (
        "<footer>\n<p>Who has the link can fetch the file: pass it on only to whom it concerns.</p>\n"
        f"<p>SHA-256 of the original: <code>{escape(item.sha256)}</code></p>\n</footer>\n"
    )


def code_page(token: str, recipients: Sequence[str], *, sent: bool, wrong: bool) -> str:
    """Return the page of a content that needs a one-time code; it does not say what is kept, nor for whom.

    `sent`: a code was asked for just now; `wrong`: one that is none was entered.
    """
    return "".join(
        [
            _head("A code is needed", "../"),
            "<h1>A file is kept for you</h1>\n",
            '<p class="lead">Only who reads the mail of its recipient can have it: a code proves that.</p>\n',
            _SENT if sent else "",
            '<section aria-labelledby="ask">\n<h2 id="ask">1. Get a code</h2>\n',
            f'<form method="post" action="{escape(token)}/code">\n',
            "" if len(recipients) == 1 else _ADDRESS_FIELD,
            "<button>Mail me a code</button>\n</form>\n</section>\n",
            '<section aria-labelledby="show">\n<h2 id="show">2. Enter it here</h2>\n',
            f'<form method="post" action="{escape(token)}/unlock">\n',
            _WRONG if wrong else "",
            _CODE_FIELD.format(problem=' aria-invalid="true" aria-describedby="problem"' if wrong else ""),
            "<button>Open</button>\n</form>\n</section>\n",
            _FOOT,
        ]
    )


_SENT = """<p class="note" role="status">A code is on its way, if the mail went to that address. It is good for 15
minutes.</p>
"""
_WRONG = """<p class="note" id="problem" role="alert">This is not the code, or it was used, or its time is over.</p>
"""
_ADDRESS_FIELD = """<label for="address">Your mail address</label>
<input id="address" name="address" type="email" autocomplete="email" required>
"""
_CODE_FIELD = """<label for="code">Code from the mail</label>
<input class="digits" id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="20"
 required{problem}>
"""


def refusal_page(refusal: Refusal, root: str) -> str:
    """Return the page of an answer that is no; `root`: the server's root, seen from there."""
    return (
        _head(refusal.title, root)
        + f"<h1>{escape(refusal.title)}</h1>\n<p>{escape(refusal.text)}</p>\n"
        + _FOOT
    )


def _head(title: str, root: str) -> str:
    return _HEAD.format(title=escape(title), root=escape(root))
