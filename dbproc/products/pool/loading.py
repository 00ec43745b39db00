"""Python files that hold an inspector: dbproc's kind, or dbprocessing's."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from traceback import walk_tb
from types import ModuleType
from typing import Any

from dbproc.products.base import Inspector

_SHIM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "dbprocessing", "shim")


class Kind(StrEnum):
    """In whose way an inspector is written."""

    OWN = "own"  #: derives from :class:`dbproc.products.Inspector`
    LEGACY = "legacy"  #: a class ``Inspector`` that derives from dbprocessing's ``inspector.inspector``


@dataclass(frozen=True, slots=True)
class Loaded:
    """The one inspector of a Python file."""

    kind: Kind
    inspector: Any


class LoadError(Exception):
    """The file cannot be read, does not run, or holds no inspector; the message says what and where."""


class Loader:
    """Loads each file once, and remembers what came of it."""

    def __init__(self) -> None:
        self._known: dict[str, Loaded | LoadError] = {}
        if _SHIM not in sys.path:
            sys.path.insert(0, _SHIM)

    def load(self, path: str) -> Loaded:
        """The inspector in the Python file `path`; LoadError where there is none that works."""
        if path not in self._known:
            try:
                self._known[path] = _inspector_of(_executed(path, f"dbproc_inspector_{len(self._known)}"))
            except LoadError as error:
                self._known[path] = error
        known = self._known[path]
        if isinstance(known, LoadError):
            raise known
        return known


def described(error: BaseException, path: str) -> str:
    """One line about an exception: its type, its words, and the line of the file `path` in which it happened."""
    try:
        words = str(error)
    except BaseException:
        words = "(its text cannot be shown)"
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    place = f" ({os.path.basename(path)}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}{': ' if words else ''}{words}{place}"


def _executed(path: str, name: str) -> ModuleType:
    """The module that the file is, without leaving compiled files beside it; its neighbours can be imported."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{path} is not a Python file: its name must end in .py")
    directory = os.path.dirname(path)
    if directory not in sys.path:
        sys.path.append(directory)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise LoadError(f"{path} cannot be loaded: {error.strerror or error}") from error
    except ModuleNotFoundError as error:
        remedy = f"inspectors run in dbproc's own Python, {sys.executable}: install it there"
        raise LoadError(f"{path} cannot be loaded: {described(error, path)}; {remedy}") from error
    except MemoryError:
        raise
    except BaseException as error:
        raise LoadError(f"{path} cannot be loaded: {described(error, path)}") from error
    finally:
        sys.dont_write_bytecode = before
    return module


def _inspector_of(module: ModuleType) -> Loaded:
    own = [each for each in vars(module).values() if _is_own(each, module)]
    if len(own) == 1:
        return Loaded(Kind.OWN, own[0])
    if own:
        names = ", ".join(each.__name__ for each in own)
        raise LoadError(f"{module.__file__} holds several inspectors ({names}): put each into a file of its own")
    legacy = getattr(module, "Inspector", None)
    if isinstance(legacy, type) and issubclass(legacy, _legacy_base()):
        return Loaded(Kind.LEGACY, legacy)
    raise LoadError(
        f"{module.__file__} holds no inspector: write a class that derives from dbproc.products.Inspector "
        "(or, as for dbprocessing, a class Inspector that derives from dbprocessing.inspector.inspector)"
    )


def _is_own(thing: object, module: ModuleType) -> bool:
    return isinstance(thing, type) and issubclass(thing, Inspector) and thing.__module__ == module.__name__


def _legacy_base() -> tuple[type, ...]:
    found = getattr(sys.modules.get("dbprocessing.inspector"), "inspector", None)
    return (found,) if isinstance(found, type) else ()
