"""Pages of HTML: whatever stands in them is text."""

from __future__ import annotations

from html.parser import HTMLParser

from dbproc.core.html import element, legend, note, page, section, strip, table

EVIL = """</title><script>alert(1)</script>"'><img src=x onerror=alert(1)>\x00\u202e"""


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes.update(name for name, _ in attrs)


def tags(text: str) -> _Tags:
    parser = _Tags()
    parser.feed(text)
    parser.close()
    return parser


def test_nothing_that_is_shown_becomes_markup() -> None:
    def made(word: str) -> str:
        parts = strip([(0, 1, word, word)])
        body = section(word, note(word), table((word,), [(word, 1234)]), element("p", word, title=word), parts)
        return page(word, body, legend({word: word}))

    evil, good = tags(made(EVIL)), tags(made("good"))
    assert evil.seen == good.seen
    assert evil.attributes == good.attributes
    assert "\x00" not in made(EVIL)
    assert "1,234" in made("good")


def test_a_page_needs_nothing_else() -> None:
    text = page("title", note("words"))
    assert "default-src 'none'" in text
    assert tags(text).seen.isdisjoint({"script", "link", "img", "iframe"})
    assert "prefers-color-scheme: dark" in text
