"""The oldest versions that pyproject.toml allows of what dbproc needs, as constraints for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def oldest(requirement: str) -> str:
    """A requirement with its lower bound as the only version."""
    return re.sub(r"^([\w-]+)[>=]=([^,]+).*", r"\1==\2", requirement)


def main() -> None:
    """Print a line for each dependency of dbproc and of its formats."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    print(*map(oldest, [*project["dependencies"], *project["optional-dependencies"]["formats"]]), sep="\n")


if __name__ == "__main__":
    main()
