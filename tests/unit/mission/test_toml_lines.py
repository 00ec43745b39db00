"""Lines of keys and tables in TOML files, however they are written."""

from __future__ import annotations

import pytest

from dbproc.core.spec import KeyPath
from dbproc.mission.toml_lines import TomlPlaces

TEXT = '''# a comment with [brackets] and name = 1
[mission]   # the mission
name = "a # b = c"
"quoted.key" = """
[not.a.table]
key = 1 """
'literal' = 'back\\'
[product."met b1"]
list = [
  "x",   # ] in a comment
  { a = "]" },
]
after = 1
dotted.key = 2
[[process.p.code]]
file = "a"
[[process.p.code]]
file = "b"
[process.p.code.more]
deep = 1
[process.q]
code = { file = "c", version = 1 }
'''


@pytest.mark.parametrize(
    ("path", "line", "label"),
    [
        (("mission",), 2, "mission"),
        (("mission", "name"), 3, "mission.name"),
        (("mission", "quoted.key"), 4, "mission.quoted.key"),
        (("mission", "literal"), 7, "mission.literal"),
        (("mission", "missing"), 2, "mission.missing"),
        (("product", "met b1", "list", 1), 9, "product.met b1.list[2]"),
        (("product", "met b1", "after"), 13, "product.met b1.after"),
        (("product", "met b1", "dotted", "key"), 14, "product.met b1.dotted.key"),
        (("process", "p", "code", 0, "file"), 16, "process.p.code[1].file"),
        (("process", "p", "code", 1, "file"), 18, "process.p.code[2].file"),
        (("process", "p", "code", 1, "more", "deep"), 20, "process.p.code[2].more.deep"),
        (("process", "q", "code", 0, "file"), 22, "process.q.code.file"),
        (("nothing",), None, "nothing"),
    ],
)
def test_a_path_is_found_on_its_line_or_on_that_of_its_table(path: KeyPath, line: int | None, label: str) -> None:
    place = TomlPlaces(TEXT)(path)
    assert (place.line, place.label) == (line, label)
