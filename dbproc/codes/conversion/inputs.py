"""Which files are meant: those that are named, or those of a directory or an archive in natural order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dbproc.codes.archives.compression import is_archive
from dbproc.codes.archives.unpacking import unpack
from dbproc.codes.idx.files import require_files
from dbproc.codes.idx.refusal import Refusal

JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What operating systems leave in archives and directories."""

MOST_NAMES = 3
"""So many names are told at most."""
NAMES = ("readme", "license", "licence", "copying", "notice", "changes", "changelog", "citation")
TEXTS = (".txt", ".md", ".rst", ".json", ".xml", ".yaml", ".yml", ".log", ".html", ".pdf", ".sha256", ".md5")
"""How files begin or end that are about those beside them: they are passed over, and that is told."""


@dataclass(frozen=True)
class Inputs:
    """The files of a conversion.

    Parameters
    ----------
    files
        What is converted, in order.
    archives
        What they were unpacked from.
    texts
        Names of what is about them, and is passed over.
    """

    files: tuple[Path, ...]
    archives: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """What is to be said of what was passed over."""
        more = f" and {len(self.texts) - MOST_NAMES} more" if len(self.texts) > MOST_NAMES else ""
        return (f"passed over: {', '.join(self.texts[:MOST_NAMES])}{more}",) if self.texts else ()


def found(
    named: Sequence[Path],
    suffixes: Sequence[str],
    directory: Path,
    *,
    companions: bool = False,
    progress: Callable[[int], None] = lambda size: None,
) -> Inputs:
    """The files that are meant.

    Parameters
    ----------
    named
        Files, directories and archives. A directory stands for the files in it, an archive for those in it at any
        depth, both in natural order.
    suffixes
        How the files of a directory or an archive end, in lower case. None: all of them are meant, those in directories
        below too.
    directory
        Where archives are unpacked, each in a directory of its own; it need not exist.
    companions
        Whether other files lie beside those that are meant.
    progress
        Called with the number of bytes that were unpacked, from time to time.

    Raises
    ------
    Refusal
        When something named is missing or empty (all of it, where all files are meant), or when a directory or an
        archive holds no files that are meant, or others besides.
    """
    files: list[Path] = []
    archives: list[Path] = []
    texts: list[str] = []
    for path in listed(named, suffixes):
        if path.is_dir():
            files += _meant(path, [each for each in path.iterdir() if not each.is_dir()], suffixes, companions, texts)
        elif is_archive(path, single=not suffixes):
            require_files([path])
            place = directory / str(len(archives))
            place.mkdir(parents=True)
            files += _meant(path, unpack(path, place, progress), suffixes, companions, texts)
            archives.append(path)
        else:
            files.append(path)
    if not files:
        raise Refusal(named[0], "it holds no files", "Name one that holds files")
    filled = [path for path in files if suffixes or not path.is_file() or path.stat().st_size]
    require_files(filled or files)
    return Inputs(tuple(files), tuple(archives), tuple(texts))


def listed(named: Sequence[Path], suffixes: Sequence[str]) -> list[Path]:
    """What is named; where all files are meant, those of directories in place of these."""
    if suffixes:
        return list(named)
    return [each for path in named for each in (_below(path) if path.is_dir() else [path])]


def _below(directory: Path) -> list[Path]:
    """The files in a directory and below it."""
    found = [path for path in directory.rglob("*") if path.is_file()]
    inside = [path for path in found if not _is_junk(path.relative_to(directory))]
    if not inside:
        raise Refusal(directory, "it holds no files", "Name one that holds files")
    return sorted(inside, key=natural)


def _is_junk(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts) or bool(set(JUNK) & set(path.parts))


def _meant(
    holder: Path, held: Sequence[Path], suffixes: Sequence[str], companions: bool, texts: list[str]
) -> list[Path]:
    """Those of the files that a directory or an archive holds that are to be converted; adds to ``texts``."""
    seen = [path for path in held if not path.name.startswith(".") and not set(JUNK) & set(path.parts)]
    if not suffixes:
        return sorted(seen, key=natural)
    meant = sorted((path for path in seen if path.name.lower().endswith(tuple(suffixes))), key=natural)
    left = sorted({path.name for path in set(seen) - set(meant)})
    others = [name for name in left if not _is_text(name)]
    told = ", ".join(suffixes)
    if not meant:
        raise Refusal(holder, f"it holds no files that end in {told}", "Name one that holds such files")
    if others and not companions:
        what = f"it holds other files than those that end in {told}: {', '.join(others[:MOST_NAMES])}"
        raise Refusal(holder, what, "Move them away, or name the files one by one")
    texts += [] if companions else left
    return meant


def _is_text(name: str) -> bool:
    return name.lower().endswith(TEXTS) or name.lower().startswith(NAMES)


def natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """A key that sorts numbers within paths by their value: 2 before 10."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts], path.name
