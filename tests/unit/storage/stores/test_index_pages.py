"""What the pages of servers list: their ways to write links, sizes and times."""

from __future__ import annotations

import datetime as dt

import pytest

from dbproc.storage.stores.base import Entry
from dbproc.storage.stores.index_pages import entries

URL = "http://data.example.org/d%C3%BC/"
MINUTE = dt.datetime(2026, 11, 30, 16, 1, tzinfo=dt.UTC)
SECOND = MINUTE.replace(second=12)
NGINX = """<h1>Index of /</h1><hr><pre><a href="../">../</a>
<a href="sub/">sub/</a>                         30-Nov-2026 16:01                   -
<a href="%C3%BC%20b%23%25%26%22.dat">ü b#%&amp;&quot;.dat</a>     30-Nov-2026 16:01               10240
<a href="big.dat">big.dat</a>                   30-Nov-2026 16:01                 10K
</pre><hr></body>"""
APACHE = """<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=S;O=A">Size</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td><a href="sub/">sub/</a></td><td align="right">2026-11-30 16:01  </td><td align="right">  - </td></tr>
<tr><td><a href="a&amp;b.dat">a..&gt;</a></td><td align="right">2026-11-30 16:01  </td><td align="right"> 10K</td></tr>
<tr><td><a href="small">small</a></td><td align="right">2026-11-30 16:01  </td><td align="right">512 </td></tr>"""
RCLONE = """<tr class="file"><td><span class="name"><a href="sub/">sub/</a></span>
<a class="zip" href="sub/?download=zip" title="Download"></a></td><td data-order="-1">&mdash;</td></tr>
<tr class="file"><td><span class="name"><a href="f.dat">f.dat</a></span></td>
<td data-order="10240"><size>10240</size></td>
<td class="hideable"><time datetime="2026-11-30 16:01:12.479939156 &#43;0000 UTC">2026-…</time></td></tr>"""
CADDY = """<tr class="file"><td><a href="./sub/"><svg></svg><span class="name">sub/</span></a></td></tr>
<tr class="file"><td><a href="./f.dat">
<span class="name">f.dat</span></a></td><td data-order="10240">10 KiB</td>
<td class="hideable"><time datetime=" 2026-11-30T16:01:12Z">11/30/2026 04:01:12 PM +00:00</time></td></tr>"""
PYTHON = """<ul>\n<li><a href="f.dat">f.dat</a></li>\n<li><a href="sub/">sub/</a></li>\n</ul>"""
SUB = Entry(path="dü/sub", is_directory=True)


def file(name: str, size: int | None, modified: dt.datetime | None) -> Entry:
    return Entry(path=f"dü/{name}", size=size, modified=modified)


@pytest.mark.parametrize(
    ("page", "listed"),
    [
        (NGINX, [SUB, file('ü b#%&".dat', 10240, MINUTE), file("big.dat", None, MINUTE)]),
        (APACHE, [SUB, file("a&b.dat", None, MINUTE), file("small", 512, MINUTE)]),
        (RCLONE, [SUB, file("f.dat", 10240, SECOND)]),
        (CADDY, [SUB, file("f.dat", 10240, SECOND)]),
        (PYTHON, [file("f.dat", None, None), SUB]),
    ],
)
def test_the_pages_of_servers_are_read(page: str, listed: list[Entry]) -> None:
    assert list(entries(page, URL, "dü")) == listed


def test_links_that_do_not_lead_right_below_are_no_files() -> None:
    targets = (
        "..",
        "../x",
        "%2e%2e/x",
        "/x",
        "a/b",
        "..%2fx",
        "http://other/dü/x",
        "https://data.example.org/d%C3%BC/x",
    )
    others = ("?x", "x?y", "#x", "", ".", "./", "http://[x", "javascript:x", "mailto:x@y")
    page = "\n".join(f"<a href='{each}'>x</a>" for each in (*targets, *others))
    assert list(entries(page, URL, "dü")) == []
    whole = f"<A HREF='{URL}x'>x</A><a href=\"/d%C3%BC/y#z\">y</a><a href='{URL}x'>x</a>"
    assert [each.path for each in entries(whole, URL, "")] == ["x", "y"]
