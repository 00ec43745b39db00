"""Compare a mission file with the database's definition: the changes that make them equal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from dbproc.core.durations import duration_text
from dbproc.core.keys import Effect, Key, keys
from dbproc.core.model import Build, Validity
from dbproc.core.spec import (
    Change,
    CodeSpec,
    Definition,
    Holdings,
    InputSpec,
    InspectorSpec,
    Kind,
    MissionSpec,
    ProcessSpec,
    ProductSpec,
)
from dbproc.core.version import Version
from dbproc.mission.formats import can_be_alike, format_of
from dbproc.mission.problems import Problem, raise_for

_AnySpec = TypeVar("_AnySpec", MissionSpec, ProductSpec, InspectorSpec, ProcessSpec, CodeSpec)


@dataclass(slots=True)
class _Comparison:
    """The changes and the refusals so far."""

    changes: list[Change]
    problems: list[Problem]


def difference(
    old: Definition | None, new: Definition, holdings: Holdings | None = None, *, rollback: bool = False
) -> list[Change]:
    """The changes that turn `old` into `new`.

    Parameters
    ----------
    old
        The database's definition, None when it is empty.
    new
        The mission file's definition.
    holdings
        The parts of `old` that cannot be removed, and the codes retired before.
    rollback
        Accept a lower version of a code as a return to an earlier one.

    Returns
    -------
    list of Change
        In the order in which they can be made; empty when both are equal.

    Raises
    ------
    DefinitionError
        A code's version was lowered, or something changed that a code's version must say; the mission has another name.
    """
    held = holdings or Holdings(definition=old)
    whole = merged(old, new)
    found = _Comparison([], [])
    if old is None:
        details = (f"root {whole.mission.root}",)
        found.changes.append(_change(Kind.ADD, f"mission {whole.mission.name}", whole.mission, None, details))
    else:
        _compare_missions(old.mission, whole.mission, found)
    renamed = _renamed(old, whole)
    gone = {} if new.partial else _gone(old, whole, renamed)
    _remove_processes(gone, held, found)
    _compare_products(old, whole, found)
    _compare_processes(old, whole, held, renamed, found, rollback=rollback)
    _refuse_taken_names(old, whole, held, found)
    _refuse_taken_outputs(old, whole, held, renamed, found)
    if old is not None and not new.partial:
        _remove_products(old, whole, gone, held, found)
    raise_for(found.problems, new.source, new.finder)
    return found.changes


def merged(old: Definition | None, new: Definition) -> Definition:
    """`new` as a whole: a partial one is completed with what is in use in the database."""
    if not new.partial:
        return new
    if old is None:
        return replace(new, partial=False)
    products = {name: product for name, product in old.products.items() if product.active}
    processes = {name: process for name, process in old.processes.items() if process.codes}
    declared = {
        name: _with_keywords(_with_limits(process, old.processes.get(name)), old, new)
        for name, process in new.processes.items()
    }
    return replace(
        new,
        mission=_with_unsaid(new.mission, old.mission),
        products={**products, **new.products},
        processes={**processes, **declared},
        partial=False,
    )


def _with_limits(process: ProcessSpec, old: ProcessSpec | None) -> ProcessSpec:
    """Complete a process of an INI file with what that cannot say: limits, and codes for other dates."""
    if old is None:
        return process
    pairs = _pairs(old.codes, process.codes)
    codes = tuple(
        _with_unsaid(code, pairs[position]) if position in pairs else code
        for position, code in enumerate(process.codes)
    )
    others = _rest(old.codes, pairs)
    return replace(process, codes=codes + others)


def _with_keywords(process: ProcessSpec, old: Definition, new: Definition) -> ProcessSpec:
    """Leave what keywords do to a process of an INI file as it is, where nothing changes that it depends on."""
    before = old.processes.get(process.name)
    names = {*process.outputs, *(given.product for given in process.inputs)}
    is_same = (
        before is not None
        and before.timebase == process.timebase
        and names == {*before.outputs, *(given.product for given in before.inputs)}
        and names.isdisjoint(_reformatted(old, new))
    )
    return replace(process, keywords=before.keywords) if before is not None and is_same else process


def _with_unsaid(new: _AnySpec, old: _AnySpec) -> _AnySpec:
    """Complete an INI file's specification with the keys that dbprocessing does not have."""
    return replace(new, **{key.name: getattr(old, key.name) for key in keys(type(new)) if key.ini is None})


def _compare_missions(old: MissionSpec, new: MissionSpec, found: _Comparison) -> None:
    if old.name != new.name:
        text = f"this database holds the mission {old.name!r}; name that, or give the database of {new.name!r}"
        found.problems.append(Problem(("mission", "name"), text))
    details = tuple(_differences(old, new))
    if details:
        found.changes.append(_change(Kind.CHANGE, f"mission {new.name}", new, old, details))


def _compare_products(old: Definition | None, new: Definition, found: _Comparison) -> None:
    held = old.products if old else {}
    for name, product in new.products.items():
        before = held.get(name)
        if before is None:
            details = (product.format, *_keyword_words(product))
            found.changes.append(_change(Kind.ADD, f"product {name}", product, None, details))
            continue
        details = (
            *_differences(before, product),
            *_inspectors(before.inspector, product.inspector),
        )
        if not before.active:
            details = ("it was retired, and is used again", *details)
            found.changes.append(_change(Kind.RESTORE, f"product {name}", product, before, details))
        elif details:
            found.changes.append(_change(Kind.CHANGE, f"product {name}", product, before, details))


def _keyword_words(product: ProductSpec) -> Iterator[str]:
    """The keywords in the format of a new product: a typo makes one, too."""
    made = format_of(product)
    if made is not None and made.keyword_fields:
        words = "keyword" if len(made.keyword_fields) == 1 else "keywords"
        yield f"{words} {', '.join(f'{{{each}}}' for each in sorted(made.keyword_fields))}"


def _inspectors(old: InspectorSpec, new: InspectorSpec) -> Iterator[str]:
    if old.file != new.file:
        yield f"the inspector {_shown(old.file)} → {_shown(new.file)}"
    if dict(old.arguments) != dict(new.arguments):
        yield f"the inspector's arguments {_shown(dict(old.arguments))} → {_shown(dict(new.arguments))}"
    if old.version != new.version and not old.is_raised_from(new):
        yield f"the inspector's version {old.version} → {new.version}"
    yield from (f"the inspector's {words}" for words in _differences(old, new))


def _renamed(old: Definition | None, new: Definition) -> Mapping[str, str]:
    """Processes with a new name, and the old one; equal outputs say that they are the same."""
    if old is None:
        return {}
    gone = {each.output: name for name, each in old.processes.items() if each.output and name not in new.processes}
    return {
        name: gone[each.output]
        for name, each in new.processes.items()
        if name not in old.processes and each.output in gone
    }


def _gone(old: Definition | None, new: Definition, renamed: Mapping[str, str]) -> dict[str, ProcessSpec]:
    """The database's processes that the mission file lacks."""
    stay = {*new.processes, *renamed.values()}
    return {name: process for name, process in (old.processes if old else {}).items() if name not in stay}


def _refuse_taken_names(old: Definition | None, new: Definition, held: Holdings, found: _Comparison) -> None:
    """A product that left the mission file keeps the names of its files."""
    known = old.products if old else {}
    kept = [each for name, each in known.items() if held.files.get(name, 0) and not _stays(each, new)]
    for name, product in new.products.items():
        before = known.get(name)
        if before is not None and before.format == product.format:
            continue
        for other in kept:
            if other.name != name and other.format and can_be_alike(other.format, product.format):
                count = held.files[other.name]
                text = f"these are the names of {count} files of the product {other.name!r}, which is no longer there"
                remedy = f"a name stays taken: keep the product's name {other.name!r}, or give it another format"
                found.problems.append(Problem(("product", name, "format"), f"{text}; {remedy}"))
                break


def _stays(product: ProductSpec, new: Definition) -> bool:
    """Whether a product of the database is in the mission file."""
    return product.name in new.products


def _refuse_taken_outputs(
    old: Definition | None, new: Definition, held: Holdings, renamed: Mapping[str, str], found: _Comparison
) -> None:
    """A process that stays in the database for its files keeps its output product."""
    gone = _gone(old, new, renamed)
    stay = {made: name for name, each in gone.items() if held.uses.get(name, 0) for made in each.outputs}
    for name, process in new.processes.items():
        for made in process.outputs:
            if made in stay:
                text = f"{made!r} was made by the process {stay[made]!r}, which is no longer there"
                text += "; give the process that makes it that name again"
                found.problems.append(Problem(("process", name, "output"), text))


def _compare_processes(
    old: Definition | None,
    new: Definition,
    held: Holdings,
    renamed: Mapping[str, str],
    found: _Comparison,
    *,
    rollback: bool,
) -> None:
    known = old.processes if old else {}
    reformatted = _reformatted(old, new)
    for name, process in new.processes.items():
        old_name = renamed.get(name, name)
        before = known.get(old_name)
        if before is None:
            found.changes.append(_change(Kind.ADD, f"process {name}", process, None, (_summary(process),)))
        else:
            again = _look_again(old, new, before, process, not reformatted.isdisjoint(process.outputs))
            found.changes.extend(_process_changes(before, process, again))
        codes = _Codes(process, before.codes if before else (), held.retired.get(old_name, ()), rollback)
        _compare_codes(codes, found)


def _reformatted(old: Definition | None, new: Definition) -> set[str]:
    """The products whose filename format changes."""
    held = old.products if old else {}
    return {name for name, product in new.products.items() if name in held and held[name].format != product.format}


def _process_changes(old: ProcessSpec, new: ProcessSpec, again: str) -> Iterator[Change]:
    """`again`: the reason to look at the process again although it may be unchanged."""
    telling = [f"name {old.name} → {new.name}"] if old.name != new.name else []
    telling += _differences(old, new, Effect.IN_PLACE)
    details = [
        *_differences(old, new, Effect.LOOK_AGAIN),
        *_input_differences(old.inputs, new.inputs),
    ]
    place = f"process {new.name}"
    if telling or details:
        why = f"process {new.name}: {'; '.join(details)}" if details else again
        yield _change(Kind.CHANGE, place, new, old, (*telling, *details), again=why)
    elif again:
        yield _change(Kind.CHANGE, place, new, old, (f"looked at again, because {again}",), again=again)


def _look_again(
    old: Definition | None, new: Definition, before: ProcessSpec, after: ProcessSpec, reformatted: bool
) -> str:
    """The reason why outputs may be stale although the process itself does not change."""
    if reformatted:
        return f"the format of {', '.join(after.outputs)} changed"
    if old is not None and _cuts_off(old.mission, before) and not _cuts_off(new.mission, after):
        return "early_cutoff is off from now on"
    changed = _expected_otherwise(old, new, after)
    return f"what is expected of {', '.join(changed)} changed" if changed else ""


def _expected_otherwise(old: Definition | None, new: Definition, process: ProcessSpec) -> list[str]:
    """The inputs of which a process waits for something else than before."""
    held = old.products if old is not None and process.build is Build.WHEN_COMPLETE else {}
    pairs = [(held[each.product], new.products[each.product]) for each in process.inputs if each.product in held]
    return [after.name for before, after in pairs if _differing(before, after, Effect.LOOK_AGAIN)]


def _cuts_off(mission: MissionSpec, process: ProcessSpec) -> bool:
    return mission.early_cutoff if process.early_cutoff is None else process.early_cutoff


def _input_differences(old: tuple[InputSpec, ...], new: tuple[InputSpec, ...]) -> Iterator[str]:
    before = {given.product: given for given in old}
    after = {given.product: given for given in new}
    yield from (f"input {_input_words(after[name])} added" for name in after if name not in before)
    yield from (f"input {_input_words(before[name])} removed" for name in before if name not in after)
    for name, given in after.items():
        if name in before and before[name] != given:
            yield f"input {_input_words(before[name])} → {_input_words(given)}"
    if before == after and list(before) != list(after):
        yield f"order of the inputs {', '.join(before)} → {', '.join(after)}"


_VALID_WORDS = {Validity.LATEST: "the latest", Validity.COVERS: "what covers the period"}


def _input_words(given: InputSpec) -> str:
    words = [given.product]
    if given.yesterday or given.tomorrow:
        words.append(f"days before: {given.yesterday}, after: {given.tomorrow}")
    words += [f"{duration_text(given.before)} before"] if given.before else []
    words += [f"{duration_text(given.after)} after"] if given.after else []
    words += [_VALID_WORDS[given.valid]] if given.valid else []
    words += [f"at most {duration_text(given.max_age)} old"] if given.max_age else []
    words += [f"quality {' or '.join(given.quality)}"] if given.quality else []
    if given.optional:
        words.append("optional")
    if given.choice and given.choice != given.product:
        words.append(f"where there is no {given.choice}")
    elif given.choice:
        words.append("the best of its choice")
    return f"{words[0]} ({', '.join(words[1:])})" if len(words) > 1 else words[0]


def _summary(process: ProcessSpec) -> str:
    inputs = ", ".join(_input_words(given) for given in process.inputs)
    return f"{process.timebase}, {inputs or 'nothing'} → {', '.join(process.outputs) or 'nothing'}"


@dataclass(frozen=True, slots=True)
class _Codes:
    """The codes of a process: wanted, current and retired."""

    process: ProcessSpec
    current: tuple[CodeSpec, ...]
    retired: tuple[CodeSpec, ...]
    rollback: bool

    def earlier(self, version: Version) -> CodeSpec | None:
        """The latest code with this version."""
        known = [each for each in (*self.retired, *self.current) if each.used == version]
        return max(known, key=lambda each: each.code_id or 0, default=None)

    def versions(self) -> str:
        """Every version so far, in words."""
        return ", ".join(str(version) for version in sorted({each.used for each in (*self.retired, *self.current)}))


def _compare_codes(codes: _Codes, found: _Comparison) -> None:
    process = codes.process
    pairs = _pairs(codes.current, process.codes)
    for code in _rest(codes.current, pairs):
        details = ("it is no longer in the mission file; what it made stays",)
        found.changes.append(_code_change(Kind.RETIRE, process, code, None, details))
    for position, code in enumerate(process.codes):
        before = pairs.get(position)
        answer = _new_code(codes, code) if before is None else _continued(codes, before, code)
        if isinstance(answer, str):
            found.problems.append(Problem(("process", process.name, "code", position, "version"), answer))
        elif answer is not None:
            found.changes.append(answer)


def _continued(codes: _Codes, before: CodeSpec, code: CodeSpec) -> Change | str | None:
    """The change for a code that continues another; a text when it is refused, None when nothing changes."""
    if before.version == code.version and code.running in (None, before.running):
        return _same_version(codes.process, before, code)
    if code.used > before.used:
        details = (f"replaces {_code_name(before)}",)
        again = f"code {_code_name(code)} released"
        return _code_change(Kind.RELEASE, codes.process, before, code, details, again=again)
    if code.used == before.used:
        text = f"{code.version} is the version that the database raised from {before.version}"
        return f"{text}; {_above(before.used)}"
    if codes.rollback:
        return _rolled_back(codes, before, code)
    text = f"{code.used} is not above {before.used}, which the database runs; {_above(before.used)}"
    return f"{text}, or say that it is a rollback: --rollback" if codes.earlier(code.used) else text


def _rolled_back(codes: _Codes, before: CodeSpec | None, code: CodeSpec) -> Change | str:
    """The release of an earlier version."""
    earlier = codes.earlier(code.used)
    if earlier is None:
        return f"{code.used} never was a version of {codes.process.name}; there were: {codes.versions()}"
    changed = "; ".join(_differences(code, earlier, Effect.RELEASE, Effect.BYTES))
    if changed:
        return f"that is not what {code.used} was ({changed}); write it as it was, or {_above(codes.versions())}"
    kind = Kind.RELEASE if before else Kind.ADD
    details = (f"rolls back from {_code_name(before)}" if before else f"rolls back, {_dates(code)}",)
    again = f"code {_code_name(code)} rolled back"
    return _code_change(kind, codes.process, before, code, details, again=again, is_rollback=True)


def _same_version(process: ProcessSpec, before: CodeSpec, code: CodeSpec) -> Change | str | None:
    changed = list(_differences(before, code, Effect.RELEASE))
    if changed:
        return f"{'; '.join(changed)}: that changes what the code makes, so raise its version; {_above(before.used)}"
    details = tuple(_differences(before, code))
    if not details:
        return None
    dates = "; ".join(_differences(before, code, Effect.LOOK_AGAIN))
    again = f"code {_code_name(code)}: {dates}" if dates and code.active else ""
    return _code_change(Kind.CHANGE, process, before, code, details, again=again)


def _new_code(codes: _Codes, code: CodeSpec) -> Change | str:
    """A code that replaces none: new, the same as another for other dates, or a retired one that returns."""
    again = f"code {_code_name(code)} added" if code.active else ""
    twin = next((each for each in codes.current if _is_same_code(each, code)), None)
    if twin is not None:
        code = replace(code, running=twin.running, digest=twin.digest, kept=twin.kept)
        same = (_dates(code), f"the same as for {twin.start} to {twin.stop}")
        return _code_change(Kind.ADD, codes.process, None, code, same, again=again)
    retired = [each for each in codes.retired if each.file == code.file]
    newest = max(retired, key=lambda each: each.used, default=None)
    if newest is None or code.used > newest.used:
        return _code_change(Kind.ADD, codes.process, None, code, (_dates(code),), again=again)
    last = max(retired, key=lambda each: each.code_id or 0)
    if last.version == code.version and not any(_differences(last, code, Effect.RELEASE)):
        details = ("it was retired, and is used again",)
        return _code_change(Kind.RESTORE, codes.process, last, code, details, again=again)
    if codes.rollback:
        return _rolled_back(codes, None, code)
    text = f"{code.file} was retired at {newest.used}, and {code.used} is not above it; {_above(newest.used)}"
    return f"{text}, or say that it is a rollback: --rollback" if codes.earlier(code.used) else text


def _is_same_code(one: CodeSpec, other: CodeSpec) -> bool:
    """Whether two codes differ only in dates and in keys that may change under one version."""
    if not one.active or one.version != other.version or other.running not in (None, one.running):
        return False
    return not any(_differences(one, other, Effect.RELEASE, Effect.BYTES))


def _pairs(old: Iterable[CodeSpec], new: Iterable[CodeSpec]) -> dict[int, CodeSpec]:
    """Pair positions in `new` with the codes of `old` that they continue, most similar first."""
    candidates = [
        (likeness, position, number, before)
        for position, code in enumerate(new)
        for number, before in enumerate(old)
        if (likeness := _likeness(before, code)) is not None
    ]
    candidates.sort(key=lambda item: (item[0], -item[1], -item[2]), reverse=True)
    pairs: dict[int, CodeSpec] = {}
    taken: set[int] = set()
    for _, position, number, before in candidates:
        if position not in pairs and number not in taken:
            pairs[position] = before
            taken.add(number)
    return pairs


def _rest(codes: Iterable[CodeSpec], pairs: Mapping[int, CodeSpec]) -> tuple[CodeSpec, ...]:
    return tuple(code for code in codes if not any(code is paired for paired in pairs.values()))


def _likeness(old: CodeSpec, new: CodeSpec) -> tuple[bool, ...] | None:
    """The similarity of two codes; None when they share neither the file nor a date."""
    same_file = old.file == new.file
    overlap = max(old.start, new.start) <= min(old.stop, new.stop)
    if not same_file and not overlap:
        return None
    same_call = not any(key.name != "file" for key in _differing(old, new, Effect.RELEASE))
    return same_file and overlap, same_file, same_call, old.version == new.version, old.start == new.start


def _remove_processes(gone: Mapping[str, ProcessSpec], held: Holdings, found: _Comparison) -> None:
    for name, process in gone.items():
        if not held.uses.get(name, 0):
            details = ("it is not in the mission file, and nothing was made by it",)
            found.changes.append(_change(Kind.DELETE, f"process {name}", None, process, details))
            continue
        for code in process.codes:
            details = ("its process is not in the mission file; what it made stays",)
            found.changes.append(_code_change(Kind.RETIRE, process, code, None, details))


def _remove_products(
    old: Definition, new: Definition, gone: Mapping[str, ProcessSpec], held: Holdings, found: _Comparison
) -> None:
    needed = _needed_products(gone, held)
    for name, product in old.products.items():
        if name in new.products:
            continue
        files = held.files.get(name, 0)
        if not files and name not in needed:
            details = ("it is not in the mission file, and no file is of it",)
            found.changes.append(_change(Kind.DELETE, f"product {name}", None, product, details))
        elif product.active:
            stays = f"its files ({files}) stay" if files else f"the retired process {needed[name]} refers to it"
            details = (f"it is not in the mission file; {stays}, no new ones are taken in",)
            found.changes.append(_change(Kind.RETIRE, f"product {name}", None, product, details))


def _needed_products(gone: Mapping[str, ProcessSpec], held: Holdings) -> dict[str, str]:
    """Products that a retired process refers to, with that process."""
    return {
        product: name
        for name, process in gone.items()
        if held.uses.get(name, 0)
        for product in (*(given.product for given in process.inputs), *process.outputs)
    }


def _change(
    kind: Kind,
    place: str,
    new: MissionSpec | ProductSpec | ProcessSpec | None,
    old: MissionSpec | ProductSpec | ProcessSpec | None,
    details: tuple[str, ...],
    again: str = "",
) -> Change:
    known = old or new
    name = known.name if known else ""
    return Change(kind=kind, place=place, name=name, old=old, new=new, details=details, again=again)


def _code_change(
    kind: Kind,
    process: ProcessSpec,
    old: CodeSpec | None,
    new: CodeSpec | None,
    details: tuple[str, ...],
    again: str = "",
    *,
    is_rollback: bool = False,
) -> Change:
    code = new or old
    place = f"code {_code_name(code) if code else ''} of process {process.name}"
    return Change(
        kind=kind,
        place=place,
        name=process.name,
        old=old,
        new=new,
        details=details,
        again=again,
        is_rollback=is_rollback,
    )


def _code_name(code: CodeSpec) -> str:
    return f"{code.file} {code.used}"


def _dates(code: CodeSpec) -> str:
    return f"for {code.start} to {code.stop}" + ("" if code.active else ", not active")


def _above(version: object) -> str:
    return f"give a version above {version}"


def _differences(old: _AnySpec, new: _AnySpec, *effects: Effect) -> Iterator[str]:
    """``level 1.0 → 2.0`` for every different scalar key, or only those with one of these effects."""
    for key in _differing(old, new, *effects):
        remark = f" ({key.remark})" if key.remark else ""
        yield f"{key.words} {_shown(getattr(old, key.name))} → {_shown(getattr(new, key.name))}{remark}"


def _differing(old: _AnySpec, new: _AnySpec, *effects: Effect) -> list[Key]:
    return [
        key
        for key in keys(type(new))
        if key.effect in (effects or tuple(Effect)) and getattr(old, key.name) != getattr(new, key.name)
    ]


def _shown(value: object) -> str:
    """A value for people."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "none"
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    if isinstance(value, str):
        return f'"{value}"'
    return "none" if value is None else str(value)
