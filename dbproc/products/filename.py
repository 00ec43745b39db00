"""The inspector for products that are known by their filename alone."""

from __future__ import annotations

from dbproc.core.filenames import NameFacts
from dbproc.products.base import Facts, Inspector, NotMine


class FilenameInspector(Inspector):
    """Confirms every file whose name is of the format; never opens it."""

    def inspect(self, path: str, name: NameFacts) -> Facts:
        """Take all facts from the name."""
        if name.start is None:
            raise NotMine(
                "its name holds no date: give the filename format fields for one, such as {Y}{m}{d}, "
                "or choose an inspector that reads the date from the contents"
            )
        return Facts()
