"""What an inspector says of a file."""

from __future__ import annotations

from pathlib import Path

from dbproc.core.filenames import NameFacts, compile_format
from dbproc.products import Inspector
from dbproc.products.facts import CheckedFacts, settle


def inspected(inspector: Inspector, path: Path, text: str, **arguments: str) -> CheckedFacts:
    name: NameFacts | None = compile_format(text).match(path.name)
    assert name is not None
    return settle(inspector.inspect(str(path), name, **arguments), name)
