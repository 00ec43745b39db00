"""A choice of what is converted and how, and opening it: what a converter refuses of it is left out, and told why."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from dbproc.codes.automatic import names
from dbproc.codes.automatic.steps import is_time
from dbproc.codes.conversion.joined import joined, require_alike
from dbproc.codes.conversion.source import Opener, Source, opener
from dbproc.codes.conversion.together import Together, apart
from dbproc.codes.formats.selection import few
from dbproc.codes.idx.description import Axis, Description
from dbproc.codes.idx.refusal import GET_AGAIN, Refusal

NO_ARRAY = "it holds no array of numbers"
"""What is said of a sound file with nothing to convert."""
WORDS = {"variables": "--variable", "datasets": "--dataset", "signals": "--signal", "columns": "--column"}
"""Options of converters that are called otherwise on the command line."""
MOST_WORDS = 25
"""So many words of a command are told; the metadata have all of it."""
ALONE = ("image_to_idx", "mapir_to_idx")
"""Converters that do not join several files by themselves."""
HIDDEN = ("memory", "missing", "timesteps")
"""Options that are not part of a choice."""
DEFAULTS: Mapping[str, Any] = {"order": "C", "components": 1, "name": "data", "offset": 0}
"""What options are where nothing is said."""


@dataclass(frozen=True)
class Choice:
    """One way to convert files.

    Parameters
    ----------
    program
        The converter, such as ``netcdf_to_idx``.
    files
        What it is given, in order.
    openings
        Its options; of several openings of the same files the fields are taken together.
    names
        The option of which each entry is one field (``variables``): what cannot be converted is left out of it.
    titles
        What tells the fields of several openings apart, where they have the same names.
    sets
        The files of each opening, where each of them gives fields; none where all openings are of all files.
    axis
        The axis along which several files are joined, None where the converter takes them together.
    new_axis
        The name of the axis that a joint of files makes, where they have none.
    told
        That axis as the files' names or times tell it.
    left_out
        What is left out, and why.
    why
        What is to be said about the choice besides.
    places
        Facts for the metadata, such as the positions of a scan.
    """

    program: str
    files: tuple[Path, ...]
    openings: tuple[Mapping[str, Any], ...] = ({},)
    names: str = ""
    titles: tuple[str, ...] = ()
    sets: tuple[tuple[Path, ...], ...] = ()
    axis: str | None = ""
    new_axis: str = "file"
    told: Axis | None = None
    left_out: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    places: Mapping[str, Any] = field(default_factory=dict)

    def leaving(self, *what: str) -> Choice:
        """The same, with more left out."""
        return replace(self, left_out=(*self.left_out, *what))

    def saying(self, *what: str) -> Choice:
        """The same, with more to be said."""
        return replace(self, why=(*self.why, *what))

    def parts(self) -> list[Choice]:
        """A choice for each opening."""
        sets = self.sets or (self.files,) * len(self.openings)
        each = zip(self.openings, sets, strict=True)
        return [replace(self, openings=(options,), files=files, sets=()) for options, files in each]

    def only(self, kept: Sequence[int]) -> Choice:
        """Some of the openings, by their places."""
        sets = tuple(self.sets[i] for i in kept) if self.sets else ()
        titles = tuple(self.titles[i] for i in kept) if self.titles else ()
        files = tuple(dict.fromkeys(path for each in sets for path in each)) if sets else self.files
        sets = sets if len(sets) > 1 else ()
        return replace(self, openings=tuple(self.openings[i] for i in kept), titles=titles, files=files, sets=sets)

    def called(self, place: int) -> str:
        """An opening in words."""
        options = shlex.join(_told(self.openings[place]))
        return options if not self.sets else ", ".join(path.name for path in self.sets[place])

    def command(self, first: Axis) -> str:
        """The command that does the same without choosing; where there is none, what is done with each file.

        ``first`` is the first axis of what came of it.
        """
        told = [_told(options) for options in self.openings]
        if self.sets:
            words = told[0] if all(each == told[0] for each in told) else []
            return f"{shlex.join([self.program, *words])} of {len(self.files)} files each, their fields together"
        is_new = self.told is not None and self.axis == "" and first.name == self.new_axis == self.told.name
        joint = ["--join", first.name] if is_new and self.program not in ALONE else []
        words = [self.program, *joint, *(word for each in told for word in each)]
        more = len(words) - MOST_WORDS
        command = shlex.join(words) if more <= 0 else f"{shlex.join(words[:MOST_WORDS])} and {more // 2} more"
        is_joined = self.program in ALONE and self.axis is not None and len(self.files) > 1
        return f"{command} of {len(self.files)} files each, one after another" if is_joined else command


def no_array(path: Path, others: Sequence[str]) -> Refusal:
    """That a file holds nothing that can be converted; `others`: what it holds, in words."""
    what = f"it holds no array that is supported: {', '.join(few(others, 8))}" if others else NO_ARRAY
    return Refusal(path, what, "There is nothing to convert")


def in_time(choice: Choice) -> Choice:
    """A choice of several files whose names tell times, which are those of the axis that they are joined along."""
    if choice.told or choice.axis is None or choice.sets or len(choice.files) < 2:
        return choice
    told = names.times([path.name for path in choice.files])
    return replace(choice, told=told, new_axis=told.name) if told else choice


def first(choices: Iterable[Choice], stack: ExitStack) -> tuple[Choice, Source]:
    """The first choice that can be converted, opened.

    Parameters
    ----------
    choices
        Ways to convert the same files, the best first.
    stack
        What closes it in the end.

    Raises
    ------
    Refusal
        What was said of the first that cannot.
    """
    refusals: list[Refusal] = []
    try:
        for choice in choices:
            try:
                return _in_order(*_opened(choice, stack), stack)
            except Refusal as refusal:
                refusals.append(refusal)
    except Refusal as refusal:
        refusals.append(refusal)
    raise refusals[0] if refusals else Refusal("the input", NO_ARRAY, "There is nothing to convert")


def either(*ways: Iterable[Choice]) -> Iterator[Choice]:
    """The choices of one way, and where they do not do, those of the next; the first refusal counts."""
    refusal: Refusal | None = None
    for way in ways:
        try:
            yield from way
        except Refusal as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal


def _opened(choice: Choice, stack: ExitStack) -> tuple[Choice, Source]:
    """A choice, or what of it can be converted."""
    try:
        return choice, _entered(choice, stack)
    except Refusal as refusal:
        smaller = list(_smaller(choice, refusal))
        for each in smaller:
            with suppress(Refusal):
                return _opened(each, stack)
        raise


def _in_order(choice: Choice, source: Source, stack: ExitStack) -> tuple[Choice, Source]:
    """The same, its files in the order of their times, where these go to and fro."""
    axis, parts = source.description.axes[0], source.description.parts
    times = axis.positions() if is_time(axis) and len(parts) == len(choice.files) > 1 and not choice.sets else None
    if not times or times in (sorted(times), sorted(times, reverse=True)):
        return choice, source
    order = sorted(range(len(parts)), key=lambda i: times[parts[i].start])
    if order == list(range(len(parts))):
        return choice, source
    ordered = replace(choice, files=tuple(choice.files[i] for i in order), told=None)
    return ordered, _entered(ordered, stack)


def _smaller(choice: Choice, refusal: Refusal) -> Iterator[Choice]:
    """The choice without what does not go together with the others."""
    names = list(choice.openings[0].get(choice.names) or ())
    if len(names) > 1 and len(choice.openings) == 1:
        kept, left = _fitting(choice, names)
        if kept and left:
            yield _naming(choice, kept).leaving(*left)
    elif len(choice.openings) > 1:
        yield _going_together(choice, refusal)
    if len(choice.files) > 1 and choice.axis is not None and not choice.sets:
        odd, alike = _unlike(choice)
        apart = _differing(choice, alike)
        if apart:
            yield _naming(choice, [name for name in names if name not in apart]).leaving(
                *(f"{name}: {what}" for name, what in apart.items())
            )
        odd = odd or _refused(choice, refusal)
        rest = tuple(path for path in choice.files if path not in odd)
        axis = choice.told and _without(choice.told, [path in rest for path in choice.files])
        fewer = replace(choice, files=rest, told=axis).leaving(*(f"{path.name}: {what}" for path, what in odd.items()))
        yield in_time(fewer)  # without the others names may tell times


def _refused(choice: Choice, refusal: Refusal) -> dict[Path, str]:
    """The file that is refused, else the last."""
    return {next((path for path in choice.files if str(path) == refusal.where), choice.files[-1]): refusal.what}


def _unlike(choice: Choice) -> tuple[dict[Path, str], list[dict[Path, Description]]]:
    """The files that are not like those that hold most bytes, and why; and all as they are alike, the latter first."""
    left: dict[Path, str] = {}
    alike: list[dict[Path, Description]] = []
    for path in choice.files:
        try:
            with ExitStack() as trial:
                found = _entered(replace(choice, files=(path,)), trial).description
        except Refusal as refusal:
            left[path] = refusal.what
            continue
        group = next((each for each in alike if not _difference(path, found, each, choice)), None)
        if group is None:
            alike.append({path: found})
        else:
            group[path] = found
    best = max(alike, key=lambda each: sum(map(size, each.values())), default={})
    for group in alike:
        if group is not best:
            left |= {path: _difference(path, found, best, choice) for path, found in group.items()}
    return (left if best else {}), sorted(alike, key=lambda each: each is not best)


def _differing(choice: Choice, alike: Sequence[dict[Path, Description]]) -> dict[str, str]:
    """The fields in which files that could be joined else are not alike, and why.

    None where fewer bytes were left without these fields than without those files.
    """
    names = list(choice.openings[0].get(choice.names) or ())
    found = [each for group in alike for each in group.values()]
    if len(alike) < 2 or any(len(each.fields) != len(names) for each in found):
        return {}
    left: dict[str, str] = {}
    for group in alike[1:]:
        path, other = next(iter(group.items()))
        if _difference(path, replace(other, fields=()), _with(alike[0], ()), choice):
            return {}
        for i, name in enumerate(names):
            what = _difference(path, replace(other, fields=other.fields[i : i + 1]), _with(alike[0], (i,)), choice)
            left |= {name: what} if what and name not in left else {}
    kept = [i for i, name in enumerate(names) if name not in left]
    rest = sum(size(each) for group in alike for each in _with(group, kept).values())
    return left if left and kept and rest >= sum(map(size, alike[0].values())) else {}


def _with(group: Mapping[Path, Description], kept: Sequence[int]) -> dict[Path, Description]:
    """Files with some of their fields."""
    return {path: replace(each, fields=tuple(each.fields[i] for i in kept)) for path, each in group.items()}


def _difference(path: Path, found: Description, group: Mapping[Path, Description], choice: Choice) -> str:
    """Why a file cannot be joined to others; empty where it can."""
    head, first = next(iter(group.items()))
    try:
        require_alike(path, found, head, first, choice.axis or "")
    except Refusal as refusal:
        return refusal.what
    return ""


def size(description: Description) -> int:
    """How many bytes the values of a dataset take."""
    widths = [int(re.sub(r"\D", "", field.dtype)) // 8 * field.components for field in description.fields]
    return prod(description.shape) * sum(widths)


def _fitting(choice: Choice, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those names that can be converted, each with those before it; and of the others why not."""
    kept: list[str] = []
    left: list[str] = []
    for name in names:
        try:
            with ExitStack() as trial:
                _entered(replace(_naming(choice, [*kept, name]), files=choice.files[:1]), trial)
        except Refusal as refusal:
            left.append(f"{name}: {refusal.what}")
        else:
            kept.append(name)
    return kept, left


def _going_together(choice: Choice, refusal: Refusal) -> Choice:
    """Those openings that can be converted and are of one shape and place, of most bytes; why the others are not."""
    left: dict[int, str] = {}
    alike: list[dict[int, Description]] = []
    for i, part in enumerate(choice.parts()):
        try:
            with ExitStack() as trial:
                found = _entered(part, trial).description
        except Refusal as error:
            left[i] = error.what
            continue
        group = next((each for each in alike if not apart(found, _head(each))), None)
        if group is None:
            alike.append({i: found})
        else:
            group[i] = found
    best = max(alike, key=lambda each: sum(map(size, each.values())), default={})
    left |= {i: apart(found, _head(best)) for group in alike if group is not best for i, found in group.items()}
    kept = list(best)
    if not best or not left:
        kept, left = [0], dict.fromkeys(range(1, len(choice.openings)), refusal.what)
    return choice.only(kept).leaving(*(f"{choice.called(i)}: {left[i]}" for i in sorted(left)))


def _head(group: Mapping[int, Description]) -> Description:
    return next(iter(group.values()))


def _naming(choice: Choice, names: Sequence[str]) -> Choice:
    return replace(choice, openings=({**choice.openings[0], choice.names: list(names)},))


def _entered(choice: Choice, stack: ExitStack) -> Source:
    """A choice, opened; whatever a library raises is said to be the file's fault."""
    with ExitStack() as trial:
        sources = [_source(each, each.openings[0], trial) for each in choice.parts()]
        found = sources[0] if len(sources) == 1 else Together(choice.files[0], sources, choice.titles)
        stack.push(trial.pop_all())
    return found


def _source(choice: Choice, options: Mapping[str, Any], stack: ExitStack) -> Source:
    function: Opener = opener(f"dbproc.codes.{choice.program}:open_source")
    try:
        if choice.axis is None:
            return stack.enter_context(function(choice.files, options))
        return stack.enter_context(joined(function, choice.files, options, choice.axis, choice.new_axis))
    except (Refusal, MemoryError):
        raise
    except Exception as error:
        what = f"it seems damaged, it cannot be read: {type(error).__name__}: {error}"
        raise Refusal(choice.files[0], what, GET_AGAIN) from error


def _without(axis: Axis, kept: Sequence[bool]) -> Axis:
    """An axis of fewer files."""

    def chosen(values: Any) -> Any:
        if isinstance(values, list | tuple) and len(values) == len(kept):
            return type(values)(value for value, keep in zip(values, kept, strict=True) if keep)
        return values

    attributes = {name: chosen(value) for name, value in axis.attributes.items()}
    return replace(axis, size=sum(kept), coordinates=chosen(axis.coordinates), regular=None, attributes=attributes)


def _told(options: Mapping[str, Any]) -> list[str]:
    """Options as they stand on a command line."""
    shown = {name: value for name, value in options.items() if name not in HIDDEN and value != DEFAULTS.get(name)}
    return [word for name, value in shown.items() for word in _words(name, value)]


def _words(name: str, value: Any) -> list[str]:
    option = WORDS.get(name, f"--{name.replace('_', '-')}")
    if value is True:
        return [option]
    if isinstance(value, list | tuple):
        each = value if name in WORDS else [",".join(map(str, value))]
        return [word for one in each for word in (option, str(one))]
    return [] if value is None or value is False or value == "" else [option, str(value)]


def library(name: str, path: Path, package: str) -> Any:
    """A library that is an extra, or a refusal that names it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Refusal(path, f"such files need the package {package}", "pip install 'dbproc[formats]'") from error
