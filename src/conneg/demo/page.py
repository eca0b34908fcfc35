"""The page that shows, for each recipient, what was sent and what arrived: plain HTML beside its pictures."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from conneg.content import Workers
from conneg.demo.arrivals import ArrivedFile
from conneg.demo.message import sample
from conneg.demo.run import Outcome, Story
from conneg.demo.thumbnails import draw_thumbnails
from conneg.words import octets

_SENT = ("letter.txt", "survey.pdf", "photo.jpg")

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --card: #8881; --good: #1a7f37; --bad: #c62828; }
@media (prefers-color-scheme: dark) { :root { --good: #57c878; --bad: #ff7b72; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem } h2 { font-size: 1.15rem; margin: 0 }
section { border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.2rem; margin: 1.2rem 0;
          background: var(--card) }
header.row { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: baseline; justify-content: space-between }
.can { font-weight: 600 } .why { margin: .3rem 0 .8rem } .ok { color: var(--good) } .no { color: var(--bad) }
.pages { display: flex; flex-wrap: wrap; gap: .8rem; align-items: flex-start }
figure { margin: 0; max-width: 13rem }
figure img { display: block; max-width: 100%; max-height: 17rem; border: 1px solid var(--line); background: #fff }
figcaption { font-size: .8rem; overflow-wrap: anywhere }
pre { white-space: pre-wrap; font-size: .8rem; max-height: 17rem; overflow: auto; max-width: 26rem; margin: 0;
      border: 1px solid var(--line); padding: .5rem }
code { font-size: .8rem; overflow-wrap: anywhere } summary { cursor: pointer; font-size: .85rem }
.bar { height: .5rem; background: var(--line); border-radius: .25rem; overflow: hidden; margin: .3rem 0 .8rem }
.bar span { display: block; height: 100%; background: #3b82f6 }
"""


async def write_page(story: Story, output: Path, workers: Workers) -> Path:
    """Write `index.html` and its pictures into `output` and return its path."""
    sent = await _sent(output, workers)
    cards = [await _card(story, outcome, output, workers) for outcome in story.outcomes.values()]
    page = output / "index.html"
    page.write_text(
        "<!doctype html>\n<html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>conneg demo</title><style>{_STYLE}</style>"
        "<h1>One message, and each recipient gets the best form that its device can take</h1>"
        f"<p>{escape(octets(story.octets_sent))} were sent once, to {len(story.outcomes)} recipients.</p>"
        f"<section><h2>What was sent</h2><div class=pages>{sent}</div></section>"
        + "".join(cards)
        + "</html>\n",
        encoding="utf-8",
    )
    return page


async def _sent(output: Path, workers: Workers) -> str:
    folder = output / "sent"
    folder.mkdir(exist_ok=True)
    figures = []
    for name in _SENT:
        path = folder / name
        path.write_bytes(sample(name))
        figures.append(
            await _document(path, "text/plain" if name.endswith(".txt") else "", None, output, workers)
        )
    return "".join(figures)


async def _card(story: Story, outcome: Outcome, output: Path, workers: Workers) -> str:
    arrival = outcome.arrival
    files: Sequence[ArrivedFile] = arrival.files if arrival else ()
    problems = arrival.problems if arrival else ["nothing arrived"]
    size = arrival.octets if arrival else 0
    share = 100 * size / story.octets_sent if story.octets_sent else 0
    shown = "".join([await _document(f.path, f.media_type, f.charset, output, workers) for f in files])
    verdict = (
        "<span class=ok>✓ every file conforms</span>"
        if not problems
        else f"<span class=no>✗ {escape('; '.join(problems))}</span>"
    )
    return (
        f"<section><header class=row><h2>{escape(outcome.recipient)}</h2>{verdict}</header>"
        f"<div class=can>{escape(outcome.capability or 'nothing is known')}</div>"
        f"<details><summary>{escape(outcome.said_by)}</summary><code>{escape(outcome.expression)}</code></details>"
        f"<p class=why>{escape(outcome.reason)}</p>"
        f"<div>{escape(octets(story.octets_sent))} → {escape(octets(size))}</div>"
        f'<div class=bar title="{share:.0f} % of what was sent">'
        f'<span style="width:{min(share, 100):.1f}%"></span></div>'
        f"<div class=pages>{shown}</div></section>"
    )


async def _document(path: Path, media_type: str, charset: str | None, output: Path, workers: Workers) -> str:
    """Show one document: text as text, everything else as pictures of its pages, each linking to the file."""
    link = escape(str(path.relative_to(output)))
    name = f"{escape(path.name)}, {escape(octets(path.stat().st_size))}"
    if media_type == "text/plain":
        text = path.read_bytes().decode(charset or "utf-8", "replace")
        return f"<figure style='max-width:26rem'><pre>{escape(text)}</pre><figcaption>{name}</figcaption></figure>"
    folder = output / "pictures" / path.parent.name
    pictures = await draw_thumbnails(path, charset, folder, path.stem, workers)
    if not pictures:
        return f"<figure><a href='{link}'>{name}</a></figure>"
    return "".join(
        f"<figure><a href='{link}'><img loading=lazy alt='page {number} of {escape(path.name)}' "
        f"src='{escape(str(picture.relative_to(output)))}'></a>"
        f"<figcaption>{name}, page {number} of {len(pictures)}</figcaption></figure>"
        for number, picture in enumerate(pictures, start=1)
    )
