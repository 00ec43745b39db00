"""The oldest versions that pyproject.toml allows of what dbproc needs, as constraints for pip."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


OF_DEVELOPERS = {"test", "bench", "docs"}
"""The extras that dbproc itself does not use."""


def oldest(requirement: str) -> str:
    """A requirement with its lower bound as the only version."""
    return re.sub(r"^([\w.-]+)[>=]=([^,]+).*", r"\1==\2", requirement)


def main() -> None:
    """Print a line for each dependency of dbproc and of its extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = [needs for name, needs in project["optional-dependencies"].items() if name not in OF_DEVELOPERS]
    needed = [*project["dependencies"], *chain.from_iterable(extras)]
    print(*dict.fromkeys(oldest(each) for each in needed if not each.startswith("dbproc[")), sep="\n")


if __name__ == "__main__":
    main()
