"""Which files lie in the directories of a pattern; no file is opened."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

from dbproc.core.errors import FormatError
from dbproc.core.filenames import Format, compile_format


def files_in(
    root: str, pattern: str, left_out: Collection[str] = (), *, with_links: bool = False
) -> Iterator[tuple[str, str]]:
    """Directory and name of each regular file in the directories that `pattern` may be, below `root`; `with_links`: of
    each symbolic link, too.

    Directories `left_out` are not entered; what cannot be read is passed over.
    """
    parts = [part for part in os.path.normpath(pattern).split(os.sep) if part not in ("", ".")]
    try:
        wanted = [compile_format(part) for part in parts]
    except FormatError:
        return
    for directory in _directories(os.path.normpath(root), wanted, left_out):
        for entry in _entries(directory):
            if entry.is_file(follow_symlinks=False) or (with_links and entry.is_symlink()):
                yield directory, entry.name


def _directories(path: str, wanted: Sequence[Format], left_out: Collection[str]) -> Iterator[str]:
    if path in left_out:
        return
    if not wanted:
        yield path
        return
    first, rest = wanted[0], wanted[1:]
    if first.fields:
        entries = (entry for entry in _entries(path) if first.match(entry.name) is not None and entry.is_dir())
        names = sorted(entry.name for entry in entries)
    else:
        names = [first.text.replace("{{", "{").replace("}}", "}")]
    for name in names:
        yield from _directories(os.path.join(path, name), rest, left_out)


def _entries(directory: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except OSError:
        return
