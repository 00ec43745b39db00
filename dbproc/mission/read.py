"""Read a mission file of either kind and check all that needs no database."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from dbproc.core.errors import DefinitionError
from dbproc.core.spec import Definition
from dbproc.mission.ini import read_ini
from dbproc.mission.links import followed
from dbproc.mission.on_disk import check_on_disk, loading_problems
from dbproc.mission.problems import Problems, raise_for, suggestion
from dbproc.mission.rules import check
from dbproc.mission.toml import read_toml


def read_mission_file(path: str | os.PathLike[str]) -> Definition:
    """Read and check a mission file: TOML when its name ends in ``.toml``, else dbprocessing's INI.

    Raises
    ------
    DefinitionError
        The file cannot be read, or has problems; all of them are listed, with their places.
    """
    file = Path(path)
    text = _text_of(file)
    if "\0" in text:
        line = text.partition("\0")[0].count("\n") + 1
        raise DefinitionError(f"{file} is not a mission file: line {line} has a NUL character in it")
    problems = Problems()
    if file.suffix.lower() == ".toml":
        definition = read_toml(text, file, problems)
    else:
        definition = read_ini(text, str(file), problems)
    if definition.partial:
        definition = followed(definition)
    problems.extend(check(definition))
    problems.extend(check_on_disk(definition, str(file)))
    raise_for(problems.found, str(file), definition.finder)
    return replace(definition, source=str(file))


def require_loadable(definition: Definition) -> None:
    """See that the inspectors of a definition can be loaded.

    Raises
    ------
    DefinitionError
        One cannot.
    """
    raise_for(loading_problems(definition), definition.source, definition.finder)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        near = suggestion(file.name, _mission_files(file.parent), listed=False)
        raise DefinitionError(f"there is no mission file {file}{near}") from error
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{file} is not text in UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from error


def _mission_files(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()] if directory.is_dir() else []
