"""Where the files of a product belong once it has another format or directory. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from dbproc.core.errors import FormatError
from dbproc.core.filenames import (
    FIELDS,
    TIME_OF_DAY,
    Format,
    NameFacts,
    companion_of,
    compile_format,
    keywords_of,
    keywords_text,
    render,
)
from dbproc.core.model import Member
from dbproc.core.spec import ProductSpec
from dbproc.core.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A file of the catalogue, as far as its name and its place depend on it."""

    file_id: int
    filename: str
    directory: str
    date: dt.date
    start: dt.datetime
    stop: dt.datetime
    keywords: str
    version: Version
    digest: str
    state: str = ""  #: what the system said of it when its digest was taken
    exists: bool = True  #: whether it is in its place, as far as is recorded
    replaced_by: int | None = None  #: the file that has its name and its place
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """The directory, the name and the keywords that a file has."""

    directory: str
    filename: str
    keywords: str


def place_of(file: Located) -> Place:
    """The place that a file has."""
    return Place(file.directory, file.filename, file.keywords)


def relocated(file: Located, before: ProductSpec, after: ProductSpec) -> Place:
    """The place that a file has by what its product is `after` a change.

    Raises
    ------
    FormatError
        Its name cannot be had from what is known of it, or would say something else.
    """
    filename, keywords = file.filename, file.keywords
    if before.format != after.format:
        filename, keywords = _named(file, before, after)
    directory = file.directory
    if before.directory != after.directory:
        directory = _rendered(after.directory, file, keywords)
    return Place(directory, filename, keywords)


def _named(file: Located, before: ProductSpec, after: ProductSpec) -> tuple[str, str]:
    """The name by the new format, and the keywords; where only keywords are called otherwise, that which it has."""
    made = compile_format(after.format)
    is_same = _without_keywords(before.format) == _without_keywords(after.format) and made.match(file.filename)
    filename = file.filename if is_same else _rendered(after.format, file, file.keywords)
    name = made.match(filename)
    if name is None:
        raise FormatError(f"{filename} would not be of the format {after.format!r}")
    _require_true(file, before, after, filename, name)
    return filename, _keywords(file, before, after, made, name.keywords)


def _without_keywords(format: str) -> str:
    """A format without the names of its keywords."""
    for name in compile_format(format).keyword_fields - TIME_OF_DAY - FIELDS.keys():
        format = format.replace(f"{{{name}}}", "{}")
    return format


def _require_true(file: Located, before: ProductSpec, after: ProductSpec, filename: str, name: NameFacts) -> None:
    """See that a name says of a file what is so."""
    is_idx = file.members and (filename.endswith(".idx") or file.filename.endswith(".idx"))
    if is_idx and companion_of(filename) != companion_of(file.filename):
        raise FormatError("an .idx file says itself how its directory is named, and no byte of a file is changed")
    if name.date not in (None, file.date):
        raise FormatError(f"{filename} would say that it is of {name.date}, and it is of {file.date}")
    was = compile_format(before.format).match(file.filename) if after.inspector.file == "filename" else None
    said = None if was is None else _span(was.lasting(before.covers))
    if said == (file.start, file.stop) != _span(name.lasting(after.covers)):
        raise FormatError(f"{filename} would say another time than that which it is of")


def _keywords(file: Located, before: ProductSpec, after: ProductSpec, made: Format, named: dict[str, str]) -> str:
    """Its keywords: what only the former name said goes, and what the new one says comes."""
    gone = compile_format(before.format).keyword_fields - made.keyword_fields if after.inspector.is_builtin else ()
    kept = {key: value for key, value in keywords_of(file.keywords).items() if key not in gone}
    return keywords_text({**kept, **named})


def _span(name: NameFacts) -> tuple[dt.datetime | None, dt.datetime | None]:
    return name.start, name.stop


def _rendered(text: str, file: Located, keywords: str) -> str:
    time = dt.datetime.combine(file.date, file.start.timetz())
    try:
        return render(text, time, str(file.version), keywords_of(keywords))
    except FormatError as error:
        raise FormatError(
            str(error).replace(", and none of the inputs gives it", ", which these files do not have")
        ) from error
