"""Every promise in docs/promises.md is held by a test that there is."""

from __future__ import annotations

import re

from tests.kit.mission import REPOSITORY

ROWS = [
    line
    for line in (REPOSITORY / "docs" / "promises.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| promise")
]


def test_each_promise_names_its_tests() -> None:
    assert len(ROWS) >= 15
    assert [row for row in ROWS if "::test_" not in row.rsplit("|", 2)[1]] == []


def test_each_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", "\n".join(ROWS))
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^def {name}\(", (REPOSITORY / path).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert missing == []
