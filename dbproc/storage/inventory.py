"""Inventory files: what lies in a store, read bit by bit however long the file is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import IO

from dbproc.core.errors import UserError
from dbproc.core.inventories import Listed, listed_line, listed_value

_CHUNK = 1 << 20
_LONGEST = 1 << 22
"""Characters of one entry, at most."""
_WHOLE = 1 << 28
"""Bytes of a file that is one JSON object, at most."""
_BLANK = " \t\r\n"


def inventory(path: str) -> Iterator[Listed]:
    """The files that an inventory file lists.

    It is a JSON list of paths or of objects, a JSON object that has such a list, or lines, each of them
    ``HOST SIZE PATH``, ``SIZE PATH``, ``SHA256 PATH``, ``PATH`` or a JSON object.

    Raises
    ------
    UserError
        It cannot be read, or holds what is none of these.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            first = file.read(_CHUNK)
            beginning = first.lstrip()
            file.seek(0)
            if beginning.startswith("["):
                yield from _of_values(path, _list_values(path, file))
            elif beginning.startswith("{") and not _is_of_lines(beginning):
                yield from _of_values(path, _only_list(path, file))
            else:
                yield from _of_lines(path, file)
    except OSError as error:
        raise UserError(f"the inventory {path} cannot be read: {error.strerror}") from error


def _is_of_lines(beginning: str) -> bool:
    """Whether a file begins with a line that is a JSON object that is a file."""
    try:
        return listed_value(json.loads(beginning.partition("\n")[0])) is not None
    except (ValueError, RecursionError):
        return False


def _of_lines(path: str, file: IO[str]) -> Iterator[Listed]:
    number = 0
    while line := file.readline(_LONGEST):
        number += 1
        try:
            listed = listed_value(json.loads(line)) if line.lstrip().startswith("{") else listed_line(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"the inventory {path}, line {number}: {error}") from error
        if listed is not None:
            yield listed


def _of_values(path: str, values: Iterator[object]) -> Iterator[Listed]:
    for number, value in enumerate(values, 1):
        try:
            listed = listed_value(value)
        except ValueError as error:
            raise UserError(f"the inventory {path}, entry {number}: {error}") from error
        if listed is not None:
            yield listed


def _only_list(path: str, file: IO[str]) -> Iterator[object]:
    """The entries of the longest list that an object has: ``{"files": […]}``."""
    if os.fstat(file.fileno()).st_size > _WHOLE:
        raise UserError(f"the inventory {path} is one object of more than {_WHOLE >> 20} MB; give the list in it alone")
    try:
        content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the inventory {path} is no JSON: {error}") from error
    lists = [value for value in content.values() if isinstance(value, list)]
    if not lists:
        raise UserError(f"the inventory {path} is a JSON object without a list of files")
    yield from max(lists, key=len)


def _list_values(path: str, file: IO[str]) -> Iterator[object]:
    """The entries of a JSON list, one after the other."""
    decoder, text, place, is_whole = json.JSONDecoder(), "", 0, False
    is_begun = False
    while True:
        place = _beyond(text, place, _BLANK if not is_begun else f"{_BLANK},")
        if place < len(text) and not is_begun:
            is_begun, place = True, place + 1
            continue
        if place < len(text) and text[place] == "]":
            return
        if place < len(text):
            try:
                value, place = decoder.raw_decode(text, place)
            except (ValueError, RecursionError) as error:
                if is_whole or len(text) - place > _LONGEST or isinstance(error, RecursionError):
                    raise UserError(f"the inventory {path} is no JSON list of files: {error}") from error
            else:
                yield value
                continue
        elif is_whole:
            raise UserError(f"the inventory {path} ends within its list; it is not whole")
        more = file.read(_CHUNK)
        is_whole = not more
        text, place = text[place:] + more, 0


def _beyond(text: str, place: int, skipped: str) -> int:
    while place < len(text) and text[place] in skipped:
        place += 1
    return place
