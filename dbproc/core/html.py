"""Pages of HTML that need nothing else: no server, no script, no other file. All text in them is escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from dbproc.core.text import one_line

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #222; --soft: #666; --line: #ddd; --head: #f4f4f4;
  --there: #3a9a4b; --not-due: #d8d8d8; --waiting: #4aa8c9; --stale: #7a7f1e; --missing: #e0a800; --late: #d9541e;
  --gone: #8a4b2a; --withdrawn: #9b59b6; --dismissed: #d98880; --failed: #c0142c }
@media (prefers-color-scheme: dark) { :root { --back: #16181b; --text: #e4e4e4; --soft: #a0a0a0; --line: #3a3d42;
  --head: #22252a; --there: #3f9f55; --not-due: #3c3f44; --waiting: #3f95b3; --stale: #a3a83a; --missing: #d3a21b;
  --late: #e2703f; --gone: #b3734c; --withdrawn: #b07cc6; --dismissed: #c98a84; --failed: #ee4a5c } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; padding: 0 1em; max-width: 76em;
  background: var(--back); color: var(--text) }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2em } p.note { color: var(--soft) }
div.wide { overflow-x: auto } table { border-collapse: collapse }
th, td { padding: .2em .7em; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th { background: var(--head) } td.number { text-align: right; font-variant-numeric: tabular-nums }
table.calendar { width: 100% } table.calendar td.strip { width: 70%; padding: .2em 0 }
svg { display: block; width: 100%; height: 1.4em } svg text { fill: var(--soft) } code { overflow-wrap: anywhere }
.swatch { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 .9em; vertical-align: -.1em }
@media print { body { max-width: none; margin: 0 } h2 { break-after: avoid } }
"""

_ALLOWED = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may load for a page: nothing."""

_WIDTH = 1000.0
_LEAST = 1.2


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(value: object) -> Markup:
    """A value as HTML: text is escaped."""
    return value if isinstance(value, Markup) else Markup(_escaped(value))


def _escaped(value: object) -> str:
    return escape(one_line(str(value)))


def element(name: str, *content: object, **attributes: object) -> Markup:
    """An element; an attribute that is a word of Python's is written with ``_`` behind it."""
    given = "".join(f' {key.rstrip("_")}="{_escaped(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{''.join(map(html, content))}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Several pieces, line by line."""
    return Markup("\n".join(map(html, parts)))


def page(title: str, *content: object) -> str:
    """A whole page."""
    head = joined(
        (
            Markup('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_ALLOWED}">'),
            element("title", title),
            Markup(f"<style>{_STYLE}</style>\n</head>\n<body>"),
        )
    )
    return f"{joined((head, element('h1', title), *content))}\n</body>\n</html>\n"


def section(title: str, *content: object) -> Markup:
    """A part of a page, with its headline."""
    return element("section", element("h2", title), *content)


def note(text: str) -> Markup:
    """A remark."""
    return element("p", text, class_="note")


def table(head: Sequence[str], rows: Iterable[Sequence[object]], kind: str = "") -> Markup:
    """A table; numbers stand to the right."""
    lines = [element("tr", *(element("th", each) for each in head))]
    lines.extend(element("tr", *map(_cell, row)) for row in rows)
    return element("div", element("table", joined(lines), class_=kind), class_="wide")


def _cell(value: object) -> Markup:
    if value is None or value == "":
        return element("td", "–")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return element("td", f"{value:,}", class_="number")
    return element("td", value)


def strip(parts: Iterable[tuple[float, float, str, str]]) -> Markup:
    """A strip of coloured parts: each from and to a share of its width, with a class of colour and a title."""
    drawn = [
        Markup(
            f'<rect x="{_WIDTH * start:.2f}" y="0" width="{max(_WIDTH * (stop - start), _LEAST):.2f}" height="14" '
            f'style="fill: var(--{_escaped(kind)})"><title>{_escaped(title)}</title></rect>'
        )
        for start, stop, kind, title in parts
    ]
    return Markup(f'<svg viewBox="0 0 {_WIDTH:.0f} 14" preserveAspectRatio="none" role="img">{"".join(drawn)}</svg>')


def legend(words: Mapping[str, str]) -> Markup:
    """What colours mean, by their class."""
    swatch = "background: var(--{})".format
    pairs = ((element("span", class_="swatch", style=swatch(kind)), text) for kind, text in words.items())
    return element("p", *(part for pair in pairs for part in pair))
