"""A page of HTML in one file that asks nothing of a network: no script, no font, no picture from elsewhere.

Section           -- a heading and what stands under it
page(title, ...)  -- the whole text
table, figure, cards, note -- parts of a section
Everything that is not markup of this module goes through `escape`.
"""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1b1c1e; --quiet: #5c5f66; --pale: #d4d5d9; --accent: #2f6fb2;
  --second: #c25e12; --panel: #f4f4f2; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181c; --ink: #e6e6e3; --quiet: #a2a5ad; --pale: #3c4048;
  --accent: #6ba6e6; --second: #f0a05a; --panel: #1f2228; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0.5rem 0 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 0.4rem; }
h3 { font-size: 0.95rem; margin: 0 0 0.2rem; } p { max-width: 46rem; margin: 0.3rem 0; } .quiet { color: var(--quiet); }
nav a { color: var(--accent); margin-right: 1em; white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--pale); }
th:first-child, td:first-child { text-align: left; }
.facts td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.cards { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); }
.cards.large { grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); }
.card { background: var(--panel); border-radius: 6px; padding: 0.6rem; min-width: 0; }
.card svg, .card img { width: 100%; height: auto; display: block; margin: 0 auto; }
.films { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.4rem; font-size: 12px; }
figure { margin: 0; } svg { font-family: system-ui, sans-serif; stroke-linejoin: round; }
summary { cursor: pointer; margin-top: 0.6rem; }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        heading: plain text.
        content: HTML.
    """

    heading: str
    content: str


def page(title: str, introduction: str, sections: Iterable[Section]) -> str:
    """The whole page; `title` and `introduction` are plain text."""
    sections = list(sections)
    links = " ".join(f'<a href="#part{index}">{escape(each.heading)}</a>' for index, each in enumerate(sections))
    parts = "\n".join(
        f'<section id="part{index}"><h2>{escape(each.heading)}</h2>\n{each.content}\n</section>'
        for index, each in enumerate(sections)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="quiet">{escape(introduction)}</p>
<nav>{links}</nav>
{parts}
</body>
</html>
"""


def escape(text: object) -> str:
    """Plain text as HTML."""
    return html.escape(str(text))


def table(header: Sequence[str], rows: Iterable[Sequence[object]], kind: str = "") -> str:
    """A table of plain text that scrolls by itself where it is wider than the screen."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'
    )


def card(heading: str, content: str, caption: str = "") -> str:
    """HTML with a heading and a caption of plain text."""
    below = f'<p class="quiet">{escape(caption)}</p>' if caption else ""
    return f'<div class="card"><h3>{escape(heading)}</h3>{content}{below}</div>'


def cards(contents: Iterable[str], large: bool = False) -> str:
    """Cards side by side, as many as there is room for."""
    return f'<div class="cards{" large" if large else ""}">' + "\n".join(contents) + "</div>"


def note(text: str) -> str:
    """A paragraph of plain text."""
    return f'<p class="quiet">{escape(text)}</p>'


def details(summary: str, content: str) -> str:
    """HTML that is folded away until somebody asks for it."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"
